"""Names that would command a terminal, a spreadsheet, a table or LaTeX do not."""

import csv
from io import StringIO

import pytest
from rich.table import Table
from typer.testing import CliRunner

from neuralmd_cli.benchmark.files import _csv
from neuralmd_cli.benchmark.text import _pipe, _tex
from neuralmd_cli.cli.console import print_table
from neuralmd_cli.cli.main import app
from neuralmd_cli.cli.results import write_csv
from neuralmd_cli.errors import InputError
from neuralmd_cli.plain_text import printable, spreadsheet_cell
from neuralmd_cli.structure.protein import read_protein
from tests.fuzz.seeds import complexes

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\r=1", "＝1")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text_in_every_csv(tmp_path, text):
    """By both writers there are."""
    path = tmp_path / "x.csv"
    write_csv(path, ("name", "x", "n"), [(text, -1.5, 3)])
    for written in (path.read_text(), _csv(["name"], [[text, -1.5]])):
        for cell in next(iter(list(csv.reader(StringIO(written)))[1:])):
            assert cell.lstrip("-0123456789.") == "" or cell.startswith("'")


@pytest.mark.parametrize("text", ["-1.5", "+2", "1e-3", "C1", "ligand-2", "a=b", ""])
def test_numbers_and_names_stay_as_they_are(text):
    """A sign makes no formula of a number."""
    assert spreadsheet_cell(text) == text


def test_what_commands_a_terminal_is_written_out():
    """Escapes, bells, C1 controls, and letters that turn the text around."""
    assert printable("a\x1b[2Jb\x07\x9b1m\u202ec") == r"a\x1b[2Jb\x07\x9b1m\u202ec"
    assert printable("Å, 日本語\tx\n") == "Å, 日本語\tx\n"
    error = InputError("\x1b]0;title\x07", hint="\x1b[8m")
    assert "\x1b" not in error.message + error.hint + str(error)


def test_a_table_shows_names_as_they_are(capsys):
    """Neither markup nor escapes of a residue's name are obeyed."""
    table = Table()
    table.add_column("[red]x")
    table.add_row("[bold]LIG[/bold] \x1b[31m :smile:")
    print_table(table)
    shown = capsys.readouterr().out
    assert "[bold]LIG[/bold]" in shown
    assert "[red]x" in shown
    assert "\x1b[31m" not in shown
    assert ":smile:" in shown


def test_a_structure_file_commands_no_terminal(tmp_path):
    """In residue names, chains and remarks alike."""
    text = complexes()[0]["protein.pdb"].decode("latin-1")
    line = next(x for x in text.splitlines() if x.startswith("ATOM"))
    bad = line[:17] + "\x1b[m" + line[20:]
    path = tmp_path / "x.pdb"
    path.write_text(text.replace(line, bad, 1))
    file = read_protein(path)
    assert "\x1b" not in "".join((*file.residue_labels, *file.notes))


def test_a_file_name_commands_no_terminal(tmp_path):
    """The message shows what the name holds."""
    path = tmp_path / "a\x1b[2J\nb.pdb"
    path.write_text("nothing")
    words = [
        "simulate",
        "-p",
        str(path),
        "-l",
        str(path),
        "-o",
        str(tmp_path / "o.dcd"),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "\x1b[2J" not in result.output


def test_names_break_neither_markdown_nor_latex():
    r"""A checkpoint may be called \input{x} or a|b."""
    assert _tex(r"\input{/etc/passwd}$_^~") == (
        r"\textbackslash{}input\{/etc/passwd\}\$\_\textasciicircum{}\textasciitilde{}"
    )
    row = _pipe([["a", "b"], ["x|y\n<script>", "1"]]).splitlines()[2]
    assert row == r"| x\|y &lt;script> | 1 |"
