"""`neuralmd data add` as a user sees it."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.dataset.own import add as own
from neuralmd_cli.dataset.recordings import open_recordings
from tests.dataset.own_md import own_md
from tests.dataset.synthetic import write_complex
from tests.holding import held_elsewhere


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A simulation in a periodic box."""
    folder = tmp_path_factory.mktemp("md")
    own_md(folder).wrapped.save_xtc(str(folder / "run.xtc"))
    return folder


def run(store, files, *more):
    paths = [
        *("--protein", files / "top.pdb", "--trajectory", files / "run.xtc"),
        *("--ligand", files / "ligand.sdf"),
    ]
    arguments = ["data", "add", store, *paths, *more]
    return CliRunner().invoke(app, [str(x) for x in arguments])


def test_a_simulation_is_added_to_what_is_there(files, tmp_path):
    """A new store first, then another entry; what was done is told."""
    store = tmp_path / "own.h5"
    result = run(store, files)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(
        f"Added run to {store}: 12 residues, ligand C2O, 12 snapshots 5 ps apart"
    )
    assert "LIG:L:1 is the ligand of ligand.sdf" in result.stderr
    assert "Periodic box: molecules made whole in" in result.stderr
    before = open_recordings(store).read("run")
    result = run(store, files, "--name", "B", "--frames", "2-9", "--json", "-q")
    facts = json.loads(result.stdout)
    assert (facts["name"], facts["snapshots"], facts["spacing_ps"]) == ("B", 8, 5.0)
    recordings = open_recordings(store)
    assert recordings.names == ("B", "run")
    assert (recordings.read("run").positions == before.positions).all()
    assert [x.name for x in tmp_path.iterdir()] == ["own.h5"]


def test_a_name_that_is_taken_needs_replace(files, tmp_path):
    """In whatever case; then the new one is there, and nothing else is lost."""
    store = tmp_path / "own.h5"
    run(store, files, "--name", "MINE")
    run(store, files, "--name", "OTHER")
    before = store.read_bytes()
    refused = run(store, files, "--name", "mine")
    assert refused.exit_code == 1
    assert "holds MINE already" in refused.stderr
    assert store.read_bytes() == before
    run(store, files, "--name", "mine", "--replace", "--frames", "1-5")
    recordings = open_recordings(store)
    assert recordings.names == ("OTHER", "mine")
    assert recordings.read("mine").n_frames == 5


def test_all_atoms_are_kept_on_request(files, tmp_path):
    """Of a new store; one that is there has its own way."""
    run(tmp_path / "all.h5", files, "--all-atom")
    run(tmp_path / "all.h5", files, "--name", "B")
    assert open_recordings(tmp_path / "all.h5").read("B").has_moving_protein
    run(tmp_path / "own.h5", files)
    refused = run(tmp_path / "own.h5", files, "--all-atom", "--name", "B")
    assert "does not keep all atoms" in refused.stderr


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--name", "a/b"], 1, "cannot be the name of an entry"),
        (["--frames", "9-2"], 2, "give FIRST-LAST"),
        (["--frames", "50-60"], 1, "holds 12 frames, so none of 50 to 60"),
        (["--spacing-ps", "0"], 2, "above 0"),
        (["--top", "none.pdb"], 1, "none.pdb does not exist"),
    ],
)
def test_what_cannot_be_is_refused(files, tmp_path, more, code, message):
    """And no store is made."""
    result = run(tmp_path / "own.h5", files, *more)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "own.h5").exists()


def test_a_file_that_is_no_store_is_left_alone(files, tmp_path):
    """MISATO's own file, above all."""
    write_complex(tmp_path / "MD.hdf5")
    before = (tmp_path / "MD.hdf5").read_bytes()
    result = run(tmp_path / "MD.hdf5", files)
    assert "is not a store of neuralmd" in result.stderr
    assert (tmp_path / "MD.hdf5").read_bytes() == before
    missing = run(tmp_path / "no" / "own.h5", files)
    assert "no is not a folder" in missing.stderr


def test_real_runs_joined_end_to_end(shared, tmp_path):
    """A receptor's trajectory of three replicas: refused as one, taken one by one."""
    from rdkit import Chem
    from rdkit.Chem import rdDetermineBonds

    folder = shared / "data" / "trajectories"
    text = (folder / "ht1b_lig_top.pdb").read_text()
    block = [x for x in text.splitlines() if x[17:20] == "LIG"]
    molecule = Chem.MolFromPDBBlock("\n".join(block), removeHs=False, sanitize=False)
    bare = Chem.RWMol(molecule)
    rdDetermineBonds.DetermineBonds(bare, charge=1)
    with Chem.SDWriter(str(tmp_path / "lig.sdf")) as writer:
        writer.write(bare)
    arguments = [
        *("data", "add", tmp_path / "own.h5", "-p", folder / "ht1b_lig_top.pdb"),
        *("-t", folder / "ht1b_lig_traj.xtc", "-l", tmp_path / "lig.sdf"),
    ]
    arguments = [str(x) for x in arguments]
    refused = CliRunner().invoke(app, arguments)
    assert "Frames 1-84, 85-167, 168-250 each go on" in refused.stderr
    more = ["--frames", "85-167", "--name", "HT1B_2", "--spacing-ps", "6000"]
    result = CliRunner().invoke(app, [*arguments, *more])
    assert result.exit_code == 0, result.output
    assert "302 residues, ligand C33N5O5, 83 snapshots 6000 ps apart" in result.stdout
    assert "says 6e+06 ps between frames; 6000 ps were taken" in result.stderr


def test_two_processes_do_not_write_one_store(files, tmp_path):
    """The second ends with a message; what the first has is untouched."""
    store = tmp_path / "own.h5"
    run(store, files, "--name", "A")
    before = store.read_bytes()
    with held_elsewhere(store):
        refused = run(store, files, "--name", "B")
    assert refused.exit_code == 1
    assert "Another process is writing" in " ".join(refused.stderr.split())
    assert store.read_bytes() == before
    assert run(store, files, "--name", "B").exit_code == 0
    assert open_recordings(store).names == ("A", "B")
    assert [x.name for x in tmp_path.iterdir()] == ["own.h5"]


def test_an_entry_that_came_while_another_was_read_is_not_lost(
    files, tmp_path, monkeypatch
):
    """Reading takes minutes; whoever looked at the store before must look again."""
    store, seen = tmp_path / "own.h5", own.place_for
    run(store, files, "--name", "A")

    def late(*given, **more):
        place = seen(*given, **more)
        monkeypatch.setattr(own, "place_for", seen)
        assert run(store, files, "--name", "B").exit_code == 0
        return place

    monkeypatch.setattr(own, "place_for", late)
    refused = run(store, files, "--name", "C")
    assert refused.exit_code == 1
    assert "has written" in refused.stderr
    assert open_recordings(store).names == ("A", "B")


def test_what_a_killed_run_left_goes(files, tmp_path):
    """However often `data add` is killed, nothing hidden stays beside the store."""
    store = tmp_path / "own.h5"
    killed = (
        "import os, sys\n"
        "from neuralmd_cli.dataset.own import add\n"
        "from neuralmd_cli.cli.main import app\n"
        "add.put_together = lambda *_, **__: os._exit(9)\n"
        "app(sys.argv[1:])\n"
    )
    paths = [
        *("--protein", files / "top.pdb", "--trajectory", files / "run.xtc"),
        *("--ligand", files / "ligand.sdf"),
    ]
    arguments = ["data", "add", store, *paths]
    command = [sys.executable, "-c", killed, *map(str, arguments)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 9
    assert list(tmp_path.iterdir())
    assert run(store, files).exit_code == 0
    assert list(tmp_path.iterdir()) == [store]
