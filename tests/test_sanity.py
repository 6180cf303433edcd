"""A rollout ends where it stops being a ligand in a pocket, and says so."""

import json
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from neuralmd_cli import sanity
from neuralmd_cli.cli.main import app
from neuralmd_cli.complex import Complex
from neuralmd_cli.models.baselines.frozen import Frozen
from neuralmd_cli.readers import read_trajectory
from neuralmd_cli.sanity import Watch
from neuralmd_cli.structure.prepare import prepare
from tests.fuzz.seeds import ROOT

NIK = ROOT / "examples" / "nik"


@pytest.fixture(autouse=True)
def real_limits(monkeypatch, untrained_models_may_run) -> None:
    """Those users have."""
    for name, value in untrained_models_may_run.items():
        monkeypatch.setattr(sanity, name, value)


@pytest.fixture(scope="module")
def complex_() -> Complex:
    """A real ligand in its pocket."""
    return prepare(NIK / "nik.pdb", NIK / "ligand_13v.sdf").complex


def _nothing(x, complex_):
    return x


def _nan(x, complex_):
    x[3, 1] = torch.nan
    return x


def _jump(x, complex_):
    return x + torch.tensor([30.0, 0.0, 0.0])


def _stretch(x, complex_):
    a, b = complex_.ligand.bonds[0].tolist()
    x[a] += 1.0 * (x[a] - x[b])
    return x


def _collapse(x, complex_):
    return x.mean(dim=0) + 0.3 * (x - x.mean(dim=0))


def _through(x, complex_):
    wall = complex_.protein.obstacle_positions
    nearest = torch.cdist(x, wall).min(dim=1)
    k = int(nearest.values.argmin())
    return x + (wall[nearest.indices[k]] - x[k]) + 0.2


@pytest.mark.parametrize(
    ("change", "why"),
    [(_nan, "not numbers"), (_stretch, ""), (_collapse, "")],
)
def test_a_free_shape_is_not_measured_by_its_bonds(complex_, change, why):
    """Who wants to see bonds stretch sees them; what is no number ends it still."""
    watch = Watch(complex_, 1, free_shape=True)
    watch.look(change(complex_.ligand.positions.clone(), complex_)[None], 1, 80.0)
    (broken,) = watch.broken
    assert ("" if broken is None else broken.reason).endswith(why)
    assert (broken is None) == (why == "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_nothing, ""),
        (_nan, "not numbers"),
        (_jump, "jumped 30 Å"),
        (_stretch, "200% of its length"),
        (_collapse, "30% of its length"),
        (_through, "lies in a protein atom"),
    ],
)
def test_each_way_of_breaking_down_is_seen_in_its_snapshot(complex_, change, why):
    """And the replica beside it goes on."""
    start = complex_.ligand.positions
    watch = Watch(complex_, 2)
    watch.look(torch.stack([start, start]), 1, 80.0)
    assert watch.broken == [None, None]
    watch.look(torch.stack([start, change(start.clone(), complex_)]), 2, 160.0)
    assert watch.broken[0] is None
    if why:
        assert watch.broken[1].snapshot == 2
        assert why in watch.broken[1].reason
    else:
        assert watch.broken[1] is None


def test_a_ligand_that_left_its_pocket_is_seen(complex_):
    """Step by step, so that no single one is a jump."""
    lone = replace(
        complex_.protein,
        obstacle_positions=complex_.protein.obstacle_positions[:1],
        obstacle_numbers=complex_.protein.obstacle_numbers[:1],
    )
    start = complex_.ligand.positions
    near = start + lone.obstacle_positions[0] - start.mean(dim=0)
    near = near - torch.tensor([9.0, 0.0, 0.0])
    ligand = replace(complex_.ligand, positions=near)
    watch = Watch(Complex(ligand=ligand, protein=lone), 1)
    for step in range(1, 5):
        watch.look(near[None] - torch.tensor([5.0 * step, 0, 0]), step, 80.0 * step)
    assert watch.broken[0].snapshot > 1
    assert "away from the protein" in watch.broken[0].reason


def test_files_end_before_the_bad_snapshot_and_the_exit_code_says_so(
    tmp_path, monkeypatch
):
    """Four sane snapshots are kept; the record says where the fifth went wrong."""
    rollout = Frozen.rollout

    def breaking(self, start, times, settings):
        for k, (v, x) in enumerate(rollout(self, start, times, settings), start=1):
            yield (v, x) if k < 5 else (v, x * torch.nan)

    monkeypatch.setattr(Frozen, "rollout", breaking)
    words = ["simulate", "-p", str(NIK / "nik.pdb"), "--model", "frozen", "--ns", "0.8"]
    words += ["-l", str(NIK / "ligand_13v.sdf"), "-o", str(tmp_path / "x.dcd")]
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 1
    assert "Replica 1 broke down at 400 ps (snapshot 5)" in result.stderr
    assert "1 of 1 replicas broke down" in result.stderr
    record = json.loads((tmp_path / "x.json").read_text())
    assert record == json.loads(result.stdout)
    (broken,) = record["broken"]
    assert broken == {
        "replica": 1,
        "snapshot": 5,
        "time_ps": 400.0,
        "reason": "coordinates are not numbers",
    }
    assert read_trajectory(tmp_path / "x.dcd").n_frames == 4


def test_a_run_that_breaks_at_once_writes_nothing(tmp_path, monkeypatch):
    """There is no snapshot to keep."""

    def breaking(self, start, times, settings):
        x = start.batch.positions
        yield x * 0, x + 1000.0

    monkeypatch.setattr(Frozen, "rollout", breaking)
    words = ["simulate", "-p", str(NIK / "nik.pdb"), "--model", "frozen", "--ns", "0.8"]
    words += ["-l", str(NIK / "ligand_13v.sdf"), "-o", str(tmp_path / "x.dcd")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "the first snapshot" in result.stderr
    assert list(tmp_path.iterdir()) == []
