"""What README and docs say is so: links, commands, options and examples."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from neuralmd_cli.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES += sorted((ROOT / "weights").glob("*.md"))
INDENTED = re.compile(r"(?:^    .*\n?)+", re.MULTILINE)


def commands() -> list[tuple[str, list[str]]]:
    """Every `neuralmd ...` line in an indented block, with continuations joined."""
    found = []
    for page in PAGES:
        for block in INDENTED.findall(page.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line.strip(), comments=True)
                if words[:1] == ["neuralmd"]:
                    found.append((page.name, words[1:]))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every relative link is a file of the repository."""
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_there_are_commands_to_check():
    """So that the test below cannot pass for want of any."""
    assert len(commands()) >= 8


@pytest.mark.parametrize(("page", "words"), commands())
def test_commands_and_options_exist(page, words):
    """Each option a page names is one the command has."""
    command = typer.main.get_command(app)
    while hasattr(command, "commands") and words[0][0] != "-":
        command = command.commands[words[0]]
        words = words[1:]
    known = {name for option in command.params for name in option.opts}
    known |= {"-h", "--help"}
    used = {w.split("=")[0] for w in words if re.match(r"-{1,2}[a-z]", w)}
    assert used <= known, f"{page}: {used - known}"


def python_blocks() -> list[tuple[str, str]]:
    """Every block of Python in the pages that need no data, with its page's name."""
    return [
        (page.name, code)
        for page in PAGES
        if page.name in ("quickstart.md", "python.md")
        for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    ]


def test_there_is_python_to_check():
    """So that the test below cannot pass for want of any."""
    assert len({name for name, _ in python_blocks()}) == 2


@pytest.mark.parametrize(("page", "code"), python_blocks())
def test_the_python_examples_run(page, code, tmp_path, monkeypatch):
    """With the bundled weights, from the root of a checkout, without an error."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, page, "exec"), {})  # noqa: S102 - our own page
