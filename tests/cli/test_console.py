"""A command that fails says why in one or two lines and exits with the right code."""

import logging
import signal
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from neuralmd_cli.cli.console import (
    NeuralMDGroup,
    download_progress,
    set_up_logging,
)
from neuralmd_cli.errors import InputError, NeuralMDError, WeightsError

PROGRAM = """
import sys, time, typer
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
