"""Whether each frame is physically possible: bonds, clashes, contact."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from rdkit import Chem
from scipy.sparse.csgraph import shortest_path
from scipy.spatial import cKDTree
from torch import Tensor

BOND_TOLERANCE = 0.25
"""Share of its starting length by which an intact bond may differ from it.

PoseBusters' tolerance for a bond length (Buttenschoen, Morris & Deane 2024), there
against distance-geometry bounds, here against the start: a frozen ligand passes.
"""

CLASH_SHARE = 0.75
"""Atoms nearer than this share of the sum of their radii clash (PoseBusters)."""

_INTERNAL_SHARES = {4: 0.49, 5: 0.70}
"""The same within a ligand, by bonds between two atoms (5: five or more).

RDKit's distance geometry lets atoms four bonds apart come to 0.7 of the sum, others to
the sum; PoseBusters flags what is 30 % below.
"""

_FRAMES_AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class BondLengths:
    """How a ligand's bonds compare with those of the first frame."""

    intact: Float[Tensor, " frames"]  # share of bonds, 0 to 1
    largest_change: Float[Tensor, " frames"]  # Å, either sign


@dataclass(frozen=True, kw_only=True)
class Contacts:
    """The ligand's closest approach to what it can hit, in each frame.

    Infinite distance and atom -1 where there is nothing to hit.
    """

    distances: Float[Tensor, " frames"]  # Å
    ligand_atoms: Int[Tensor, " frames"]
    obstacle_atoms: Int[Tensor, " frames"]
    clashing_atoms: Int[Tensor, " frames"]  # number of ligand atoms in a clash


def bond_lengths(
    positions: Float[Tensor, "frames atoms 3"], bonds: Int[Tensor, "bonds 2"]
) -> BondLengths:
    """Share of intact bonds per frame, and the largest change of a length.

    Without bonds all are intact.
    """
    if len(bonds) == 0:
        zero = torch.zeros(len(positions), dtype=torch.double, device=positions.device)
        return BondLengths(intact=zero + 1, largest_change=zero)
    start, end = positions[:, bonds[:, 0]], positions[:, bonds[:, 1]]
    lengths = (start - end).double().norm(dim=2)
    changes = (lengths - lengths[0]).abs()
    intact = changes <= BOND_TOLERANCE * lengths[0]
    return BondLengths(
        intact=intact.double().mean(dim=1), largest_change=changes.amax(dim=1)
    )


class Surroundings:
    """What a ligand can hit, ready to be searched many times.

    One search tree per element: within an element the nearest atom is also the first
    to clash, so no list of neighbours is ever kept.
    """

    def __init__(
        self,
        positions: Float[Tensor, "obstacles 3"],
        atomic_numbers: Int[Tensor, " obstacles"],
    ) -> None:
        """Args: positions: heavy atoms that stay where they are, Å."""
        self._trees = list(_trees(positions, atomic_numbers))

    def contacts(
        self,
        positions: Float[Tensor, "frames atoms 3"],
        atomic_numbers: Int[Tensor, " atoms"],
    ) -> Contacts:
        """Closest pair of ligand and obstacle atoms, and clashes, in each frame.

        Args:
            positions: heavy atoms of the ligand, Å.
        """
        radii = _radii(atomic_numbers)
        parts = [
            self._some(positions[start : start + _FRAMES_AT_ONCE], radii)
            for start in range(0, len(positions), _FRAMES_AT_ONCE)
        ]
        distance, ligand, hit, clashing = map(np.concatenate, zip(*parts, strict=True))
        return Contacts(
            distances=torch.from_numpy(distance),
            ligand_atoms=torch.from_numpy(ligand),
            obstacle_atoms=torch.from_numpy(hit),
            clashing_atoms=torch.from_numpy(clashing),
        )

    def _some(
        self,
        positions: Float[Tensor, "frames atoms 3"],
        ligand_radii: Float[ndarray, " atoms"],
    ) -> tuple[ndarray, ndarray, ndarray, ndarray]:
        """The fields of `Contacts`."""
        frames = positions.detach().cpu().numpy()
        distances = np.full(frames.shape[:2], np.inf)
        nearest = np.full(frames.shape[:2], -1)
        clash = np.zeros(frames.shape[:2], dtype=bool)
        for tree, members, radius in self._trees:
            found, index = tree.query(frames)
            clash |= found < CLASH_SHARE * (ligand_radii + radius)
            nearest = np.where(found < distances, members[index], nearest)
            distances = np.minimum(found, distances)
        atom = distances.argmin(axis=1)
        row = np.arange(len(frames))
        obstacle = nearest[row, atom]
        atom = np.where(obstacle >= 0, atom, -1)
        return distances[row, atom], atom, obstacle, clash.sum(axis=1)


def contacts(
    positions: Float[Tensor, "frames atoms 3"],
    atomic_numbers: Int[Tensor, " atoms"],
    obstacle_positions: Float[Tensor, "obstacles 3"],
    obstacle_numbers: Int[Tensor, " obstacles"],
) -> Contacts:
    """Closest pair of ligand and obstacle atoms, and clashes, in each frame.

    Args:
        positions: heavy atoms of the ligand, Å.
        obstacle_positions: heavy atoms that stay where they are, Å.
    """
    surroundings = Surroundings(obstacle_positions, obstacle_numbers)
    return surroundings.contacts(positions, atomic_numbers)


def internal_clashes(
    positions: Float[Tensor, "frames atoms 3"],
    atomic_numbers: Int[Tensor, " atoms"],
    bonds: Int[Tensor, "bonds 2"],
) -> Int[Tensor, " frames"]:
    """Number of atom pairs of the ligand that run into each other, per frame.

    Only pairs four or more bonds apart, or in different molecules, can.

    Args:
        positions: heavy atoms, Å.
    """
    apart = _bonds_apart(len(atomic_numbers), bonds)
    radii = _radii(atomic_numbers)
    share = np.where(apart >= 5, _INTERNAL_SHARES[5], 0.0)
    share = np.where(apart == 4, _INTERNAL_SHARES[4], share)
    closest = np.triu(share * (radii[:, None] + radii[None, :]), k=1)
    first, second = map(torch.from_numpy, np.nonzero(closest))
    limit = torch.from_numpy(closest)[first, second]
    counts = []
    for start in range(0, len(positions), _FRAMES_AT_ONCE):
        frames = positions[start : start + _FRAMES_AT_ONCE].detach().cpu().double()
        distances = (frames[:, first] - frames[:, second]).norm(dim=2)
        counts.append((distances < limit).sum(dim=1))
    return torch.cat(counts)


def _trees(
    positions: Float[Tensor, "obstacles 3"], numbers: Int[Tensor, " obstacles"]
) -> Iterator[tuple[cKDTree, Int[ndarray, " members"], float]]:
    """A search tree per element, the numbers of its atoms, and its radius in Å."""
    points, elements = positions.detach().cpu().numpy(), numbers.cpu().numpy()
    for element in np.unique(elements):
        members: Bool[ndarray, " obstacles"] = elements == element
        radius = Chem.GetPeriodicTable().GetRvdw(int(element))
        yield cKDTree(points[members]), np.flatnonzero(members), radius


def _radii(atomic_numbers: Int[Tensor, " atoms"]) -> Float[ndarray, " atoms"]:
    """Van der Waals radii as RDKit has them, Å."""
    table = Chem.GetPeriodicTable()
    return np.array([table.GetRvdw(int(z)) for z in atomic_numbers.tolist()])


def _bonds_apart(
    n_atoms: int, bonds: Int[Tensor, "bonds 2"]
) -> Float[ndarray, "atoms atoms"]:
    """Number of bonds on the shortest way between two atoms; infinite without one."""
    joined = np.zeros((n_atoms, n_atoms))
    start, end = bonds.cpu().numpy().T
    joined[start, end] = joined[end, start] = 1
    apart: ndarray = shortest_path(joined, directed=False, unweighted=True)
    return apart
