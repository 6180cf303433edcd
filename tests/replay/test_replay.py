"""A recorded run is made again and compared; a record is input from anybody."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuralmd_cli import simulate
from neuralmd_cli.cli.main import app
from neuralmd_cli.errors import InputError, NeuralMDError, OutputError
from neuralmd_cli.replay.again import replay
from neuralmd_cli.replay.recorded import read_record
from neuralmd_cli.run import simulate_files

EXAMPLE = Path(__file__).parents[2] / "examples" / "nik"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with inputs and a run of a model that takes no time."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "in").mkdir()
    for name in ("nik.pdb", "ligand_13v.sdf"):
        shutil.copy(EXAMPLE / name, folder / "in" / name)
    (folder / "out").mkdir()
    simulate_files(
        folder / "in" / "nik.pdb",
        folder / "in" / "ligand_13v.sdf",
        output=folder / "out" / "traj.dcd",
        model="frozen",
        ns=0.16,
        replicas=2,
        hydrogens=True,
        device="cpu",
        command=["neuralmd", "simulate"],
    )
    return folder


@pytest.fixture
def record(made, tmp_path) -> Path:
    """A copy of all that, which a test may spoil."""
    shutil.copytree(made, tmp_path / "made")
    return tmp_path / "made" / "out" / "traj.json"


def spoil(record: Path, **changes) -> Path:
    """The record with other values; a dot leads into a table."""
    held = json.loads(record.read_text())
    for key, value in changes.items():
        table = held
        *into, last = key.split("__")
        for word in into:
            table = table[word]
        table[last] = value
    record.write_text(json.dumps(held))
    return record


def everything(folder: Path) -> dict[str, int]:
    return {str(x): x.stat().st_mtime_ns for x in folder.rglob("*") if x.is_file()}


def command(*words):
    return CliRunner().invoke(app, ["replay", *(str(x) for x in words)])


def test_the_same_again(record, tmp_path, monkeypatch):
    """From any folder, with nothing written where nothing was asked for."""
    before = everything(tmp_path)
    monkeypatch.chdir("/")
    result = command(record)
    assert result.exit_code == 0, result.output
    assert "The results are the same, byte for byte." in result.stdout
    assert "traj_r2.dcd: the same" in result.stdout
    assert everything(tmp_path) == before


def test_the_new_run_is_kept_where_asked(record, tmp_path):
    """With its own record, which can be replayed too."""
    output = tmp_path / "again.dcd"
    assert command(record, "-o", output).exit_code == 0
    assert (tmp_path / "again_r2.dcd").is_file()
    assert replay(tmp_path / "again.json").same


def test_other_results_are_told_by_how_much(record):
    """Exit code 1, and the largest difference of a coordinate."""
    sha256 = json.loads(record.read_text())["outputs_sha256"]
    spoil(record, outputs_sha256=sha256 | {"traj_r1.dcd": "0" * 64})
    result = command(record, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert not answer["same"]
    assert [x["same"] for x in answer["outputs"]] == [False, True, True, True]
    assert answer["outputs"][0]["largest_angstrom"] == 0
    assert "The results are not the same." in command(record).stdout


def test_a_shape_let_go_is_let_go_again(tmp_path):
    """The choice is in the record, and decides what a replay gives."""
    inputs = (EXAMPLE / "nik.pdb", EXAMPLE / "ligand_13v.sdf")
    options = {"model": "neuralmd-ode", "ns": 0.16, "device": "cpu"}
    for name, choice in (("free", False), ("kept", None)):
        output = tmp_path / f"{name}.dcd"
        run = simulate(*inputs, output=output, keep_shape=choice, **options)
        assert any("--free-shape" in x for x in run.warnings) == (choice is False)
        assert replay(tmp_path / f"{name}.json").same
    record = json.loads((tmp_path / "free.json").read_text())
    assert record["dynamics"]["keep_shape"] is False
    spoil(tmp_path / "free.json", dynamics__keep_shape=None)
    assert not replay(tmp_path / "free.json").same


def test_another_version_is_said_and_run(record):
    """It may well give the same."""
    spoil(record, neuralmd_version="0.0.1", versions__torch="1.0")
    result = command(record)
    assert result.exit_code == 0
    assert "not as it was: neuralmd: 0.0.1 then" in result.stderr
    assert "not as it was: torch: 1.0 then" in result.stderr


@pytest.mark.parametrize("key", ["protein", "ligand"])
def test_an_input_that_is_gone_or_changed_is_named(record, key, tmp_path, monkeypatch):
    """Nothing is run; --protein or --ligand says where it is now."""
    monkeypatch.chdir(tmp_path)
    name = json.loads(record.read_text())["inputs"][key]["file"]
    path = record.parents[1] / "in" / name
    kept = path.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=f"The {key} {name} of the run is gone"):
        replay(record)
    kept = kept.rename(tmp_path / f"elsewhere{path.suffix}")
    assert replay(record, **{key: kept}).same
    path.write_bytes(kept.read_bytes() + b"\n")
    with pytest.raises(InputError, match=f"The {key} .* is not the one of the run"):
        replay(record)


def test_weights_that_are_gone_or_changed_are_named(record):
    """By name and hash."""
    model = {"name": "nobody", "sha256": "0" * 64, "variant": "x"}
    spoil(record, model=model, dynamics__system="neuralmd-sde")
    with pytest.raises(InputError, match="The weights nobody of the run are gone"):
        replay(record)
    spoil(record, model__name="neuralmd-sde")
    with pytest.raises(InputError, match="neuralmd-sde of the run have changed since"):
        replay(record)


def test_only_the_same_format_can_be_compared(record, tmp_path):
    """And an input is never written over."""
    with pytest.raises(OutputError, match="the run wrote .dcd"):
        replay(record, output=tmp_path / "again.xtc")
    with pytest.raises(OutputError, match="over its own input"):
        replay(record, output=record.with_suffix(".dcd"))


BAD = {
    "outputs": ["../../traj_r1.dcd", "traj_r2.dcd", "traj.pdb", "traj.sdf", "a.json"],
    "inputs__protein__file": "../in/nik.pdb",
    "inputs__protein__sha256": "x",
    "inputs": {"other": {}},
    "dynamics__system": "os.system",
    "dynamics__solver": "euler; rm",
    "dynamics__keep_shape": "no",
    "ns": "8",
    "seed": True,
    "replicas": 10**9,
    "command": "rm",
    "written__hydrogens": 1,
    "outputs_sha256": {"traj_r1.dcd": "0" * 64},
    "versions": {"torch": 2},
    "selection": None,
    "schema": "3",
}


@pytest.mark.parametrize("key", list(BAD))
def test_a_record_no_run_writes_is_refused(record, key, tmp_path):
    """One message, nothing run, nothing written."""
    spoil(record, **{key: BAD[key]})
    before = everything(tmp_path)
    result = command(record)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "names",
    [
        ["/etc/traj_r1.dcd", "/etc/traj_r2.dcd", "traj.pdb", "traj.sdf", "traj.json"],
        ["a/../traj_r1.dcd", "traj_r2.dcd", "traj.pdb", "traj.sdf", "traj.json"],
        ["traj_r1.dcd", "traj_r2.dcd", "traj.pdb", "traj.sdf", "..", "traj.json"],
        ["traj_r1.sh", "traj_r2.sh", "traj.pdb", "traj.sdf", "traj.json"],
        ["traj_r1.dcd", "traj.json"],
        [],
    ],
)
def test_outputs_are_what_a_run_names_them(record, names):
    """No path leads out of the folder, and no other kind of file is named."""
    hashes = {x: "0" * 64 for x in names[:-1]}
    spoil(record, outputs=names, outputs_sha256=hashes)
    with pytest.raises(InputError, match="outputs is not what a run writes"):
        read_record(record)


def test_the_words_of_the_command_are_never_run(record, tmp_path):
    """Nor are they options: they only say where files may be."""
    marker = tmp_path / "marker"
    words = ["sh", "-c", f"touch {marker}", "--ns", "99", "-o", str(marker)]
    result = replay(spoil(record, command=words))
    assert result.same
    assert result.run.record.ns == 0.16
    assert not marker.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_or_device_is_never_read(record, tmp_path):
    """What is no plain file is not an input, so that reading it cannot hang."""
    os.mkfifo(tmp_path / "pipe")
    spoil(
        record,
        inputs__protein__path=str(tmp_path / "pipe"),
        inputs__protein__file="pipe",
    )
    with pytest.raises(InputError, match="The protein pipe of the run is gone"):
        replay(record)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is not JSON"),
        ("[1]", "it has no schema number"),
        ("[" * 100_000, "it is not JSON"),
        ('{"schema": 2}', "has schema 2; schema 3 is needed"),
        ('{"schema": 4}', "has schema 4; schema 3 is needed"),
        ('{"schema": 3}', "its dynamics is not what a run writes"),
    ],
)
def test_what_is_no_record_is_said(tmp_path, text, message):
    """With a hint at which file is meant."""
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(NeuralMDError, match=message) as caught:
        replay(path)
    assert caught.value.hint


def test_a_file_that_is_not_there_is_said():
    """As everywhere."""
    with pytest.raises(InputError, match=r"gone.json cannot be read"):
        replay(Path("gone.json"))
