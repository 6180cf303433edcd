"""A command that fails says why in one or two lines and exits with the right code."""

import io
import logging
import os
import signal
import subprocess
import sys

import pytest
import typer
from rich.table import Table
from typer.testing import CliRunner

from neuralmd_cli.cli.console import (
    NeuralMDGroup,
    download_progress,
    print_table,
    set_up_logging,
    show_any_letter,
    snapshot_progress,
)
from neuralmd_cli.errors import InputError, NeuralMDError, WeightsError

PROGRAM = """
import signal, sys, time, typer
# A test run in the background of a shell is started deaf to it.
signal.signal(signal.SIGINT, signal.default_int_handler)
from neuralmd_cli.cli.console import NeuralMDGroup
app = typer.Typer(cls=NeuralMDGroup, pretty_exceptions_enable=False)
@app.command()
def wait():
    print("waiting", flush=True)
    time.sleep(30)
@app.command()
def talk():
    for _ in range(100000):
        print("talk")
app()
"""


@pytest.fixture
def app() -> typer.Typer:
    """Commands that end in different ways, one of them in a group of its own."""
    app = typer.Typer(cls=NeuralMDGroup, pretty_exceptions_enable=False)
    inner = typer.Typer()
    app.add_typer(inner, name="inner")

    @app.command()
    def fail(number: int = 0) -> None:
        raise InputError("a.pdb: atom 3 is wrong.", hint="Mend atom 3.")

    @app.command()
    def bare() -> None:
        raise NeuralMDError("No hint here.")

    @app.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    @app.command()
    def full() -> None:
        with open("/dev/full", "w") as file:
            file.write("x")

    @app.command()
    def bug() -> None:
        raise ZeroDivisionError

    @app.command()
    def good() -> None:
        typer.echo("result")

    @inner.command()
    def deep() -> None:
        raise WeightsError("Deep.", hint="Dig.")

    @inner.command()
    def other() -> None:
        pass

    return app


@pytest.mark.parametrize(
    ("arguments", "code", "stderr"),
    [
        (["fail"], 1, "Error: a.pdb: atom 3 is wrong.\nHint: Mend atom 3.\n"),
        (["bare"], 1, "Error: No hint here.\n"),
        (["inner", "deep"], 1, "Error: Deep.\nHint: Dig.\n"),
        (["interrupted"], 130, "Interrupted.\n"),
    ],
)
def test_an_end_is_said_on_stderr(app, arguments, code, stderr):
    """Message, then hint where there is one; nothing on stdout."""
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", stderr)


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["fail", "--nonsense"], ["fail", "--number", "x"]]
)
def test_wrong_usage_exits_with_2(app, arguments):
    """Usage errors are told apart from problems with the input."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has /dev/full")
def test_a_full_disk_is_a_message_whatever_was_written(app):
    """The system does not name a file that is open."""
    result = CliRunner().invoke(app, ["full"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "could not be written: No space left on device." in result.stderr
    assert "temporary files" in result.stderr


def test_a_result_goes_to_stdout(app):
    """And the exit code is 0."""
    result = CliRunner().invoke(app, ["good"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "result\n", "")


def test_a_bug_is_not_dressed_up(app):
    """Only the user's mistakes become messages; the rest keeps its traceback."""
    result = CliRunner().invoke(app, ["bug"])
    assert isinstance(result.exception, ZeroDivisionError)


def test_ctrl_c_ends_with_one_line():
    """A real SIGINT: exit code 130 and no traceback."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, "Interrupted.\n")


def test_a_closed_pipe_is_quiet():
    """`neuralmd ... | head` is no reason to complain."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "talk"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "talk\n"
        process.stdout.close()
        stderr = process.stderr.read()
    assert stderr == ""


@pytest.mark.parametrize(("verbosity", "shown"), [(0, 1), (1, 2), (2, 3), (5, 3)])
def test_verbosity_chooses_the_level(verbosity, shown, capsys):
    """Warnings always, then info, then all; on stderr."""
    set_up_logging(verbosity)
    log = logging.getLogger("neuralmd_cli.somewhere")
    log.debug("one thing")
    log.info("one thing")
    log.warning("one thing")
    captured = capsys.readouterr()
    assert captured.err.count("one thing") == shown
    assert captured.out == ""


def test_logging_set_up_twice_says_things_once(capsys):
    """Handlers do not pile up."""
    set_up_logging(0)
    set_up_logging(0)
    logging.getLogger("neuralmd_cli").warning("one thing")
    assert capsys.readouterr().err.count("one thing") == 1


def test_download_progress_counts_and_stays_off_stdout(capsys):
    """A new total starts a new count; nothing is drawn where nobody looks."""
    with download_progress("file") as progress:
        assert progress.total == 0
        progress.total = 100
        progress.update(60)
        assert progress.bar.tasks[0].completed == 60
        progress.total = 100
        assert progress.bar.tasks[0].completed == 0
        progress.update(60)
        progress.reset()
        progress.update(100)
        progress.close()
        assert progress.bar.tasks[0].finished
        assert progress.total == 100
    assert capsys.readouterr().out == ""


class Terminal(io.StringIO):
    """What rich takes for a terminal."""

    def isatty(self) -> bool:
        return True


def stderr_on_terminal(monkeypatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", terminal)
    return terminal


def test_a_run_without_download_shows_one_bar(monkeypatch):
    """The bar of a download that never comes is not drawn."""
    terminal = stderr_on_terminal(monkeypatch)
    with download_progress("weights"), snapshot_progress(3, quiet=False) as show:
        assert terminal.getvalue() == ""
        for done in (1, 2, 3):
            show(done)
    assert "snapshots" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "weights" not in terminal.getvalue()


def test_a_download_before_a_run_gets_its_bar(monkeypatch):
    """Drawn from the first size on, and off the screen before the other begins."""
    terminal = stderr_on_terminal(monkeypatch)
    with (
        download_progress("weights") as download,
        snapshot_progress(3, quiet=False) as show,
    ):
        download.total = 100
        download.update(100)
        download.close()
        assert "weights" in terminal.getvalue()
        assert not download.bar.live.is_started
        show(1)
    assert "1/3" in terminal.getvalue()


def test_letters_a_terminal_lacks_become_question_marks(monkeypatch):
    """Å where only ASCII can be written."""
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    show_any_letter()
    table = Table("1 Å")
    table.add_row("LIG:A:1 [b]x[/b]")
    print_table(table)
    sys.stdout.flush()
    assert b"1 ?" in written.getvalue()
    assert b"LIG:A:1 [b]x[/b]" in written.getvalue()


def test_quiet_draws_nothing(monkeypatch):
    """Not even on a terminal."""
    terminal = stderr_on_terminal(monkeypatch)
    with snapshot_progress(3, quiet=True) as show:
        show(1)
    assert terminal.getvalue() == ""
