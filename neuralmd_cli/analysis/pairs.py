"""Distances between the atoms of a ligand, over many frames at once."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuralmd_cli.graph import distances

_VALUES_AT_ONCE = 4_000_000
"""Bounds the memory of a block to some 30 MB per tensor."""


def atom_pairs(n_atoms: int) -> Int[Tensor, "pairs 2"]:
    """Each pair of different atoms once, the lower index first."""
    return torch.triu_indices(n_atoms, n_atoms, offset=1).T


def pair_blocks(
    n_frames: int, pairs: Int[Tensor, "pairs 2"]
) -> Iterator[Int[Tensor, "block 2"]]:
    """The pairs in blocks whose distances in all frames fit in memory."""
    step = max(1, _VALUES_AT_ONCE // max(1, n_frames))
    for start in range(0, len(pairs), step):
        yield pairs[start : start + step]


def distance_blocks(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> Iterator[tuple[Float[Tensor, "frames block"], Float[Tensor, "frames block"]]]:
    """Distances of all pairs in both, Å, as float64, block by block."""
    ours, theirs = predicted.double(), target.double()
    pairs = atom_pairs(predicted.shape[1]).to(predicted.device)
    for block in pair_blocks(len(predicted), pairs):
        yield distances(ours, block), distances(theirs, block)


def pair_errors(
    predicted: Float[Tensor, "frames atoms 3"],
    target: Float[Tensor, "frames atoms 3"],
    tolerance: float,
) -> tuple[Float[Tensor, " frames"], Float[Tensor, " frames"]]:
    """Per frame, over all pairs of different atoms: squared errors, and good pairs.

    Args:
        predicted, target: Å.
        tolerance: up to this error a pair's distance is good, Å.

    Returns:
        The sum of squared errors of the distances (Å²), and the number of pairs whose
        distance is good. Both are zero for one atom.
    """
    squares = predicted.new_zeros(len(predicted), dtype=torch.double)
    good = torch.zeros_like(squares)
    for ours, theirs in distance_blocks(predicted, target):
        error = (ours - theirs).abs()
        squares = squares + error.square().sum(dim=1)
        good = good + (error <= tolerance).sum(dim=1)
    return squares, good


def pairs_within(
    positions: Float[Tensor, "frames atoms 3"],
    pairs: Int[Tensor, "pairs 2"],
    limits: Float[Tensor, " pairs"],
) -> Int[Tensor, " frames"]:
    """Number of pairs nearer than their limit (strictly), per frame.

    Args:
        positions: Å.
        limits: of each pair, Å.
    """
    near = torch.zeros(len(positions), dtype=torch.long, device=positions.device)
    exact, done = positions.double(), 0
    for block in pair_blocks(len(positions), pairs):
        limit = limits[done : done + len(block)]
        near = near + (distances(exact, block) < limit).sum(dim=1)
        done += len(block)
    return near
