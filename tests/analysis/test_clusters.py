import pytest
import torch

from neuralmd_cli.analysis.clusters import MOST, cluster_poses


@pytest.fixture
def two_poses():
    """Seven snapshots near one pose, three near another 5 Å off, interleaved."""
    generator = torch.Generator().manual_seed(1)
    pose = torch.randn(1, 6, 3, generator=generator)
    frames = pose + 0.05 * torch.randn(10, 6, 3, generator=generator)
    frames[[1, 4, 8]] += torch.tensor([5.0, 0, 0])
    return frames


def test_poses_apart_are_told_apart(two_poses):
    """The larger cluster is the first, and a member stands for each."""
    found = cluster_poses(two_poses, 1.0)
    assert found.of_snapshot.tolist() == [0, 1, 0, 0, 1, 0, 0, 0, 1, 0]
    assert found.sizes.tolist() == [7, 3]
    assert found.of_snapshot[found.medoids].tolist() == [0, 1]
    assert float(found.distances[0, 1]) == pytest.approx(5, abs=0.2)


def test_shapes_alone_do_not_see_a_shift(two_poses):
    """Fitted on each other, both poses are one; distances are symmetric."""
    found = cluster_poses(two_poses, 1.0, "ligand")
    assert found.sizes.tolist() == [10]
    torch.testing.assert_close(found.distances, found.distances.T)


def test_one_snapshot_is_one_cluster(two_poses):
    """Nothing to link."""
    found = cluster_poses(two_poses[:1], 1.0)
    assert (found.sizes.tolist(), found.medoids.tolist()) == ([1], [0])


def test_the_cutoff_bounds_the_spread(two_poses):
    """A cutoff below the noise leaves each snapshot alone."""
    assert len(cluster_poses(two_poses, 1e-3).sizes) == 10
    with pytest.raises(ValueError, match="can be clustered"):
        cluster_poses(torch.zeros(MOST + 1, 1, 3), 1.0)
