"""Pairs that can become neighbours before anything has moved by more than a margin.

Found once where the ligand is; an evaluation then looks at these alone. On a CPU it
goes on with those within the cutoff. On a GPU it takes all, so that shapes stay the
same: a pair beyond the cutoff has an envelope of 0 and adds nothing.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuralmd_cli.graph import Slots, radius_pairs, take

MARGIN = 2.0
"""Å an atom may move before candidates are looked for again."""


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Pairs of a row of one point set and a row of another."""

    first: Int[Tensor, " pairs"]
    second: Int[Tensor, " pairs"]


@dataclass(frozen=True, kw_only=True)
class Near:
    """Candidates that are within the cutoff, and how they lie."""

    first: Int[Tensor, " pairs"]
    second: Int[Tensor, " pairs"]
    difference: Float[Tensor, "pairs 3"]  # first less second, Å
    distance: Float[Tensor, " pairs"]  # Å


def ligand_candidates(
    positions: Float[Tensor, "atoms 3"],
    atom_slots: Slots,
    cutoff: float,
    margin: float = MARGIN,
) -> Candidates:
    """Pairs of ligand atoms of one complex, each once, `first` of lower index."""
    reach = cutoff + 2 * margin
    pairs = radius_pairs(positions, atom_slots, positions, atom_slots, reach, same=True)
    once = pairs.source < pairs.target
    return Candidates(first=pairs.source[once], second=pairs.target[once])


def pocket_candidates(
    ca: Float[Tensor, "residues 3"],
    residue_slots: Slots,
    positions: Float[Tensor, "atoms 3"],
    atom_slots: Slots,
    cutoff: float,
    margin: float = MARGIN,
) -> Candidates:
    """Pairs of a ligand atom (`first`) and a residue (`second`) of one complex."""
    pairs = radius_pairs(ca, residue_slots, positions, atom_slots, cutoff + margin)
    return Candidates(first=pairs.target, second=pairs.source)


def near(
    candidates: Candidates,
    first: Float[Tensor, "firsts 3"],
    second: Float[Tensor, "seconds 3"],
    cutoff: float,
    *,
    every: bool = False,
) -> Near:
    """The candidates within the cutoff; all of them where `every` is set."""
    i, j = candidates.first, candidates.second
    difference = take(first, i) - take(second, j)
    distance = torch.linalg.vector_norm(difference, dim=-1)
    if not every:
        kept = (distance.detach() < cutoff).nonzero()[:, 0]
        i, j = i.index_select(0, kept), j.index_select(0, kept)
        difference, distance = take(difference, kept), take(distance, kept)
    return Near(first=i, second=j, difference=difference, distance=distance)


def has_drifted(
    positions: Float[Tensor, "atoms 3"],
    reference: Float[Tensor, "atoms 3"],
    margin: float = MARGIN,
) -> bool:
    """True if an atom may have moved by more than the margin: pairs may lack then."""
    along_axis = float((positions.detach() - reference).abs().max())
    return along_axis * math.sqrt(3.0) > margin
