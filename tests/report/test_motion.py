"""How far the ligand went, how much it moves, and which bonds turn."""

import pytest
import torch

from neuralmd_cli.report.motion import (
    atom_fluctuations,
    distances,
    last_tenth,
    rmsd_section,
    torsions_section,
    windows_section,
)
from neuralmd_cli.report.replicas import Source, open_replicas
from tests.scenes import heavy_start, molecule, write_run


@pytest.fixture
def opened(tmp_path):
    """Replicas of a molecule, each a list of shifts of the whole ligand."""

    def make(smiles, *shifts):
        full = molecule(smiles)
        paths = []
        for k, values in enumerate(shifts):
            frames = heavy_start(full).repeat(len(values), 1, 1)
            frames += torch.tensor(values)[:, None, None] * torch.tensor([0, 0.6, 0.8])
            paths.append(write_run(tmp_path, frames, full, name=f"run{k}"))
        return open_replicas(paths, Source())

    return make


def test_a_shift_is_its_own_distance(opened):
    """No fit takes it away; the last tenth is one snapshot of ten at least."""
    (replica,) = opened("CCO", [0.5, 1.0, 3.0])
    expected = torch.tensor([0.5, 1.0, 3.0]).double()
    torch.testing.assert_close(distances(replica), expected, atol=1e-3, rtol=0)
    assert last_tenth(distances(replica)) == pytest.approx(3.0, abs=1e-3)


def test_the_words_count_the_trajectories_that_stay(opened):
    """One within 2 Å of its start, one not."""
    replicas = opened("CCO", [0.1] * 6, [0.1, 0.2, 0.3, 3.0, 3.0, 3.0])
    section = rmsd_section(replicas, [distances(x) for x in replicas])
    assert "1 of 2 trajectories end within 2 Å" in section.finding
    assert "0.10 to 3.00 Å" in section.finding
    assert section.data["every"] == [1, 1]


def test_what_comes_to_rest_is_said_to(opened):
    """The last fifth of the windows against the first."""
    resting = [1.0, -1.0] * 5 + [0.0] * 10
    assert "Motion dies out" in windows_section(opened("CCO", resting)).finding
    assert "Motion grows" in windows_section(opened("CCO", resting[::-1])).finding


def test_too_short_or_too_stiff_a_trajectory_is_said_to_be(opened):
    """A section that cannot be made has its reason."""
    replicas = opened("CCO", [0.0, 0.1])
    assert "fewer snapshots than a window of 5" in windows_section(replicas).missing
    assert "no bond that turns" in torsions_section(replicas).missing


def test_torsions_are_shares_of_all_snapshots(opened):
    """A histogram of all trajectories adds up to 100 %."""
    replicas = opened("C[C@H](O)C(=O)Nc1ccccc1", [0.0] * 6, [0.1] * 4)
    section = torsions_section(replicas)
    for shares in section.data["shares"]:
        assert sum(shares) == pytest.approx(100, abs=0.1)
    assert "leaves the well" in section.finding


def test_fluctuation_is_of_each_trajectory_alone(opened):
    """Two ligands at rest in two places do not fluctuate."""
    found = atom_fluctuations(opened("CCO", [0.0] * 6, [2.0] * 6))
    assert found.shape == (2, 3)
    torch.testing.assert_close(found, torch.zeros_like(found), atol=1e-4, rtol=0)
