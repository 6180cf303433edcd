"""Which distances and which flat groups a molecule keeps while it moves."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Float, Int
from torch import Tensor

LARGEST_RING = 6
"""Rings up to this size keep their shape; larger ones only bonds and angles."""
DOUBLE_BOND = {(6, 6): 1.40, (6, 7): 1.32, (7, 7): 1.30, (6, 8): 1.31, (6, 16): 1.72}
"""Å, by atomic numbers: a shorter bond is a double one, or nearly."""
CONJUGATED = (7, 8)
"""Elements whose bond to a carbonyl carbon does not turn."""
FLAT = 0.85
"""|cos| of a torsion beyond which four atoms count as flat (some 30°)."""


@dataclass(frozen=True, kw_only=True)
class StiffParts:
    """Pairs whose distance and quadruples whose volume stays as it is."""

    pairs: Int[Tensor, "pairs 2"]
    quadruples: Int[Tensor, "quadruples 4"]


def stiff_parts(
    positions: Float[Tensor, "atoms 3"],
    atomic_numbers: Int[Tensor, " atoms"],
    bonds: Int[Tensor, "bonds 2"],
) -> StiffParts:
    """Find what is stiff in one molecule, from its bonds and its geometry.

    Distances: bonded atoms, atoms two bonds apart, all of a small ring, and the ends
    of a torsion that does not turn (double bonds, amides). Distances alone leave a
    flat group free to fold to first order, so the signed volume of four atoms is kept
    as well: each branching atom with its neighbours (flat or pyramidal, and which way
    up), four atoms along a small ring, and those of a torsion that does not turn.

    Args:
        positions: of one molecule, Å.
        atomic_numbers: Z of each atom.
        bonds: pairs of its atoms.
    """
    neighbours: list[list[int]] = [[] for _ in range(len(positions))]
    for a, b in bonds.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    rings = _rings(neighbours)
    stiff = list(_stiff_torsions(positions, atomic_numbers, neighbours, rings))
    pairs = {tuple(sorted(x)) for x in bonds.tolist()}
    for around in neighbours:
        pairs |= {tuple(sorted(x)) for x in combinations(around, 2)}
    for ring in rings:
        pairs |= {tuple(sorted(x)) for x in combinations(ring, 2)}
    pairs |= {tuple(sorted((x[0], x[3]))) for x in stiff}
    quadruples = [(i, *x[:3]) for i, x in enumerate(neighbours) if len(x) > 2]
    for ring in rings:
        size = len(ring)
        turns = size if size > 3 else 0
        quadruples += [
            (ring[k], *(ring[(k + j) % size] for j in (1, 2, 3))) for k in range(turns)
        ]
    quadruples += stiff
    device = positions.device
    return StiffParts(
        pairs=torch.tensor(sorted(pairs), device=device).reshape(-1, 2).long(),
        quadruples=torch.tensor(quadruples, device=device).reshape(-1, 4).long(),
    )


def _rings(neighbours: list[list[int]]) -> list[tuple[int, ...]]:
    """The smallest ring through each bond, if it is small; each ring once."""
    found: dict[frozenset[int], tuple[int, ...]] = {}
    for a, around in enumerate(neighbours):
        for b in around:
            if a < b and (ring := _shortest_way(neighbours, a, b)):
                found.setdefault(frozenset(ring), ring)
    return list(found.values())


def _shortest_way(
    neighbours: list[list[int]], start: int, end: int
) -> tuple[int, ...] | None:
    """Atoms from start to end that do not use the bond between them."""
    ways: list[tuple[int, ...]] = [(start,)]
    seen = {start}
    for _ in range(LARGEST_RING - 1):
        longer: list[tuple[int, ...]] = []
        for way in ways:
            for atom in neighbours[way[-1]]:
                if atom == end and len(way) > 1:
                    return (*way, end)
                if atom not in seen and atom != end:
                    seen.add(atom)
                    longer.append((*way, atom))
        ways = longer
    return None


def _stiff_torsions(
    positions: Float[Tensor, "atoms 3"],
    atomic_numbers: Int[Tensor, " atoms"],
    neighbours: list[list[int]],
    rings: list[tuple[int, ...]],
) -> Iterator[tuple[int, int, int, int]]:
    """Flat torsions about double bonds, amides and esters that are in no small ring."""
    z = atomic_numbers.tolist()
    x = positions.detach().double()

    def is_double(a: int, b: int) -> bool:
        limit = DOUBLE_BOND.get((min(z[a], z[b]), max(z[a], z[b])), 0.0)
        return float((x[a] - x[b]).norm()) < limit

    def is_carbonyl(a: int) -> bool:
        ends = [b for b in neighbours[a] if len(neighbours[b]) == 1 and z[b] in (8, 16)]
        return z[a] == 6 and any(is_double(a, b) for b in ends)

    def is_stiff(a: int, b: int) -> bool:
        amide = any(is_carbonyl(c) and z[d] in CONJUGATED for c, d in ((a, b), (b, a)))
        inside = any(a in ring and b in ring for ring in rings)
        return (amide or is_double(a, b)) and not inside

    bonds = [(j, k) for j, around in enumerate(neighbours) for k in around if j < k]
    for j, k in bonds:
        torsions = [
            (i, j, k, m)
            for i in neighbours[j]
            for m in neighbours[k]
            if i != k and m != j and i != m
        ]
        flat = all(abs(_torsion_cosine(x, t)) > FLAT for t in torsions)
        if torsions and flat and is_stiff(j, k):
            yield from torsions


def _torsion_cosine(x: Tensor, torsion: tuple[int, int, int, int]) -> float:
    i, j, k, m = (x[a] for a in torsion)
    first = torch.linalg.cross(j - i, k - j)
    second = torch.linalg.cross(k - j, m - k)
    length = first.norm() * second.norm()
    return float((first @ second) / length.clamp(min=1e-9))
