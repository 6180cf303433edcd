"""`neuralmd data prepare`, `inspect` and `verify` as a user sees them."""

import json
import sys
from importlib import import_module

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import neuralmd_cli
from neuralmd_cli.cli.main import app
from tests.dataset.synthetic import N_ATOMS, write_complex


@pytest.fixture
def source(tmp_path):
    """Two sound complexes, one known to be bad, one damaged."""
    path = tmp_path / "MD.hdf5"
    for seed, name in enumerate(("1ABC", "2ABC", "2BMV")):
        write_complex(path, name, seed=seed)
    write_complex(path, "9BAD", atoms_residue=np.full(N_ATOMS, 99))
    return path


def run(*arguments, **options):
    return CliRunner().invoke(app, ["data", *map(str, arguments)], **options)


def test_prepare_names_what_it_leaves_out(source, tmp_path):
    """The store is there for the good ones; the exit code says that some are not."""
    output = tmp_path / "md.h5"
    result = run("prepare", source, "-o", output)
    assert result.exit_code == 1
    assert "Left out 9BAD: MD.hdf5: complex 9BAD: atoms_residue" in result.stderr
    assert "Flagged 2BMV: known: the ligand is not bound" in result.stderr
    assert f"Wrote {output}: 3 complexes" in result.stdout
    assert "1 damaged and left out; 1 flagged." in result.stdout
    assert run("verify", output).stdout == (
        "md.h5: 3 of 3 complexes match the manifest.\n"
    )


def test_prepare_as_json(source, tmp_path):
    """Everything the text says, for programs."""
    output = tmp_path / "md.h5"
    result = run("prepare", source, "-o", output, "--exclude-flagged", "--json")
    facts = json.loads(result.stdout)
    assert facts["complexes"] == 2
    assert facts["made"] == ["1ABC", "2ABC"]
    assert list(facts["failed"]) == ["9BAD"]
    assert list(facts["excluded"]) == ["2BMV"]
    assert facts["size_bytes"] == output.stat().st_size
    assert len(facts["digest"]) == 64


def test_prepare_takes_the_ids_of_a_list(source, tmp_path):
    """From a file or standard input, comments left out, exit code 0 as all is well."""
    ids = tmp_path / "ids.txt"
    ids.write_text("# of a split\n1abc\n\n2ABC # twice\n2ABC\n")
    result = run("prepare", source, "-o", tmp_path / "a.h5", "--ids", ids)
    assert result.exit_code == 0
    piped = run(
        "prepare", source, "-o", tmp_path / "b.h5", "--ids", "-", input="1ABC\n"
    )
    assert ": 2 complexes, " in result.stdout
    assert ": 1 complexes, " in piped.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["MD.hdf5", "-o", "MD.hdf5"], "written over MD.hdf5 itself"),
        (["MD.hdf5", "-o", "no/md.h5"], "no is not a folder"),
        (["none.hdf5", "-o", "md.h5"], "no such file"),
        (["MD.hdf5", "-o", "md.h5", "--ids", "none.txt"], "ids cannot be read"),
        (["MD.hdf5", "-o", "md.h5", "--ids", "empty.txt"], "the list holds no id"),
    ],
)
def test_prepare_refuses_before_the_work(
    source, tmp_path, monkeypatch, arguments, message
):
    """One line and a hint; nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").touch()
    result = run("prepare", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Hint:" in result.stderr
    assert not (tmp_path / "md.h5").exists()


def test_inspect_shows_every_complex(source, tmp_path):
    """The sound ones as a table, the odd and the damaged ones by name."""
    result = run("inspect", source)
    assert result.exit_code == 1
    rows = [x.split() for x in result.stdout.splitlines()]
    assert ["1ABC", "34", "6", "C2O", "100", "x", "80", "ps"] in [x[:8] for x in rows]
    assert "2BMV: known: the ligand is not bound at the start" in result.stdout
    assert "unknown code 99" in result.stdout
    assert "MD.hdf5: 4 complexes, 1 flagged, 1 that cannot be used." in result.stdout


def test_inspect_says_of_a_store_what_it_says_of_its_source(source, tmp_path):
    """The same measurements, though the store has lost most of the protein."""
    run("prepare", source, "-o", tmp_path / "md.h5")
    theirs = json.loads(run("inspect", source, "--json").stdout)
    ours = run("inspect", tmp_path / "md.h5", "--json")
    assert ours.exit_code == 0
    assert json.loads(ours.stdout) == theirs[:3]


def test_inspect_one_complex_in_full(source):
    """By its id in any case."""
    result = run("inspect", source, "2bmv")
    assert result.exit_code == 0
    assert "6 residues in 1 molecules" in result.stdout
    assert "flags: known: the ligand is not bound at the start" in result.stdout
    damaged = run("inspect", source, "9BAD")
    assert damaged.exit_code == 1
    assert "remedy: The entry is damaged" in damaged.stdout
    assert "there is no complex '7XYZ'" in run("inspect", source, "7XYZ").stderr


def test_structures_without_a_trajectory_are_counted(shared):
    """MISATO's sample: atoms and residues are shown, and why it cannot be used."""
    path = shared / "data" / "misato_schema" / "sample_11GS_noH.hdf5"
    result = run("inspect", path)
    assert result.exit_code == 1
    assert "holds a structure only. (3262 atoms, 416 residues)" in result.stdout


def test_verify_says_what_is_wrong(source, tmp_path):
    """In a file of MISATO's layout by reading it, in a store by its hashes."""
    raw = run("verify", source)
    assert raw.exit_code == 1
    assert "9BAD: MD.hdf5: complex 9BAD: atoms_residue" in raw.stdout
    assert "MD.hdf5: 3 of 4 complexes can be read." in raw.stdout
    run("prepare", source, "-o", tmp_path / "md.h5")
    with h5py.File(tmp_path / "md.h5", "a") as file:
        file["complexes/1ABC/protein_positions"][0, 3, 2] += 1
    result = run("verify", tmp_path / "md.h5", "--json")
    assert result.exit_code == 1
    problems = {x["name"]: x["problem"] for x in json.loads(result.stdout)}
    assert problems["1ABC"].startswith("its SHA-256 is")
    assert problems["2ABC"] is None


def test_without_h5py_the_extra_is_named(source, monkeypatch):
    """As on a plain installation."""
    gone = ("hdf5", "misato", "dataset")
    for name in gone:
        # The package has them as attributes as well; both are put back.
        module = import_module(f"neuralmd_cli.{name}")
        monkeypatch.setattr(neuralmd_cli, name, module)
    monkeypatch.setitem(sys.modules, "h5py", None)
    for name in [x for x in sys.modules if x.startswith("neuralmd_cli.")]:
        if name.split(".")[1] in gone:
            monkeypatch.delitem(sys.modules, name)
    result = run("verify", source)
    assert result.exit_code == 1
    assert "needs h5py, which is not installed" in result.stderr
    assert 'pip install "neuralmd[data]"' in result.stderr
