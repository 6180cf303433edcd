"""`neuralmd data splits`: which complexes are for training, validation and test."""

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from neuralmd_cli.cli import complete
from neuralmd_cli.cli.console import print_table
from neuralmd_cli.cli.options import Json

if TYPE_CHECKING:
    from neuralmd_cli.dataset.splits import Split

Part = Annotated[
    Literal["train", "val", "test"] | None,
    typer.Option("--part", help="Only this part of the split.", show_default=False),
]


def splits(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]",
            autocompletion=complete.splits,
            help="A split, or a file with one: TOML with lists train, val and test, or "
            "one id a line. Without it, the splits there are.",
            show_default=False,
        ),
    ] = None,
    part: Part = None,
    as_json: Json = False,
) -> None:
    """Print the ids of a split, one a line."""
    from neuralmd_cli.dataset.splits import load_split, split_names

    if name is None and part is not None:
        raise typer.BadParameter("--part needs a split.")
    if name is None:
        _show([load_split(x) for x in split_names()], as_json=as_json)
        return
    split = load_split(name)
    ids = split.part(part)
    if not as_json:
        typer.echo("\n".join(ids))
        return
    parts = {p: list(x) for p, x in split.parts.items() if part in (None, p)}
    content = {"name": split.name, "about": split.about, "ids": list(ids)}
    typer.echo(json.dumps(content | {"parts": parts}, indent=2))


def _show(known: "list[Split]", *, as_json: bool) -> None:
    """Names and numbers of complexes, as a table or JSON."""
    rows: list[dict[str, Any]] = [
        {
            "name": x.name,
            "about": x.about,
            "complexes": len(x.ids),
            "parts": {p: len(ids) for p, ids in x.parts.items()},
        }
        for x in known
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.table import Column, Table

    numbers = [Column(x, justify="right") for x in ("all", "train", "val", "test")]
    table = Table(Column("name", no_wrap=True), *numbers, "about", box=None)
    for row in rows:
        counts = [str(row["parts"].get(p, "")) for p in ("train", "val", "test")]
        table.add_row(row["name"], str(row["complexes"]), *counts, row["about"])
    print_table(table)
