"""`neuralmd data`: trajectories to train on and to be judged by."""

import typer

from neuralmd_cli.cli.data.add import add
from neuralmd_cli.cli.data.export import export
from neuralmd_cli.cli.data.fetch import fetch
from neuralmd_cli.cli.data.inspect import inspect
from neuralmd_cli.cli.data.prepare import prepare
from neuralmd_cli.cli.data.splits import splits
from neuralmd_cli.cli.data.verify import verify

app = typer.Typer(
    help="Get, make, look at and check trajectory data for training.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command()(fetch)
app.command()(splits)
app.command()(prepare)
app.command()(inspect)
app.command()(verify)
app.command()(add)
app.command()(export)
