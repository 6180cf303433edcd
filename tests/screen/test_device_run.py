"""The way of GPUs, as far as a CPU can go it: batches, and processes beside them."""

import pytest
import torch

from neuralmd_cli.screen import rolling
from neuralmd_cli.screen.device_run import simulate_on_device
from neuralmd_cli.screen.journal import read_entries
from neuralmd_cli.screen.run import screen_files
from neuralmd_cli.screen.tasks import Inputs
from neuralmd_cli.screen.worker import make_roller
from neuralmd_cli.simulation import simulate_each
from tests.screen.poses import PROTEIN, block, write_poses


def test_batches_give_what_ligands_give_alone(tmp_path, weights, monkeypatch):
    """Seven poses and two bad ones, room for two at once: all are there, and agree."""
    poses = write_poses(tmp_path / "poses.sdf", 4)
    poses.write_text(
        poses.read_text()
        + block("far", 500.0)
        + "nothing\n$$$$\n"
        + "".join(block(f"more {k}", 0.05 + 0.01 * k) for k in range(3))
    )
    inputs = Inputs(protein=PROTEIN, ligands=(poses,), manifest=None)
    options = {"weights": weights, "ns": 0.012, "interval_ps": 4.0, "jobs": 1}
    screen_files(inputs, tmp_path / "alone", **options)
    sizes = []

    def crowded(complexes, *arguments, **other):
        sizes.append(len(complexes))
        if len(complexes) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return simulate_each(complexes, *arguments, **other)

    def in_batches(tasks, assignment, jobs):
        roller = make_roller(assignment.choice)
        roller.most = 4
        return simulate_on_device(tasks, assignment, jobs, None, roller)

    monkeypatch.setattr(rolling, "simulate_each", crowded)
    monkeypatch.setattr("neuralmd_cli.screen.run.simulate_on_cpu", in_batches)
    screen_files(inputs, tmp_path / "batches", **options)
    assert max(sizes) == 4
    assert sum(x for x in sizes if x <= 2) == 7
    both = [
        {x.number: x for x in read_entries(tmp_path / name)}
        for name in ("alone", "batches")
    ]
    assert sorted(both[1]) == list(range(1, 10))
    for number, alone in both[0].items():
        batched = both[1][number]
        assert batched.failure == alone.failure
        assert set(batched.files) == set(alone.files)
        for name, value in alone.measures.items():
            assert batched.measures[name] == pytest.approx(value, abs=1e-3), name
