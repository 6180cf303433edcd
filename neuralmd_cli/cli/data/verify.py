"""`neuralmd data verify`: is every complex of a file what it should be."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from neuralmd_cli.cli.console import EXIT_PROBLEM, snapshot_progress
from neuralmd_cli.cli.options import Json, Quiet


def verify(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A store, or a file in MISATO's layout."),
    ],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check every complex: hashes of a store, shapes and numbers of MISATO's layout."""
    from neuralmd_cli.dataset.store import is_store
    from neuralmd_cli.dataset.survey import names_in
    from neuralmd_cli.dataset.survey import verify as check

    done = 0
    total = len(names_in(file))
    with snapshot_progress(total, quiet=quiet, label="complexes") as show:
        rows = []
        for row in check(file):
            rows.append(row)
            done += 1
            show(done)
    bad = [x for x in rows if x.problem]
    if as_json:
        typer.echo(json.dumps([asdict(x) for x in rows], indent=2))
    else:
        for row in bad:
            typer.echo(f"{row.name}: {row.problem}")
        how = "match the manifest" if is_store(file) else "can be read"
        typer.echo(
            f"{file.name}: {len(rows) - len(bad)} of {len(rows)} complexes {how}."
        )
    if bad:
        raise typer.Exit(EXIT_PROBLEM)
