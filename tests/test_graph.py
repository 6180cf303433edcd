"""Neighbour search finds what a plain loop finds, complex by complex."""

import pytest
import torch

from neuralmd_cli import graph
from neuralmd_cli.graph import distances, radius_pairs, rigid_pairs, slots


def points(seed: int, counts: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = 4 * torch.randn(sum(counts), 3, generator=generator)
    row = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return x, row


def by_loop(a, a_row, b, b_row, cutoff, same):
    return {
        (i, j)
        for i in range(len(a))
        for j in range(len(b))
        if a_row[i] == b_row[j]
        and (a[i] - b[j]).norm() < cutoff
        and not (same and i == j)
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("block", [7, 4_000_000])
def test_pairs_are_those_of_a_plain_loop(seed, block, monkeypatch):
    """Also when the search is cut in blocks, and with an empty complex between."""
    monkeypatch.setattr(graph, "MAX_DISTANCES", block)
    a, a_row = points(seed, [5, 0, 9, 3])
    b, b_row = points(seed + 10, [4, 2, 6, 8])
    for other, other_row, same in ((a, a_row, True), (b, b_row, False)):
        pairs = radius_pairs(
            a, slots(a_row, 4), other, slots(other_row, 4), 5.0, same=same
        )
        found = list(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True))
        assert len(found) == len(set(found))
        assert set(found) == by_loop(a, a_row, other, other_row, 5.0, same)
        assert pairs.target.tolist() == sorted(pairs.target.tolist())


def test_a_point_at_the_cutoff_is_not_a_neighbour():
    """The distance must be smaller than the cutoff, not equal."""
    x = torch.tensor([[0.0, 0, 0], [5.0, 0, 0]])
    rows = slots(torch.zeros(2, dtype=torch.long), 1)
    assert len(radius_pairs(x, rows, x, rows, 5.0, same=True).source) == 0
    assert len(radius_pairs(x, rows, x, rows, 5.001, same=True).source) == 2


def test_rigid_pairs_are_bonds_and_angles():
    """In butane's chain: three bonds and two 1-3 distances, no torsion."""
    bonds = torch.tensor([[0, 1], [1, 2], [2, 3]])
    assert rigid_pairs(bonds, 4).tolist() == [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]


def test_distances_of_every_frame():
    """One distance per frame and pair."""
    x = torch.zeros(2, 2, 3)
    x[1, 1, 0] = 3.0
    assert distances(x, torch.tensor([[0, 1]])).tolist() == [[0.0], [3.0]]
