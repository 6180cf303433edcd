"""`neuralmd replay`: a recorded run made again, and is it the same?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralmd_cli.cli import complete
from neuralmd_cli.cli.console import EXIT_PROBLEM, snapshot_progress
from neuralmd_cli.cli.options import INPUT, OUTPUT, Device, Json, Quiet
from neuralmd_cli.cli.results import print_json, show_notes

if TYPE_CHECKING:
    from neuralmd_cli.replay.again import Replay

_Where = typer.Option(
    metavar="FILE",
    help="Where this input of the run is now, if not where it was.",
    exists=True,
    dir_okay=False,
    show_default=False,
    rich_help_panel=INPUT,
)


def replay(
    record: Annotated[
        Path,
        typer.Argument(
            metavar="RECORD",
            help="The .json file that a run wrote beside its trajectory.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Also keep the new run: .dcd or .xtc, as of simulate.",
            dir_okay=False,
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    protein: Annotated[Path | None, _Where] = None,
    ligand: Annotated[Path | None, _Where] = None,
    observed: Annotated[Path | None, _Where] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            autocompletion=complete.weights,
            help="Weights of the run, if they are not where they were.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    device: Device = "auto",
) -> None:
    """Run again what a run record says, and compare the results byte for byte.

    Exits with 1 if they are not the same. docs/run_record.md says more.
    """
    from neuralmd_cli.replay.again import replay as again
    from neuralmd_cli.replay.recorded import read_record
    from neuralmd_cli.simulation import snapshot_times

    told = read_record(record)
    total = len(snapshot_times(told.ns, told.interval_ps))
    with snapshot_progress(total, quiet=quiet) as on_snapshot:
        result = again(
            record,
            output=output,
            protein=protein,
            ligand=ligand,
            observed=observed,
            weights=weights,
            device=device,
            on_snapshot=on_snapshot,
        )
    if json:
        print_json(
            {
                "same": result.same,
                "differences": result.differences,
                "outputs": [asdict(x) for x in result.outputs],
            }
        )
    else:
        show_notes(f"not as it was: {x}" for x in result.differences)
        if not quiet:
            _print(result, output)
    if not result.same:
        raise typer.Exit(EXIT_PROBLEM)


def _print(result: "Replay", output: Path | None) -> None:
    """A line per file, and the verdict."""
    for x in result.outputs:
        far = x.largest_angstrom
        apart = "" if far is None else f", by up to {far:.3g} Å"
        typer.echo(f"{x.then}: {'the same' if x.same else f'not the same{apart}'}")
    typer.echo(
        "The results are the same, byte for byte."
        if result.same
        else "The results are not the same."
    )
    if output is not None:
        names = result.run.record.outputs
        typer.echo(f"Wrote {', '.join(str(output.parent / x) for x in names)}")
