"""`neuralmd data`: trajectories to train on, from a download to a store."""

import typer

from neuralmd_cli.cli.data.fetch import fetch
from neuralmd_cli.cli.data.splits import splits

app = typer.Typer(
    help="Make, look at and check trajectory data for training.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command()(fetch)
app.command()(splits)
