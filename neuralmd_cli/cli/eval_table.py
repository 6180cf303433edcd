"""The tables of `neuralmd eval` on a terminal; readable at 100 columns."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import typer

from neuralmd_cli.cli.console import print_table

if TYPE_CHECKING:
    from neuralmd_cli.benchmark.run import Evaluation
    from neuralmd_cli.benchmark.table import Row
    from neuralmd_cli.reproduction.grid import Grid

_WIDTH = 98
_AT_ONCE = 6
"""Columns of a table that shows what is not among the main ones."""


def print_evaluation(
    result: "Evaluation", *, as_json: bool, show_all: bool, quiet: bool
) -> None:
    """The tables, what failed, and what was written."""
    from neuralmd_cli.benchmark.files import table_json

    record = result.record
    if as_json:
        typer.echo(table_json(result.rows, record), nl=False)
        return
    typer.echo(fill(record.title(), _WIDTH))
    print_rows(result.rows, show_all=show_all)
    print_failures(result.rows, record.unusable)
    if result.files and not quiet:
        folder = result.files[0].parent
        typer.echo(f"Wrote {', '.join(x.name for x in result.files)} to {folder}")


def print_grid(grid: "Grid", *, as_json: bool, show_all: bool, quiet: bool) -> None:
    """The tables of each data set, ours beside the published."""
    import json

    from neuralmd_cli.benchmark.files import table_json

    if as_json:
        content = [json.loads(table_json(x.rows, x.record)) for x in grid.parts]
        typer.echo(json.dumps(content, indent=2))
        return
    for part in grid.parts:
        typer.echo(fill(part.record.title(), _WIDTH))
        print_rows(part.rows, show_all=show_all)
        if grid.plan.table == "table3" and not show_all:
            typer.echo("\nFrames per second, by the paper's formula")
            _print(part.rows, ("fps",), paper=True)
        print_failures(part.rows, part.record.unusable)
    for note in grid.notes:
        typer.echo(f"Note: {note}", err=True)
    if not quiet:
        typer.echo(f"Wrote {', '.join(str(x) for x in grid.files)}")


def print_rows(rows: Sequence["Row"], *, show_all: bool) -> None:
    """The paper's metrics, ours, and if asked all others."""
    from neuralmd_cli.benchmark.layout import CORRECTED, PUBLISHED, rest

    typer.echo("\nBy the paper's definitions (± over seeds)")
    _print(rows, PUBLISHED, paper=True)
    typer.echo("\nBy corrected definitions, mean over complexes [95 % interval]")
    _print(rows, CORRECTED, paper=False)
    if not show_all:
        return
    typer.echo("\nAll others, by the paper's definitions")
    _print(rows, rest("published"), paper=True)
    others = rest("corrected")
    for first in range(0, len(others), _AT_ONCE):
        typer.echo("\nAll others, by corrected definitions")
        _print(rows, others[first : first + _AT_ONCE], paper=False)


def print_failures(rows: Sequence["Row"], unusable: Mapping[str, str]) -> None:
    """What is in no mean, on stderr."""
    from neuralmd_cli.benchmark.text import failure_notes

    for note in failure_notes(rows, unusable):
        typer.echo(f"Warning: {note}", err=True)


def _print(rows: Sequence["Row"], metrics: Sequence[str], *, paper: bool) -> None:
    from rich import box
    from rich.table import Table

    from neuralmd_cli.benchmark.layout import (
        INTERVALS,
        heading,
        number,
        paper_cell,
        with_interval,
        with_spread,
    )

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Model", no_wrap=True)
    failed = any(row.failed for row in rows)
    if failed:
        table.add_column("Failed", justify="right")
    for name in metrics:
        table.add_column(heading(name, short=not paper), justify="right")
    for row in rows:
        count = [f"{len(row.failed)}/{row.rollouts}"] if failed else []
        # Spreads of the corrected ones are in the files; here there is no room.
        spread = with_spread if paper else lambda cell, x: number(cell.value, x)
        cells = [
            (with_interval if x in INTERVALS else spread)(row.cells[x], x)
            for x in metrics
        ]
        table.add_row(row.name, *count, *cells)
        if paper and any(x in row.paper for x in metrics):
            values = [paper_cell(row, x) for x in metrics]
            table.add_row("  the paper's", *["" for _ in count], *values)
    print_table(table)
