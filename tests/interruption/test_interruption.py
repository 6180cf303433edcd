"""A few interruptions (`make interrupt` is the long run); two at the same output."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from neuralmd_cli.errors import OutputError
from neuralmd_cli.outputs import all_or_nothing, check_output, claimed
from neuralmd_cli.weights.download import Download, download
from tests.interruption.cases import BODY, CASES, sha256, slow_server

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from pathlib import Path
from neuralmd_cli.outputs import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


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


@pytest.fixture
def held(tmp_path):
    """Another process that is writing `out.x`; the path, and the process."""
    path = tmp_path / "out.x"
    words = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.wait()
    process.stdout.close()


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


@pytest.mark.parametrize("name", ["simulate", "prepare"])
def test_a_command_does_not_write_what_another_is_writing(
    tmp_path, name, monkeypatch, capfd
):
    """`simulate` and `data prepare` end with one message and touch nothing."""
    from typer.testing import CliRunner

    from neuralmd_cli.cli.main import app

    case = CASES[name]
    case.inputs(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    words = [sys.executable, "-c", HOLD, str(out / case.finals[0])]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout.readline() == "held\n"
        result = CliRunner().invoke(app, case.words(tmp_path, out))
        other.kill()
    assert result.exit_code == 1
    assert "Another process is writing" in " ".join(result.stderr.split())
    assert not any((out / x).exists() for x in case.finals)


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
