"""Two trajectories whose equivalent atoms have changed places."""

import torch
from rdkit import Chem

from neuralmd_cli.analysis.symmetry import equivalent_orders
from neuralmd_cli.comparison.compare import compare
from neuralmd_cli.inspection.poses import poses
from neuralmd_cli.opening.opened import open_trajectory
from neuralmd_cli.readers import read_trajectory
from tests.scenes import heavy_start, molecule, write_run


def turned_ring(folder):
    """A run, and one whose phenyl has turned by half in every other snapshot."""
    full = molecule()
    start = heavy_start(full)
    orders = equivalent_orders(Chem.RemoveHs(full))
    assert len(orders) == 2
    generator = torch.Generator().manual_seed(2)
    still = start + 0.05 * torch.randn(10, *start.shape, generator=generator)
    turned = still.clone()
    turned[1::2] = still[1::2][:, orders[1]]
    return (
        write_run(folder, still, full, name="still"),
        write_run(folder, turned, full, name="turned"),
    )


def test_a_turned_ring_is_told_beside_the_rmsd(tmp_path):
    """The metrics follow names; the note says what remains if it does not matter."""
    still, turned = (read_trajectory(x) for x in turned_ring(tmp_path))
    notes = compare(turned, still).notes
    (note,) = [x for x in notes if x.startswith("equivalent atoms have changed")]
    assert "the RMSD is 0.000 Å instead of 0." in note
    assert not any("equivalent" in x for x in compare(still, still).notes)


def test_a_turned_ring_is_one_cluster(tmp_path):
    """With bond orders from the SDF beside the run, and without any."""
    _, turned = turned_ring(tmp_path)
    assert poses(open_trajectory(turned), 0.5).sizes.tolist() == [10]
    turned.with_suffix(".sdf").unlink()
    opened = open_trajectory(turned)
    assert opened.molecule is None
    assert poses(opened, 0.5).sizes.tolist() == [10]
