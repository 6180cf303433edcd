"""`neuralmd data fetch`: what a split needs of MISATO, from the web."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from neuralmd_cli.cli import complete
from neuralmd_cli.cli.console import complex_progress, download_progress
from neuralmd_cli.cli.data.splits import Part
from neuralmd_cli.cli.options import OUTPUT, Json, Quiet


def fetch(
    target: Annotated[
        str,
        typer.Argument(
            metavar="SPLIT|FILE|ID,ID,...",
            autocompletion=complete.splits,
            help="A split of `neuralmd data splits`, a file with one, or PDB ids. "
            "misato-all is the whole file, 133 GB; all else is read out of it.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The HDF5 file to write; by default TARGET.hdf5 in this folder, and "
            "MD.hdf5 for misato-all.",
            dir_okay=False,
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    part: Part = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Address of the HDF5 file. Without it, the environment variable "
            "NEURALMD_DATA_URL; without that, MISATO's at Zenodo.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fetch complexes of MISATO; an interrupted fetch goes on when run again."""
    from neuralmd_cli.dataset.fetching.fetch import fetch as fetch_target

    def notify(text: str) -> None:
        if not quiet:
            typer.echo(f"{text} ...", err=True)

    with (
        download_progress("MD.hdf5", quiet=quiet) as progress,
        complex_progress(quiet=quiet) as report,
    ):
        fetched = fetch_target(
            target,
            output,
            part=part,
            url=url,
            progress=progress,
            report=report,
            notify=notify,
        )
    if not quiet and fetched.requests:
        read, there = fetched.bytes_read / 1e6, fetched.remote_bytes / 1e6
        typer.echo(
            f"Read {read:.1f} of {there:.1f} MB ({read / there:.2%}) in "
            f"{fetched.requests} requests and {fetched.seconds:.1f} s: "
            f"{fetched.complexes - fetched.kept} complexes, besides {fetched.kept} "
            "that were there.",
            err=True,
        )
    elif not quiet:
        typer.echo("All of it was there already; nothing was read.", err=True)
    if as_json:
        content = asdict(fetched) | {"path": str(fetched.path)}
        typer.echo(json.dumps(content, indent=2))
    else:
        typer.echo(str(fetched.path))
