"""Which points are near each other, complex by complex.

The systems are small, so a dense masked search beats a compiled graph extension: it
runs wherever torch does, and a complex in a batch gets the pairs it gets alone.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

MAX_DISTANCES = 4_000_000
"""Distances computed at once; bounds the memory of a search to about 100 MB."""


@dataclass(frozen=True, kw_only=True)
class Slots:
    """Rows of a batch as a table, one line per complex, padded at the right."""

    rows: Int[Tensor, "complexes slots"]  # 0 where nothing is filled in
    filled: Bool[Tensor, "complexes slots"]


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Directed pairs: `source` rows of one point set, `target` rows of another."""

    source: Int[Tensor, " pairs"]
    target: Int[Tensor, " pairs"]


def slots(row_complex: Int[Tensor, " rows"], n_complexes: int) -> Slots:
    """Arrange rows by complex; rows of a complex must be contiguous."""
    counts = torch.bincount(row_complex, minlength=n_complexes)
    width = int(counts.max()) if len(row_complex) else 0
    starts = counts.cumsum(0) - counts
    slot = torch.arange(width, device=row_complex.device)
    filled = slot[None, :] < counts[:, None]
    rows = torch.where(filled, starts[:, None] + slot[None, :], 0)
    return Slots(rows=rows, filled=filled)


def radius_pairs(
    sources: Float[Tensor, "sources 3"],
    source_slots: Slots,
    targets: Float[Tensor, "targets 3"],
    target_slots: Slots,
    cutoff: float,
    *,
    same: bool = False,
) -> Pairs:
    """All pairs of one complex closer than `cutoff` (strictly), Å.

    Args:
        sources, targets: positions, Å.
        source_slots, target_slots: which rows belong to which complex.
        cutoff: Å.
        same: both sets are the same points; a point is then not its own neighbour.

    Returns:
        Pairs ordered by complex, then target, then source.
    """
    with torch.no_grad():
        table = sources[source_slots.rows]
        step = max(1, MAX_DISTANCES // max(1, table.shape[0] * table.shape[1]))
        parts = [
            _pairs_of_targets(
                table, source_slots, targets, target_slots, cutoff, same, first, step
            )
            for first in range(0, max(1, target_slots.rows.shape[1]), step)
        ]
        source = torch.cat([x for x, _ in parts])
        target = torch.cat([x for _, x in parts])
        if len(parts) > 1 and table.shape[0] > 1:
            order = torch.argsort(target, stable=True)
            source, target = source[order], target[order]
    return Pairs(source=source, target=target)


def _pairs_of_targets(
    table: Float[Tensor, "complexes source_slots 3"],
    source_slots: Slots,
    targets: Float[Tensor, "targets 3"],
    target_slots: Slots,
    cutoff: float,
    same: bool,
    first: int,
    step: int,
) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
    rows = target_slots.rows[:, first : first + step]
    filled = target_slots.filled[:, first : first + step]
    difference = targets[rows][:, :, None] - table[:, None]
    near = torch.linalg.vector_norm(difference, dim=-1) < cutoff
    near &= filled[:, :, None] & source_slots.filled[:, None]
    if same:
        near &= rows[:, :, None] != source_slots.rows[:, None]
    complex_index, target_slot, source_slot = near.nonzero(as_tuple=True)
    return (
        source_slots.rows[complex_index, source_slot],
        rows[complex_index, target_slot],
    )


def take(
    values: Float[Tensor, "rows ..."], index: Int[Tensor, " pairs"]
) -> Float[Tensor, "pairs ..."]:
    """The value of the row each pair points to; quicker than `values[index]`."""
    return values.index_select(0, index)


def sum_to(
    values: Float[Tensor, "pairs ..."], index: Int[Tensor, " pairs"], rows: int
) -> Float[Tensor, "rows ..."]:
    """Sum the values of all pairs that point to the same row."""
    out = values.new_zeros(rows, *values.shape[1:])
    # Several times faster than from a slice of a larger tensor.
    return out.index_add(0, index, values.contiguous())


def rigid_pairs(bonds: Int[Tensor, "bonds 2"], atoms: int) -> Int[Tensor, "pairs 2"]:
    """Atoms one or two bonds apart: bonds and angles fix their distance."""
    adjacency = torch.zeros(atoms, atoms, device=bonds.device)
    adjacency[bonds[:, 0], bonds[:, 1]] = 1
    adjacency = adjacency + adjacency.T
    return (torch.triu(adjacency + adjacency @ adjacency, diagonal=1) > 0).nonzero()


def distances(
    positions: Float[Tensor, "... atoms 3"], pairs: Int[Tensor, "pairs 2"]
) -> Float[Tensor, "... pairs"]:
    """Distance of each pair, Å, in every frame."""
    first, second = pairs.T
    difference = positions[..., first, :] - positions[..., second, :]
    length: Tensor = torch.linalg.vector_norm(difference, dim=-1)
    return length
