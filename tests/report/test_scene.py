"""What the 3-D view is given."""

import base64

import pytest
import torch

from neuralmd_cli.report import replicas, scene
from neuralmd_cli.report.motion import distances
from neuralmd_cli.report.numbers import STEP
from neuralmd_cli.report.replicas import Source, open_replicas
from neuralmd_cli.report.scene import scene_section


def unpacked(text):
    raw = torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.int16)
    return raw.reshape(-1, 3) * STEP


@pytest.fixture(scope="module")
def moving(shared):
    """A receptor that moves, from another program, in a few snapshots."""
    folder = shared / "data" / "trajectories"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replicas, "MOST_LOOKED", 8)
        patch.setattr(replicas, "LEAST_LOOKED", 8)
        source = Source(top=folder / "ht1b_lig_top.pdb")
        return open_replicas([folder / "ht1b_lig_traj.xtc"], source)


def test_a_pocket_that_moves_is_laid_on_itself(moving):
    """Its atoms are in every frame, and stay near where they were at first."""
    data = scene_section(moving, [distances(moving[0])]).data
    (film,) = data["films"]
    pocket, n = data["pocket"], len(data["ligand"]["atoms"])
    assert data["backbone"] is None
    assert film["atoms"] == n + len(pocket["atoms"])
    frames = unpacked(film["coordinates"]).reshape(film["frames"], -1, 3)
    alpha = [n + k for k, name in enumerate(pocket["names"]) if name == "CA"]
    drift = (frames[:, alpha] - frames[0, alpha]).norm(dim=-1)
    assert len(alpha) > 10
    assert float(drift.mean()) < 2.0
    start = unpacked(pocket["start"])
    torch.testing.assert_close(frames[0, n:], start, atol=2 * STEP, rtol=0)


def test_the_page_does_not_grow_with_the_trajectory(moving, monkeypatch):
    """Beyond its share of bytes the view takes fewer frames, and says so."""
    monkeypatch.setattr(scene, "MOST_BYTES", 10_000)
    section = scene_section(moving, [distances(moving[0])])
    (film,) = section.data["films"]
    assert len(base64.b64decode(film["coordinates"])) <= 10_000
    assert film["every"] > moving[0].every
    assert f"each {film['every']}" in section.finding
    assert len(film["rmsd"]) == len(film["times"]) == film["frames"]
