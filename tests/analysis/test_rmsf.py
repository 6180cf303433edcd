import math

import pytest
import torch

from neuralmd_cli.analysis.rmsf import rmsf


def test_a_ligand_that_stays_does_not_fluctuate():
    """RMSF of a constant trajectory is exactly 0, far from the origin too."""
    positions = (1000.1 + torch.randn(1, 6, 3)).expand(12, -1, -1)
    result = rmsf(positions)
    assert result.per_atom.max() == 0
    assert result.per_window.max() == 0
    assert result.total == 0


def test_two_state_atom_fluctuates_by_half_the_distance():
    """An atom jumping between two points 2a apart has an RMSF of a."""
    positions = torch.zeros(8, 2, 3)
    positions[::2, 0, 1] = 3.0
    result = rmsf(positions, window=2)
    assert result.per_atom.tolist() == pytest.approx([1.5, 0.0])
    # both atoms together: sqrt((1.5² + 0²) / 2)
    assert result.per_window.tolist() == pytest.approx([1.5 / math.sqrt(2)] * 7)


def test_circling_atom_fluctuates_by_the_radius():
    """An atom going round a circle evenly has the circle's radius as RMSF."""
    angle = torch.arange(12, dtype=torch.double) * 2 * math.pi / 12
    circle = torch.stack([angle.cos(), angle.sin(), 0 * angle], dim=1)
    assert rmsf(2.5 * circle[:, None]).total == pytest.approx(2.5)


def test_windows_follow_the_papers_equation():
    """Each window is sqrt(E_t[1/N Σ |r - <r>|²]) of its own snapshots, sliding by 1."""
    positions = torch.randn(20, 4, 3, dtype=torch.double)
    result = rmsf(positions, window=5)
    assert len(result.per_window) == 16
    for start, value in enumerate(result.per_window.tolist()):
        part = positions[start : start + 5]
        squared = (part - part.mean(0)).square().sum(2).mean(1)
        assert value == pytest.approx(math.sqrt(squared.mean()))


def test_a_window_of_all_snapshots_is_the_whole():
    """With one window over everything, window and total RMSF agree."""
    result = rmsf(torch.randn(7, 3, 3), window=7)
    assert result.per_window.tolist() == pytest.approx([result.total])


@pytest.mark.parametrize("window", [1, 6])
def test_impossible_windows_are_refused(window):
    """A window needs two snapshots and no more than there are."""
    with pytest.raises(ValueError, match="window"):
        rmsf(torch.zeros(5, 2, 3), window=window)
