"""Whatever a path leads to, a command ends with a word, and destroys nothing."""

import gc
import os
import resource
import shutil
import signal
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from tests.fuzz.seeds import complexes, recordings, runs

TRAIN = ["train", "-o", "t", "--split", "s.toml"]
READERS = {
    "protein": ["simulate", "--model", "frozen", "-o", "o.dcd", "-l", "l.sdf", "-p"],
    "ligand": ["simulate", "--model", "frozen", "-o", "o.dcd", "-p", "p.pdb", "-l"],
    "weights": ["simulate", "-o", "o.dcd", "-p", "p.pdb", "-l", "l.sdf", "--weights"],
    "rmsf": ["rmsf"],
    "top": ["rmsf", "run.dcd", "--top"],
    "stability": ["stability"],
    "compare": ["compare", "run.dcd"],
    "inspect": ["data", "inspect"],
    "verify": ["data", "verify"],
    "prepare": ["data", "prepare", "-o", "o.h5"],
    "ids": ["data", "prepare", "md.hdf5", "-o", "o.h5", "--ids"],
    "splits": ["data", "splits"],
    "import": ["weights", "import", "-o", "o.safetensors"],
    "flags": ["weights", "import", "p.pdb", "-o", "o.safetensors", "--hyperparameters"],
    "info": ["weights", "info"],
    "config": [
        "train",
        "--data",
        "md.hdf5",
        "-o",
        "t",
        "--split",
        "s.toml",
        "--config",
    ],
    "data": ["train", "-o", "t", "--split", "s.toml", "--data"],
}
SUFFIX = {"rmsf": ".dcd", "stability": ".dcd", "compare": ".dcd", "weights": ".pth"}


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Good files of every kind, in the current folder."""
    monkeypatch.chdir(tmp_path)
    one = complexes()[1] if len(complexes()) > 1 else complexes()[0]
    Path("p.pdb").write_bytes(one["protein.pdb"])
    Path("l.sdf").write_bytes(one["ligand.sdf"])
    for name, content in {**runs()[0], **recordings()[0]}.items():
        Path(name).write_bytes(content)
    Path("s.toml").write_text('train = ["1ABC"]\nval = ["2ABC"]\ntest = ["3ABC"]\n')
    return tmp_path


def _late(number, frame):
    raise TimeoutError("it hangs")


def run(words: list[str]):
    """A command in this process, ended after 60 s."""
    signal.signal(signal.SIGALRM, _late)
    signal.alarm(60)
    try:
        return CliRunner().invoke(app, words)
    finally:
        signal.alarm(0)


def ended_well(result) -> None:
    """With exit code 1 or 2 and a word, not with an exception."""
    error = result.exception
    assert error is None or isinstance(error, SystemExit), repr(error)
    assert result.exit_code in (1, 2), result.output
    assert "rror" in result.stderr


def odd(kind: str, suffix: str) -> str:
    """A path that is no file."""
    name = f"odd{suffix}"
    if kind == "pipe":
        os.mkfifo(name)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(name)
    elif kind == "device":
        os.symlink("/dev/zero", name)
    elif kind == "null":
        os.symlink("/dev/null", name)
    elif kind == "dangling":
        os.symlink("nowhere", name)
    elif kind == "loop":
        os.symlink(name, name)
    elif kind == "folder":
        os.mkdir(name)
    elif kind == "long":
        name = "x" * 300 + suffix
    elif kind == "empty":
        Path(name).touch()
    return name


KINDS = ("pipe", "device", "socket", "null", "dangling", "loop", "folder", "long")


# mdtraj leaves a file open that it cannot read.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_by_every_reader(folder, reader):
    """Pipes do not hang, devices do not fill the memory."""
    suffix = SUFFIX.get(reader, ".pdb" if reader == "top" else ".x")
    before = set(os.listdir())
    for kind in (*KINDS, "empty"):
        name = odd(kind, suffix)
        ended_well(run([*READERS[reader], name]))
        made = Path(name)
        if kind == "folder":
            made.rmdir()
        elif kind != "long":
            made.unlink(missing_ok=True)
    gc.collect()
    left = set(os.listdir()) - before
    assert left <= {"o.h5.parts", "t"}, left


NAMES = [
    "a b.{}",
    'it\'s "q".{}',
    "new\nline.{}",
    "日本語 ä.{}",
    "-dash.{}",
    "%s{{}}.{}",
]


@pytest.mark.parametrize("form", [*NAMES, "y" * 200 + ".{}"])
def test_any_name_works_for_input_and_output(folder, form):
    """Blanks, quotes, line ends, other letters, a leading dash, 200 letters."""
    protein, ligand = (f"./{form.format(x)}" for x in ("pdb", "sdf"))
    shutil.copy("p.pdb", protein)
    shutil.copy("l.sdf", ligand)
    output = f"./o{form.format('dcd')}"
    words = ["simulate", "--model", "frozen", "--ns", "0.16", "-p", protein]
    result = run([*words, "-l", ligand, "-o", output])
    assert result.exit_code == 0, result.output
    assert Path(output).is_file()
    again = run(["rmsf", output, "--csv", f"./t{form.format('csv')}"])
    assert again.exit_code in (0, 1)
    assert again.exception is None or isinstance(again.exception, SystemExit)


SIMULATE = [
    "simulate",
    "--model",
    "frozen",
    "--ns",
    "0.8",
    "-p",
    "p.pdb",
    "-l",
    "l.sdf",
]
WRITERS = {
    "simulate": [*SIMULATE, "-o", "{}/o.dcd"],
    "rmsf": ["rmsf", "run.dcd", "--csv", "{}/o.csv"],
    "plot": ["rmsf", "run.dcd", "--plot", "{}/o.png"],
    "prepare": ["data", "prepare", "md.hdf5", "-o", "{}/o.h5"],
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", ["missing", "file"])
def test_an_output_folder_that_is_none_is_refused(folder, writer, kind):
    """It is not there, or a file."""
    if kind == "file":
        Path("out").write_text("precious")
    ended_well(run([x.format("out") for x in WRITERS[writer]]))
    assert kind == "missing" or Path("out").read_text() == "precious"
    assert kind == "file" or not Path("out").exists()


@pytest.mark.parametrize("writer", WRITERS)
def test_a_folder_that_may_not_be_written_is_refused(folder, writer):
    """A user's rights; root has all."""
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    os.mkdir("out", mode=0o555)
    ended_well(run([x.format("out") for x in WRITERS[writer]]))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_leaves_nothing_behind(folder, writer):
    """No file may grow beyond a hundred bytes: the old results stay."""
    os.mkdir("out")
    old = Path("out/o.csv" if writer == "rmsf" else "out/precious")
    old.write_text("precious")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
        result = run([x.format("out") for x in WRITERS[writer]])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    ended_well(result)
    assert old.read_text() == "precious"
    left = set(os.listdir("out")) - {"o.csv", "precious", "o.h5.parts"}
    assert left == set()


@pytest.mark.parametrize(
    "words",
    [
        [*SIMULATE, "-o", "l.dcd"],
        ["rmsf", "run.dcd", "--csv", "run.dcd"],
        ["rmsf", "run.dcd", "--csv", "run.pdb"],
        ["rmsf", "run.dcd", "--plot", "run.png", "--csv", "link.csv"],
        ["data", "prepare", "md.hdf5", "-o", "md.hdf5"],
    ],
)
def test_no_output_goes_over_an_input(folder, words):
    """By its own name, by one that follows from it, or by a link to it."""
    os.symlink("run.dcd", "link.csv")
    before = {x: Path(x).read_bytes() for x in os.listdir()}
    ended_well(run(words))
    assert {x: Path(x).read_bytes() for x in os.listdir()} == before
