"""The commands of `neuralmd`.

Command modules import only typer and `cli.options` at the top, so `--help` is quick.
"""

import os
from typing import Annotated

import typer

from neuralmd_cli.cli import weights
from neuralmd_cli.cli.cluster import cluster
from neuralmd_cli.cli.compare import compare
from neuralmd_cli.cli.console import (
    OFFLINE,
    NeuralMDGroup,
    set_up_logging,
    show_any_letter,
)
from neuralmd_cli.cli.contacts import contacts
from neuralmd_cli.cli.data import group as data
from neuralmd_cli.cli.doctor import doctor
from neuralmd_cli.cli.eval import evaluate
from neuralmd_cli.cli.finetune import finetune
from neuralmd_cli.cli.md import md
from neuralmd_cli.cli.models import models
from neuralmd_cli.cli.replay import replay
from neuralmd_cli.cli.report import report
from neuralmd_cli.cli.rmsf import rmsf
from neuralmd_cli.cli.screen import screen
from neuralmd_cli.cli.simulate import simulate
from neuralmd_cli.cli.stability import stability
from neuralmd_cli.cli.torsions import torsions
from neuralmd_cli.cli.train import train
from neuralmd_cli.version import VERSION

app = typer.Typer(
    name="neuralmd",
    cls=NeuralMDGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawing boxes around help doubles the time to show it
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(simulate)
app.command()(replay)
app.command()(report)
app.command()(screen)
app.command()(stability)
app.command()(rmsf)
app.command()(torsions)
app.command()(contacts)
app.command()(cluster)
app.command()(compare)
app.command()(md)
app.command()(models)
app.command()(doctor)
app.command()(train)
app.command()(finetune)
app.command("eval")(evaluate)
app.add_typer(weights.app, name="weights")
app.add_typer(data.app, name="data")


def _show_version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"neuralmd {VERSION}")
        raise typer.Exit
    return wanted


@app.callback()
def neuralmd(
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            help="Say on stderr what is done; -vv says more.",
            show_default=False,
        ),
    ] = 0,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="Touch no network, whatever is missing; so does NEURALMD_OFFLINE=1.",
        ),
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and stop.",
            callback=_show_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Predict how a ligand moves in its pocket, in seconds."""
    show_any_letter()
    set_up_logging(verbose)
    if offline:
        # In the environment, so that processes a command starts stay offline too.
        os.environ[OFFLINE] = "1"
