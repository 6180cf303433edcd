"""What all commands have in common: exit codes, help, names of options, completion."""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
import typer.main
from typer.testing import CliRunner

from neuralmd_cli.cli.config import _kind
from neuralmd_cli.cli.main import app
from neuralmd_cli.models.names import PLACES

ROOT = Path(__file__).parents[2]


def leaves(command=None, path=()):
    """Every command, by its words."""
    command = command or typer.main.get_command(app)
    for name, inner in getattr(command, "commands", {}).items():
        yield from leaves(inner, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


COMMANDS = dict(leaves())
IDS = [" ".join(x) for x in COMMANDS]


def options():
    """Each option of each command: words, option, the type of its value."""
    for path, command in COMMANDS.items():
        hints = get_type_hints(inspect.unwrap(command.callback), include_extras=True)
        for param in command.params:
            if param.param_type_name == "option" and param.name in hints:
                yield " ".join(path), param, _kind(hints[param.name])


def run(*words):
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_help_is_0_and_wrong_usage_2(path):
    """-h and --help alike; an option that is none is told apart from bad input."""
    short, long = run(*path, "-h"), run(*path, "--help")
    assert (short.exit_code, long.exit_code) == (0, 0)
    assert short.stdout == long.stdout
    wrong = run(*path, "--no-such-option")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "--no-such-option" in wrong.stderr


def argument_of(param, gone: str) -> list[str]:
    """Words for a required parameter that name what is not there."""
    return [gone] if param.param_type_name == "argument" else [param.opts[0], gone]


TAKES_ANY_NAME = {"data fetch", "data add"}
"""A name that is none is asked of the network, or the file is made."""


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_a_file_that_is_not_there_is_1_or_2_and_never_a_traceback(path, tmp_path):
    """1 where the command finds it out, 2 where the command line does."""
    words = " ".join(path)
    required = [x for x in COMMANDS[path].params if x.required]
    if not required or words in TAKES_ANY_NAME:
        pytest.skip("needs no file")
    gone = str(tmp_path / "gone.dcd")
    line = [word for x in required for word in argument_of(x, gone)]
    result = run(*path, *line)
    assert result.exit_code in (1, 2), result.exception
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_a_config_with_a_wrong_key_is_1(path, tmp_path):
    """The user's input is wrong, not the command line."""
    (tmp_path / "x.toml").write_text("no-such-key = 1")
    result = run(*path, "--config", str(tmp_path / "x.toml"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "x.toml: no-such-key is no option" in result.stderr


TWO_MEANINGS = {
    # What one word takes once, a word that compares takes several times.
    "--model": {"one", "several"},
    "--weights": {"one", "several"},
    # A file to add; elsewhere a complex to take, by its id.
    "--trajectory": {"file", "id"},
}


def test_an_option_name_has_one_type():
    """Whatever the command; the few that differ are listed with the reason."""
    types: dict[str, set[object]] = {}
    for _, param, (kind, many) in options():
        simple = kind if kind in (bool, int, float, Path) else str
        for name in param.opts:
            types.setdefault(name, set()).add((simple, many))
    assert {k for k, v in types.items() if len(v) > 1} == set(TWO_MEANINGS)


def test_a_short_name_stands_for_one_long_name():
    """-o is --output everywhere."""
    longs: dict[str, set[str]] = {}
    for _, param, _ in options():
        for short in (x for x in param.opts if not x.startswith("--")):
            longs.setdefault(short, set()).add(param.opts[0])
    assert {len(x) for x in longs.values()} == {1}
    assert {"-o", "-p", "-l", "-q"} <= set(longs)


SHARED = ("--json", "--quiet", "--csv", "--plot", "--every", "--device", "--match")


@pytest.mark.parametrize("name", SHARED)
def test_what_is_shared_is_said_in_the_same_words(name):
    """One help text."""
    texts = {param.help for _, param, _ in options() if name in param.opts}
    assert len(texts) == 1


UNITS = {"ps": "ps", "ns": "ns", "angstrom": "Å", "percent": "%", "k": "K"}
WITHOUT_UNIT = {
    "--ph": "has none",
    "--scaling": "a ratio",
    "--velocity-refinement": "a coefficient",
    "--step": "counted in snapshots, as the authors' file has it",
}


def test_real_numbers_say_their_unit():
    """In the name, and in the help; those without a unit are listed."""
    seen = set()
    for words, param, (kind, _) in options():
        if kind is not float:
            continue
        name = param.opts[0]
        seen.add(name)
        unit = UNITS.get(name.rpartition("-")[2])
        if unit is None:
            assert name in WITHOUT_UNIT, f"{words} {name}"
        else:
            text = f"{param.help} {param.metavar}"
            assert re.search(rf"(?<!\w){unit}(?!\w)", text, re.IGNORECASE), name
    assert "--ns" in seen
    assert set(WITHOUT_UNIT) <= seen


def test_every_option_has_a_help_text():
    """A sentence."""
    for words, param, _ in options():
        assert param.help, (words, param.opts)
        assert param.help.rstrip().endswith("."), (words, param.opts)


def test_version_and_short_help_of_the_command_itself():
    """Of groups as well."""
    assert run("--version").exit_code == 0
    for words in ([], ["weights"], ["data"]):
        assert run(*words, "-h").exit_code == 0


def complete(*words: str) -> list[str]:
    """What a shell is told for the last word."""
    environment = os.environ | {
        "_NEURALMD_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("neuralmd", *words)),
        "COMP_CWORD": str(len(words)),
    }
    result = subprocess.run(
        [sys.executable, "-m", "neuralmd_cli"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=False,
    )
    return result.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sim"], {"simulate"}),
        (["simulate", "--model", "neuralmd"], {"neuralmd-ode", "neuralmd-sde"}),
        (["eval", "--model", "froz"], {"frozen"}),
        (["data", "splits", "misato-1"], {"misato-100", "misato-1000"}),
        (["train", "--split", "own"], {"own-md"}),
    ],
)
def test_a_shell_completes_names(words, expected):
    """Commands, models and splits."""
    assert expected <= set(complete(*words))


def test_a_shell_completes_weights():
    """Registered ones."""
    assert set(complete("simulate", "--weights", "neuralmd-o")) >= {"neuralmd-ode"}
    assert {"frozen", "relaxed"} <= set(PLACES)


def test_completion_can_be_installed():
    """The option is there, and the script names the program."""
    assert "--install-completion" in run("--help").stdout
    environment = os.environ | {"_NEURALMD_COMPLETE": "source_bash"}
    result = subprocess.run(
        [sys.executable, "-m", "neuralmd_cli"],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        check=False,
    )
    assert "_NEURALMD_COMPLETE=complete_bash" in result.stdout


CODES = re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "cli.md").read_text(), re.M)


def test_exit_codes_are_documented():
    """All that the program has, and no other."""
    from neuralmd_cli.__main__ import INTERRUPTED
    from neuralmd_cli.cli.console import EXIT_INTERRUPTED, EXIT_PROBLEM

    assert INTERRUPTED == EXIT_INTERRUPTED
    assert [int(x) for x in CODES] == [0, EXIT_PROBLEM, 2, EXIT_INTERRUPTED]
