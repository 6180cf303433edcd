"""How far a ligand's bonds, angles and planes are from what they can be."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers
from torch import Tensor

KT = 1.380649e-23 * 300 / 1e-18
"""kT at 300 K in MMFF94's unit of energy, md Å (1e-18 J)."""

_FLAT = (
    "[ar5^2]1[ar5^2][ar5^2][ar5^2][ar5^2]1",
    "[ar6^2]1[ar6^2][ar6^2][ar6^2][ar6^2][ar6^2]1",
    "[C;X3;^2](*)(*)=[C;X3;^2](*)(*)",
)
"""What PoseBusters asks to be flat: aromatic rings, and carbon double bonds."""


@dataclass(frozen=True, kw_only=True)
class DistanceBounds:
    """Least and greatest length of bonds or of the far ends of angles, Å."""

    pairs: Int[Tensor, "pairs 2"]
    lower: Float[Tensor, " pairs"]
    upper: Float[Tensor, " pairs"]

    def excess(self, positions: Float[Tensor, "frames atoms 3"]) -> "Largest":
        """How far beyond its bounds the worst distance is, % of the bound broken."""
        p = positions.double()
        apart = (p[:, self.pairs[:, 0]] - p[:, self.pairs[:, 1]]).norm(dim=2)
        over = torch.maximum(apart / self.upper - 1, 1 - apart / self.lower)
        return largest(100 * over.clamp(min=0), self.pairs)


@dataclass(frozen=True, kw_only=True)
class Largest:
    """The largest of several measures in each frame, and the atoms it is of."""

    values: Float[Tensor, " frames"]
    atoms: Int[Tensor, "frames members"]


def largest(
    values: Float[Tensor, "frames items"], atoms: Int[Tensor, "items members"]
) -> Largest:
    """Largest of the items per frame; 0 where there are none, NaN if one is."""
    if not values.shape[1]:
        zero = values.new_zeros(len(values))
        return Largest(values=zero, atoms=atoms.new_zeros(len(values), 0))
    top = values.max(dim=1)
    return Largest(values=top.values, atoms=atoms[top.indices])


def bond_pairs(bonds: Int[Tensor, "bonds 2"]) -> Int[Tensor, "bonds 2"]:
    """Bonds with the lower atom first."""
    return bonds.sort(dim=1).values


def angle_triples(
    bonds: Int[Tensor, "bonds 2"], n_atoms: int
) -> Int[Tensor, "angles 3"]:
    """Each angle once: an end, the middle, the other end."""
    neighbours: list[list[int]] = [[] for _ in range(n_atoms)]
    for a, b in bonds.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    found = [
        (first, middle, last)
        for middle, around in enumerate(neighbours)
        for first in around
        for last in around
        if first < last
    ]
    return torch.tensor(found, dtype=torch.long).reshape(-1, 3)


def distance_bounds(
    molecule: Chem.Mol, pairs: Int[Tensor, "pairs 2"]
) -> DistanceBounds:
    """RDKit's distance-geometry bounds, with PoseBusters' settings.

    Terminal atoms of a conjugated group (the oxygens of a carboxylate) get the bounds
    of both, as which of them has the double bond is a matter of drawing.

    Args:
        molecule: sanitised, heavy atoms.
    """
    with rdBase.BlockLogs():
        matrix = rdDistGeom.GetMoleculeBoundsMatrix(
            molecule, set15bounds=True, scaleVDW=True, doTriangleSmoothing=True
        )
    low, high = pairs.amin(dim=1).numpy(), pairs.amax(dim=1).numpy()
    lower, upper = matrix[high, low].copy(), matrix[low, high].copy()
    conjugated = Chem.MolFromSmarts(
        "[O,N;D1;$([O,N;D1]-[*]=[O,N;D1]),$([O,N;D1]=[*]-[O,N;D1])]~[*]"
    )
    groups: dict[tuple[str, ...], list[int]] = {}
    ends = zip(low.tolist(), high.tolist(), strict=True)
    place = {pair: k for k, pair in enumerate(ends)}
    for match in molecule.GetSubstructMatches(conjugated):
        row = place.get((min(match), max(match)))
        if row is not None:
            symbols = sorted(molecule.GetAtomWithIdx(i).GetSymbol() for i in match)
            groups.setdefault(tuple(symbols), []).append(row)
    for rows in groups.values():
        lower[rows], upper[rows] = lower[rows].min(), upper[rows].max()
    return DistanceBounds(
        pairs=pairs, lower=torch.from_numpy(lower), upper=torch.from_numpy(upper)
    )


def bounds_of_start(
    start: Float[Tensor, "atoms 3"], pairs: Int[Tensor, "pairs 2"]
) -> DistanceBounds:
    """The starting distances as both bounds, for want of bond orders."""
    p = start.double()
    at = (p[pairs[:, 0]] - p[pairs[:, 1]]).norm(dim=1)
    return DistanceBounds(pairs=pairs, lower=at, upper=at)


def flat_groups(molecule: Chem.Mol) -> list[tuple[int, ...]]:
    """Groups of atoms that have to lie in a plane."""
    return [
        match
        for smarts in _FLAT
        for match in molecule.GetSubstructMatches(Chem.MolFromSmarts(smarts))
    ]


def out_of_plane(
    positions: Float[Tensor, "frames atoms 3"], groups: list[tuple[int, ...]]
) -> Largest:
    """Largest distance of an atom of a group from the group's best plane, Å."""
    columns, atoms = [], []
    for group in groups:
        points = positions.double()[:, list(group)]
        points = points - points.mean(dim=1, keepdim=True)
        known = points.isfinite().all(dim=2).all(dim=1)
        _, _, vh = torch.linalg.svd(torch.where(known[:, None, None], points, 0.0))
        heights = (points @ vh[:, 2, :, None])[..., 0].abs()
        columns.append(heights.amax(dim=1))
        atoms.append((group * 2)[:6])
    if not columns:
        return largest(
            positions.new_zeros(len(positions), 0), torch.zeros(0, 6, dtype=torch.long)
        )
    return largest(torch.stack(columns, dim=1), torch.tensor(atoms))


@dataclass(frozen=True, kw_only=True)
class ThermalRanges:
    """Where a bond or angle may be by what it was at the start and by MMFF94.

    From the lower to the upper of the two; beyond that counted in spreads at 300 K,
    √(kT/k) of MMFF94's harmonic term with force constant k. MMFF94's rest value alone
    would not do: other terms shift the equilibrium, of an aryl ether by 14 degrees.
    """

    atoms: Int[Tensor, "terms members"]  # two for a bond, three for an angle
    lower: Float[Tensor, " terms"]  # Å or degrees
    upper: Float[Tensor, " terms"]
    spread: Float[Tensor, " terms"]

    def deviation(self, positions: Float[Tensor, "frames atoms 3"]) -> Largest:
        """How far the worst term is outside its range, in spreads."""
        now = _measured(positions, self.atoms)
        outside = torch.maximum(now - self.upper, self.lower - now).clamp(min=0)
        return largest(outside / self.spread, self.atoms)


def thermal_ranges(
    molecule: Chem.Mol,
    terms: Int[Tensor, "terms members"],
    start: Float[Tensor, "atoms 3"],
) -> ThermalRanges | None:
    """Ranges of bonds or angles; None if MMFF94 lacks a type.

    Args:
        molecule: with all hydrogens, heavy atoms first.
        terms: atoms of each bond (two) or angle (three).
        start: heavy atoms, Å.
    """
    with rdBase.BlockLogs():
        found = rdForceFieldHelpers.MMFFGetMoleculeProperties(molecule)
        if found is None:
            return None
        ask = (
            found.GetMMFFBondStretchParams
            if terms.shape[1] == 2
            else found.GetMMFFAngleBendParams
        )
        answers = [ask(molecule, *term) for term in terms.tolist()]
    kept = [k for k, answer in enumerate(answers) if answer and answer[1] > 0]
    constants = np.array([answers[k][1:] for k in kept]).reshape(-1, 2)
    spread = np.sqrt(KT / constants[:, 0])
    if terms.shape[1] == 3:
        spread = np.degrees(spread)
    atoms, rest = terms[kept], torch.from_numpy(constants[:, 1].copy())
    begun = _measured(start[None], atoms)[0]
    return ThermalRanges(
        atoms=atoms,
        lower=torch.minimum(rest, begun),
        upper=torch.maximum(rest, begun),
        spread=torch.from_numpy(spread),
    )


def _measured(
    positions: Float[Tensor, "frames atoms 3"], terms: Int[Tensor, "terms members"]
) -> Float[Tensor, "frames terms"]:
    """Lengths of bonds (Å) or angles at the middle atom (degrees)."""
    p = positions.double()[:, terms]
    if terms.shape[1] == 2:
        length: Tensor = (p[:, :, 0] - p[:, :, 1]).norm(dim=-1)
        return length
    a, b = p[:, :, 0] - p[:, :, 1], p[:, :, 2] - p[:, :, 1]
    sine = torch.linalg.cross(a, b).norm(dim=-1)
    return torch.rad2deg(torch.atan2(sine, (a * b).sum(dim=-1)))
