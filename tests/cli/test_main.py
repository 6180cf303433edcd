"""`neuralmd` itself: quick help, version, and no heavy import before it is needed."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.version import VERSION

HEAVY = "torch rdkit gemmi mdtraj numpy pooch requests safetensors matplotlib".split()


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False
    )


def test_version_is_the_package_version():
    """One line, for scripts."""
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"neuralmd {VERSION}\n")


def test_the_package_runs_as_a_module():
    """`python -m neuralmd_cli` is the command."""
    result = run("-m", "neuralmd_cli", "--version")
    assert (result.returncode, result.stdout) == (0, f"neuralmd {VERSION}\n")
    assert "Usage: neuralmd " in run("-m", "neuralmd_cli", "--help").stdout


def test_no_command_shows_the_help():
    """A newcomer who types the name learns the commands."""
    result = CliRunner().invoke(app, [])
    assert "Usage" in result.output
    assert "weights" in result.output


def names_of_commands():
    names = [x.name or x.callback.__name__ for x in app.registered_commands]
    return names + [x.name for x in app.registered_groups]


def test_help_is_text():
    """No part of an example, such as :A:, became an emoji."""
    for name in ["", *names_of_commands()]:
        shown = CliRunner().invoke(app, [*name.split(), "--help"]).output
        assert "Usage" in shown
        assert max(shown) < "\u2600", name


def test_help_imports_nothing_heavy():
    """What makes `--help` quick, for every command there is."""
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from neuralmd_cli.cli.main import app\n"
        "runner = CliRunner()\n"
        "for line in sys.argv[1:]:\n"
        "    assert runner.invoke(app, [*line.split(), '--help']).exit_code == 0\n"
        f"print([x for x in {HEAVY} if x in sys.modules])\n"
    )
    names = names_of_commands()
    assert "weights" in names
    result = run("-c", code, "", *names)
    assert (result.stdout, result.returncode) == ("[]\n", 0), result.stderr


PROGRAM = """
import signal, sys
# A test run in the background of a shell is started deaf to it.
signal.signal(signal.SIGINT, signal.default_int_handler)
name, translated = sys.argv.pop(1), sys.argv.pop(1) == "translated"

class Interrupt:
    def find_spec(self, wanted, path=None, target=None):
        if wanted == name:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                if translated:
                    raise RecursionError("half imported") from None
                raise

sys.meta_path.insert(0, Interrupt())
from neuralmd_cli.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "neuralmd_cli.cli.main", "torch"])
@pytest.mark.parametrize("way", ["plain", "translated"])
def test_ctrl_c_during_imports_is_quiet(module, way):
    """One line and 130, also where a library makes another error of it."""
    words = ["simulate", "-p", "examples/nik/nik.pdb", "-o", "x.dcd"]
    result = run("-c", PROGRAM, module, way, *words, "-l", "examples/nik/nik.pdb")
    assert (result.returncode, result.stderr) == (130, "Interrupted.\n")
