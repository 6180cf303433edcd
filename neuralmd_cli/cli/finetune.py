"""`neuralmd finetune`: one's own short MD in, a model that continues it out."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralmd_cli.cli import complete
from neuralmd_cli.cli.console import EXIT_INTERRUPTED, download_progress, print_table
from neuralmd_cli.cli.options import (
    INPUT,
    OUTPUT,
    SIMULATION,
    Device,
    Json,
    LigandResidue,
    ProteinFile,
    Quiet,
    WeightsUrl,
)
from neuralmd_cli.cli.train_options import Epochs, Preset, Recipe, Settings
from neuralmd_cli.cli.training_progress import stop_on_signal, training_progress

if TYPE_CHECKING:
    from neuralmd_cli.finetuning import FineTuned

METRICS = ("position_rmsd", "mae", "matching", "stability")


def finetune(
    *,
    protein: ProteinFile,
    ligand: Annotated[
        Path,
        typer.Option(
            "--ligand",
            "-l",
            metavar="FILE",
            help="The ligand that was simulated: SDF, in its pose.",
            exists=True,
            dir_okay=False,
            readable=True,
            rich_help_panel=INPUT,
        ),
    ],
    trajectory: Annotated[
        Path,
        typer.Option(
            "--trajectory",
            "-t",
            metavar="FILE",
            help="Short MD of the complex, as `neuralmd md` or another program wrote "
            "it: DCD, XTC, TRR, NetCDF. Of a droplet with --with-protein, give the "
            ".pdb beside it as --protein.",
            exists=True,
            dir_okay=False,
            readable=True,
            rich_help_panel=INPUT,
        ),
    ],
    top: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Topology of --trajectory; without it, the .pdb of the same name.",
            show_default=False,
            dir_okay=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    ligand_index: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Which molecule of the SDF, from 1.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    ligand_residue: LigandResidue = None,
    spacing_ps: Annotated[
        float | None,
        typer.Option(
            metavar="PS",
            help="Time between two snapshots; without it, as the trajectory says.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Weights to write, .safetensors; `simulate --weights` takes them.",
            dir_okay=False,
            rich_help_panel=OUTPUT,
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What to train; without it that of --weights, or neuralmd-ode. "
            "Default weights to begin with have neuralmd-ode and neuralmd-sde.",
            autocompletion=complete.models,
            show_default=False,
            rich_help_panel="Model",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH|none",
            help="Weights to begin with; without it the default ones of the model. "
            "none begins untrained, as the paper's single trajectories.",
            show_default=False,
            rich_help_panel="Model",
        ),
    ] = None,
    weights_url: WeightsUrl = None,
    preset: Preset = None,
    recipe: Recipe = None,
    settings: Settings = None,
    epochs: Epochs = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, help="Seed of all random draws.", rich_help_panel=SIMULATION
        ),
    ] = 42,
    as_json: Json = False,
    quiet: Quiet = False,
    device: Device = "auto",
) -> None:
    """Train on the first 80 % of a complex's own MD; score the last 20 %.

    neuralmd finetune -p P.pdb -l L.sdf -t ref.dcd -o my.safetensors

    The error on the last 20 % is printed beside that of the weights it began with, of
    a ligand that never moves and of the mean pose seen. Stopped, it goes on where it
    was when the same command is given again.
    """
    from neuralmd_cli.cli.train import check_installed
    from neuralmd_cli.training.loop import StoppedOnRequestError

    check_installed()
    from neuralmd_cli.dataset.own.system import OwnFiles
    from neuralmd_cli.finetuning import Recipe
    from neuralmd_cli.finetuning import finetune as run
    from neuralmd_cli.outputs import claimed

    try:
        with (
            download_progress("weights", quiet=quiet) as download,
            training_progress(quiet=quiet, begun="before") as shown,
            stop_on_signal() as should_stop,
            claimed(output),
        ):
            tuned = run(
                OwnFiles(
                    protein=protein, trajectory=trajectory, ligand=ligand, top=top
                ),
                output,
                Recipe(
                    model=model,
                    weights=weights,
                    weights_url=weights_url,
                    preset=preset,
                    config=recipe,
                    settings=tuple(settings or ()),
                    epochs=epochs,
                    seed=seed,
                ),
                ligand_index=ligand_index,
                ligand_residue=ligand_residue,
                spacing_ps=spacing_ps,
                device=device,
                command=["neuralmd", *sys.argv[1:]],
                progress=download,
                on_epoch=shown.on_epoch,
                on_batch=shown.on_batch,
                should_stop=should_stop,
            )
    except StoppedOnRequestError:
        typer.echo("Stopped; give the same command again to go on.", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _say(tuned, as_json=as_json, quiet=quiet)


def _say(tuned: "FineTuned", *, as_json: bool, quiet: bool) -> None:
    """Errors on the held-out end, beside those of predictors that learned nothing."""
    rows = tuned.rows
    if as_json:
        facts = {
            "weights": str(tuned.weights),
            "snapshots": tuned.total,
            "seen": tuned.known,
            "push_refitted": tuned.refit,
            "held_out": {
                row.name: {k: row.cells[k].value for k in METRICS} for row in rows
            },
        }
        typer.echo(json.dumps(facts, indent=2))
        return
    from rich.table import Table

    from neuralmd_cli.benchmark.layout import heading, number

    for note in () if quiet else tuned.notes:
        typer.echo(f"Note: {note}", err=True)
    typer.echo(
        f"Learned from snapshots 1 to {tuned.known} of {tuned.total}; errors on the "
        f"rest, which nothing saw, begun from snapshot {tuned.known}:"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in METRICS:
        table.add_column(heading(name, short=False), justify="right")
    for row in rows:
        table.add_row(row.name, *(number(row.cells[x].value, x) for x in METRICS))
    print_table(table)
    for sentence in _verdict(tuned):
        typer.echo(sentence)
    typer.echo(f"Wrote {tuned.weights}")


def _verdict(tuned: "FineTuned") -> Iterator[str]:
    """What the table says, in words."""
    own, frozen, mean = (
        _error(tuned, x) for x in ("fine-tuned", "frozen", "observed-mean")
    )
    names = [x.name for x in tuned.rows]
    if own >= frozen:
        yield (
            "It does no better than a ligand that never moves: do not rely on it. A "
            "longer trajectory may help."
        )
    elif "before" in names and own >= _error(tuned, "before"):
        yield (
            "It does no better than the weights it began with: use those. A longer "
            "trajectory may help."
        )
    if mean < own:
        yield (
            "The mean of the snapshots that were seen is nearer still: where this "
            "ligand sits, your MD says better than the model."
        )


def _error(tuned: "FineTuned", name: str) -> float:
    row = next(x for x in tuned.rows if x.name == name)
    return row.cells["position_rmsd"].value
