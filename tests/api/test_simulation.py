"""`simulate` in Python: the command's words, and nothing written unasked."""

import gc
import inspect
import json
import subprocess
import sys
from pathlib import Path

import mdtraj
import numpy as np
import pytest
import typer.main

import neuralmd_cli
from neuralmd_cli.cli.main import app
from neuralmd_cli.errors import InputError, NeuralMDError, OutputError

EXAMPLE = Path(__file__).parents[2] / "examples" / "nik"
PROTEIN, LIGAND = EXAMPLE / "nik.pdb", EXAMPLE / "ligand_13v.sdf"


def simulate(**options):
    options = {"ns": 0.4, "model": "neuralmd-sde", **options}
    return neuralmd_cli.simulate(str(PROTEIN), str(LIGAND), **options)


@pytest.fixture(scope="module")
def run():
    """Two replicas that differ."""
    return simulate(replicas=2)


@pytest.mark.parametrize(
    "word",
    ["simulate", "rmsf", "stability", "torsions", "contacts", "cluster", "compare"],
)
def test_functions_have_the_words_and_defaults_of_the_commands(word):
    """Every argument but what only Python has is an option, alike in its default."""
    only_here = {"replica", "on_snapshot"}
    # What prints, or what a table's methods do.
    only_there = {"as_json", "json", "csv", "plot", "quiet", "config", "report"}
    only_there |= {"output"} if word == "cluster" else set()
    command = typer.main.get_command(app).commands[word]
    options = {p.name: p for p in command.params if p.name != "help"}
    ours = inspect.signature(getattr(neuralmd_cli, word)).parameters
    assert set(ours) - only_here == set(options) - only_there
    for name in set(ours) & set(options):
        default = ours[name].default
        if default not in (inspect.Parameter.empty, None):
            assert options[name].default == default, name


def test_import_is_light():
    """No library of chemistry or learning before a function is asked for."""
    code = "import sys, neuralmd_cli; print(len({'torch', 'rdkit'} & set(sys.modules)))"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout == "0\n"


def test_all_names_are_there_and_no_other():
    """What `dir` lists can be had; the rest is an AttributeError."""
    for name in neuralmd_cli.__all__:
        assert name in dir(neuralmd_cli)
        assert getattr(neuralmd_cli, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        neuralmd_cli.nonsense  # noqa: B018  the access is what is tested


def test_the_trajectory_is_what_the_command_writes(run, tmp_path):
    """mdtraj finds the same atoms and positions in memory and in the saved files."""
    written = run.save(tmp_path / "traj.xtc")
    assert {x.name for x in written} == {x.name for x in tmp_path.iterdir()}
    assert len(run.trajectories) == 2
    for k, ours in enumerate(run.trajectories, start=1):
        top = str(tmp_path / "traj.pdb")
        read = mdtraj.load(str(tmp_path / f"traj_r{k}.xtc"), top=top)
        assert read.topology == ours.topology
        np.testing.assert_allclose(read.xyz, ours.xyz, atol=6e-4)
        np.testing.assert_allclose(read.time, ours.time)
    start = mdtraj.load(str(tmp_path / "traj.pdb"))
    np.testing.assert_allclose(start.xyz, run.start.xyz, atol=1e-4)
    assert run.trajectory is run.trajectories[0]


def test_nothing_is_written_unless_asked_for(tmp_path, monkeypatch):
    """Not in the current folder, and what is needed for looking goes with the run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", None)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    run = simulate()
    assert run.record.outputs == []
    neuralmd_cli.rmsf(run)
    assert list(tmp_path.iterdir()) == [temporary]
    assert len(list(temporary.iterdir())) == 1
    del run
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_an_output_is_written_as_the_command_does(tmp_path):
    """All files, their names in the record."""
    run = simulate(output=tmp_path / "traj.dcd", hydrogens=True)
    assert set(run.record.outputs) == {x.name for x in tmp_path.iterdir()}
    assert json.loads((tmp_path / "traj.json").read_text())["ns"] == 0.4


def test_a_run_shows_what_to_think_of_it(run):
    """Checks per replica, warnings, caveat, and a line of its own."""
    assert len(run.checks) == 2
    assert "rmsd_max" in {x.name for x in run.checks[0]}
    assert run.warnings == run.record.warnings
    assert "swings" in run.caveat
    assert repr(run) == "<Simulation of 0.4 ns: 2 x 5 snapshots, 27 heavy atoms>"
    assert run.molecule.GetNumHeavyAtoms() == 27


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"replicas": 0}, "replicas must be 1 or more, not 0"),
        ({"seed": -1}, "seed must be 0 or more, not -1"),
        ({"step_ps": -1.0}, "step_ps must be a positive number, not -1"),
        ({"temperature_k": float("nan")}, "temperature_k must be a positive number"),
        ({"solver": "dopri5", "step_ps": 1.0}, "dopri5 chooses its steps itself"),
        ({"ns": -1.0}, "--ns must be a positive number, not -1"),
        ({"model": "nonsense"}, "there is no such model"),
    ],
)
def test_wrong_options_are_errors_a_person_can_read(options, message):
    """One exception class, with a message."""
    with pytest.raises(NeuralMDError, match=message):
        simulate(**options)


def test_a_missing_file_is_named():
    """As the command does."""
    with pytest.raises(InputError, match="gone.pdb: there is no such file"):
        neuralmd_cli.simulate("gone.pdb", LIGAND)


def test_a_bad_output_is_refused_before_the_work(tmp_path):
    """No rollout is lost."""
    with pytest.raises(OutputError, match="names no trajectory format"):
        simulate(output=tmp_path / "traj.txt", ns=1e4)


def test_a_replica_that_is_not_there_is_said(run):
    """Counted from 1."""
    with pytest.raises(InputError, match="this simulation has 2"):
        run.trajectory_file(3)
    with pytest.raises(InputError, match="says nothing of a file"):
        neuralmd_cli.rmsf(run.trajectory_file(1), replica=2)
