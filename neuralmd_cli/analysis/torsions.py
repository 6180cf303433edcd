"""Torsion angles of a ligand's rotatable bonds, and how their distributions differ."""

import torch
from jaxtyping import Float, Int
from rdkit import Chem
from torch import Tensor

_LINEAR = 165.0
"""A bond angle beyond this leaves a torsion about it without meaning, degrees."""


def rotatable_torsions(
    positions: Float[Tensor, "atoms 3"], bonds: Int[Tensor, "bonds 2"]
) -> Int[Tensor, "torsions 4"]:
    """One torsion per bond that can turn: in no ring, and not at the end of a chain.

    Of several neighbours the first in the ligand's order defines the angle. Bond orders
    are not asked for, so amides and double bonds are among them (they do not turn in
    prediction or reference); bonds next to a linear angle, as of an alkyne, are not.

    Args:
        positions: heavy atoms in one frame, Å.
        bonds: between heavy atoms.
    """
    neighbours: list[list[int]] = [[] for _ in range(len(positions))]
    for a, b in bonds.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    found = []
    for (a, b), in_ring in zip(
        bonds.tolist(), _in_rings(len(positions), bonds), strict=True
    ):
        before = [x for x in sorted(neighbours[a]) if x != b]
        after = [x for x in sorted(neighbours[b]) if x != a]
        if not in_ring and before and after:
            found.append((before[0], a, b, after[0]))
    torsions = torch.tensor(sorted(found), dtype=torch.long).reshape(-1, 4)
    torsions = torsions.to(positions.device)
    bent = [_angles(positions, torsions[:, k : k + 3]) < _LINEAR for k in (0, 1)]
    return torsions[bent[0] & bent[1]]


def torsion_angles(
    positions: Float[Tensor, "frames atoms 3"], torsions: Int[Tensor, "torsions 4"]
) -> Float[Tensor, "frames torsions"]:
    """Dihedral angle of each torsion in each frame, degrees, -180 to 180.

    0 is cis; positive turns clockwise, looking along the middle bond (IUPAC).
    """
    p = positions.double()[:, torsions]
    first, axis, last = (p[:, :, k + 1] - p[:, :, k] for k in range(3))
    left = torch.linalg.cross(first, axis)
    right = torch.linalg.cross(axis, last)
    sine = (first * right).sum(dim=-1) * axis.norm(dim=-1)
    cosine = (left * right).sum(dim=-1)
    return torch.rad2deg(torch.atan2(sine, cosine))


def circular_wasserstein(
    ours: Float[Tensor, "frames angles"], theirs: Float[Tensor, "other_frames angles"]
) -> Float[Tensor, " angles"]:
    """Wasserstein-1 distance on the circle of each angle's two samples, degrees.

    The mean turn, by the shorter way, of the cheapest plan that makes one sample the
    other: min_c ∫ |F(x) - G(x) - c| dx over the circle, where c is a median of F - G
    (Rabin, Delon & Gousseau 2011). 0 to 180; a shared shift of both changes nothing.
    NaN where an angle is not finite.

    Args:
        ours, theirs: degrees; neither may be empty.
    """
    points = torch.cat([ours, theirs]).double() % 360
    points, order = points.sort(dim=0)
    step = torch.full((len(points), 1), -1 / len(theirs), dtype=torch.double)
    step[: len(ours)] = 1 / len(ours)
    difference = step.to(points.device).expand_as(points).gather(0, order).cumsum(dim=0)
    gaps = torch.cat([points[1:], points[:1] + 360]) - points
    sorted_difference, rank = difference.sort(dim=0)
    below = gaps.gather(0, rank).cumsum(dim=0)
    middle = (below < 180).sum(dim=0, keepdim=True).clamp(max=len(points) - 1)
    median = sorted_difference.gather(0, middle)
    return (gaps * (difference - median).abs()).sum(dim=0)


def _angles(
    positions: Float[Tensor, "atoms 3"], triples: Int[Tensor, "triples 3"]
) -> Float[Tensor, " triples"]:
    """Angle at the middle atom of each triple, degrees."""
    first, middle, last = positions.double()[triples].unbind(dim=1)
    a, b = first - middle, last - middle
    cross = torch.linalg.cross(a, b).norm(dim=-1)
    return torch.rad2deg(torch.atan2(cross, (a * b).sum(dim=-1)))


def _in_rings(n_atoms: int, bonds: Int[Tensor, "bonds 2"]) -> list[bool]:
    """Whether each bond is part of a ring."""
    graph = Chem.RWMol()
    for _ in range(n_atoms):
        graph.AddAtom(Chem.Atom(0))
    for a, b in bonds.tolist():
        graph.AddBond(a, b, Chem.BondType.SINGLE)
    Chem.FastFindRings(graph)
    return [graph.GetBondBetweenAtoms(a, b).IsInRing() for a, b in bonds.tolist()]
