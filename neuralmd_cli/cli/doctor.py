"""`neuralmd doctor`: is this installation able to do what it should?"""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from neuralmd_cli.cli.console import EXIT_PROBLEM, print_table
from neuralmd_cli.cli.options import Json
from neuralmd_cli.cli.results import print_json

if TYPE_CHECKING:
    from neuralmd_cli.doctor.finding import Finding


def doctor(json: Json = False) -> None:
    """Examine this installation: versions, devices, weights, cache, a tiny rollout.

    Exits with 1 if something is broken; a missing extra is not.
    """
    try:
        from neuralmd_cli.doctor.examine import examine
    except (ImportError, OSError) as error:  # OSError: a library of its own is gone
        from neuralmd_cli.errors import NeuralMDError

        raise NeuralMDError(
            f"A library that neuralmd needs cannot be imported: {error}.",
            hint="Install neuralmd again, in an environment of its own.",
        ) from error
    findings = examine()
    broken = [x for x in findings if x.state == "broken"]
    if json:
        print_json({"ok": not broken, "findings": [asdict(x) for x in findings]})
    else:
        _print_table(findings)
        many = f"{len(broken)} thing{'' if len(broken) == 1 else 's'}"
        typer.echo(f"{many} broken." if broken else "Nothing is broken.")
    if broken:
        raise typer.Exit(EXIT_PROBLEM)


def _print_table(findings: "list[Finding]") -> None:
    """A line per finding, its hint below it; each section named once."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column()
    table.add_column(overflow="fold")
    section = ""
    marks = {"ok": "ok", "missing": "-", "broken": "BROKEN"}
    for x in findings:
        shown = "" if x.section == section else x.section
        section = x.section
        table.add_row(shown, marks[x.state], x.name, x.value)
        if x.hint:
            table.add_row("", "", "", x.hint)
    print_table(table)
