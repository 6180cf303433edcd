"""A few interruptions (`make interrupt` is the long run); two at the same output."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from neuralmd_cli.errors import NeuralMDError, OutputError
from neuralmd_cli.outputs import all_or_nothing, check_output, claimed
from neuralmd_cli.weights.download import Download, download
from tests.holding import held_elsewhere
from tests.interruption import small_disk
from tests.interruption.cases import BODY, CASES, sha256, slow_server
from tests.screen.poses import PROTEIN

ROOT = Path(__file__).resolve().parents[2]


def test_a_few_interruptions_change_nothing(tmp_path):
    """Killed at drawn moments and run again: the same bytes, and nothing left over."""
    words = [sys.executable, "-m", "tests.interruption.campaign", "--kills", "6"]
    words += ["--case", "simulate", "--case", "prepare"]
    output = tmp_path / "found.json"
    done = subprocess.run(
        [*words, "--seed", "5", "-o", str(output)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(output.read_text())["tried"] == 6


def test_a_disk_that_gets_full_is_one_message_and_loses_nothing(tmp_path):
    """At drawn moments, for whoever writes; with space the bytes are the same."""
    missing = small_disk.lacking()
    if missing:
        pytest.skip(f"no disk can be made that gets full: {missing}")
    words = [sys.executable, "-m", "tests.interruption.campaign", "--way", "full"]
    words += ["--case", "simulate", "--case", "prepare", "--case", "train"]
    output = tmp_path / "found.json"
    done = subprocess.run(
        [*words, "--kills", "6", "--seed", "3", "-o", str(output)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cases = json.loads(output.read_text())["cases"]
    assert sum(x.get("full", 0) for x in cases.values()) >= 3


@pytest.fixture
def held(tmp_path):
    """Another process that is writing `out.x`; the path, and the process."""
    path = tmp_path / "out.x"
    with held_elsewhere(path) as process:
        yield path, process


def test_a_second_process_is_refused_until_the_first_is_dead(held):
    """kill -9 frees the output; nothing has to be cleared away by hand."""
    path, process = held
    with pytest.raises(OutputError, match="Another process is writing"), claimed(path):
        pass
    with (
        pytest.raises(OutputError, match="Another process is writing"),
        all_or_nothing(path.parent, [path.name]),
    ):
        pass
    process.kill()
    process.wait()
    with claimed(path), claimed(path):
        pass
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize(
    ("name", "claimed_name"),
    [("simulate", "run.dcd"), ("prepare", "store.h5"), ("train", "run")],
)
def test_a_command_does_not_write_what_another_is_writing(
    tmp_path, name, claimed_name, monkeypatch, capfd
):
    """One message, and nothing is touched."""
    from typer.testing import CliRunner

    from neuralmd_cli.cli.main import app

    case = CASES[name]
    case.inputs(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    with held_elsewhere(out / claimed_name):
        result = CliRunner().invoke(app, case.words(tmp_path, out))
    assert result.exit_code == 1
    assert "Another process is writing" in " ".join(result.stderr.split())
    assert not any((out / x).exists() for x in case.finals)


def test_md_does_not_work_in_a_folder_another_works_in(tmp_path):
    """Two would write their snapshots into one file, in turn."""
    from neuralmd_cli.md.amber import require_md

    try:
        require_md(built=True)
    except NeuralMDError as error:
        pytest.skip(f"the extra md is not installed: {error.message}")
    from neuralmd_cli.md.files import Wanted, md_files
    from neuralmd_cli.md.prepare import Inputs, Preparation
    from neuralmd_cli.md.session import Settings

    wanted = Wanted(output=tmp_path / "run.dcd")
    inputs = Inputs(protein=PROTEIN, ligand=PROTEIN.with_name("ligand_13v.sdf"))
    with (
        held_elsewhere(wanted.work),
        pytest.raises(OutputError, match="Another process is writing"),
    ):
        md_files(inputs, Preparation(), Settings(ns=0.1), wanted)
    assert not wanted.work.exists()


def test_a_data_set_is_not_fetched_twice_at_once(tmp_path, monkeypatch):
    """Nor is anything asked of the server."""
    from neuralmd_cli.dataset.fetching.fetch import fetch

    output = tmp_path / "MD.hdf5"
    with (
        held_elsewhere(output),
        pytest.raises(OutputError, match="Another process is writing"),
    ):
        fetch("misato-all", output, url="http://127.0.0.1:9/MD.hdf5")


def test_two_fetches_at_once_load_once(tmp_path):
    """The second waits and finds what the first has fetched."""
    import hashlib

    with slow_server() as url:
        what = Download(
            name="x", url=url, file="x.bin", sha256=hashlib.sha256(BODY).hexdigest()
        )
        found: list[Path] = []
        threads = [
            threading.Thread(target=lambda: found.append(download(what, tmp_path)))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
            time.sleep(0.05)
        for thread in threads:
            thread.join()
    assert [x.read_bytes() == BODY for x in found] == [True, True]
    assert os.listdir(tmp_path) == ["x.bin"]


def test_a_run_killed_while_its_files_move_is_run_again(tmp_path):
    """Old files of a run and new ones never lie beside a record; nobody is refused."""
    names = ["run.dcd", "run.pdb", "run.sdf", "run.json"]
    record = json.dumps({"outputs": names})

    def write() -> None:
        with all_or_nothing(tmp_path, names) as folder:
            for name in names:
                (folder / name).write_text(record)

    write()
    pid = os.fork()
    if pid == 0:
        moved = Path.replace

        def killed(path: Path, target: Path) -> None:
            if path.name == "run.sdf":
                os._exit(9)
            moved(path, target)

        Path.replace = killed
        write()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    assert not (tmp_path / "run.json").exists()
    check_output(tmp_path / "run.dcd", 1, [])
    write()
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert len({sha256(tmp_path / x) for x in names}) == 1


def test_an_unfinished_campaign_is_gone_on_with(tmp_path, monkeypatch):
    """What a kill draws does not depend on where the campaign was stopped."""
    from tests.interruption import campaign as tool

    drawn: list[float] = []

    class Trial:
        seconds = 0.0

        def __init__(self, case, top, url):
            self.case = case

        def stopped(self, way, rng):
            drawn.append(rng.random())
            return True, "" if len(drawn) != 2 else "not whole"

    monkeypatch.setattr(tool, "Trial", Trial)
    monkeypatch.setattr(tool, "load", lambda: None)
    whole, parts = tmp_path / "whole.json", tmp_path / "parts.json"
    tool.campaign(7, 1, ["fetch", "prepare"], whole)
    at_once, drawn[:] = list(drawn), []
    for kills in (3, 7):
        tool.campaign(kills, 1, ["fetch", "prepare"], parts)
    assert drawn == at_once
    found = json.loads(parts.read_text())
    assert found["tried"] == 7
    assert [x["number"] for x in found["findings"]] == [1]
    assert found["cases"] == json.loads(whole.read_text())["cases"]
