"""`neuralmd data`: trajectories to train on, from a download to a store."""

import typer

from neuralmd_cli.cli.data.add import add
from neuralmd_cli.cli.data.inspect import inspect
from neuralmd_cli.cli.data.prepare import prepare
from neuralmd_cli.cli.data.verify import verify

app = typer.Typer(
    help="Make, look at and check trajectory data for training.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command()(prepare)
app.command()(inspect)
app.command()(verify)
app.command()(add)
