"""What goes to the terminal besides results: errors, logging, progress on stderr."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import typer
from typer.core import TyperGroup

from neuralmd_cli.errors import NeuralMDError

if TYPE_CHECKING:
    from rich.progress import Progress

EXIT_PROBLEM = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells expect
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class NeuralMDGroup(TyperGroup):
    """Commands whose `NeuralMDError` becomes a message, a hint and exit code 1."""

    def invoke(self, ctx: object) -> object:
        """Run the command; say in one or two lines what stopped it."""
        try:
            # The type of a group's context is private to typer; this is its public one.
            result: object = super().invoke(cast("typer.Context", ctx))
            # Here a closed pipe still ends quietly; at exit Python would complain.
            sys.stdout.flush()
            return result
        except NeuralMDError as error:
            show_error(error)
            raise typer.Exit(EXIT_PROBLEM) from None
        except KeyboardInterrupt:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None


def show_error(error: NeuralMDError) -> None:
    """Message and hint, to stderr."""
    label = typer.style("Error:", fg="red", bold=True)
    typer.echo(f"{label} {error.message}", err=True)
    if error.hint:
        typer.echo(f"{typer.style('Hint:', bold=True)} {error.hint}", err=True)


class EchoHandler(logging.Handler):
    """Log lines to whatever stderr is now, so that they and progress bars get on."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        typer.echo(self.format(record), err=True)


def set_up_logging(verbosity: int) -> None:
    """Send the package's log to stderr: warnings, with 1 also info, with 2 all."""
    handler = EchoHandler()
    source = "%(name)s: " if verbosity > 1 else ""
    handler.setFormatter(logging.Formatter(f"%(levelname)s: {source}%(message)s"))
    logger = logging.getLogger("neuralmd_cli")
    logger.handlers = [handler]
    logger.setLevel(LEVELS[min(verbosity, len(LEVELS) - 1)])


class DownloadProgress:
    """A progress bar in the shape pooch wants: `total` is set, then `update` called."""

    def __init__(self, bar: "Progress", label: str) -> None:
        self.bar = bar
        self._task = bar.add_task(label, total=None)

    @property
    def total(self) -> int:
        """Bytes to come; 0 until the server says it."""
        return int(self.bar.tasks[self._task].total or 0)

    @total.setter
    def total(self, n_bytes: int) -> None:
        # Set at the start of every try, so a repeated download counts anew.
        self.bar.reset(self._task, total=n_bytes or None)

    def update(self, amount: int) -> None:
        """Another `amount` bytes came."""
        self.bar.advance(self._task, amount)

    def reset(self) -> None:
        """Count from zero again."""
        self.bar.reset(self._task)

    def close(self) -> None:
        """Show the bar as it is and no more."""
        self.bar.stop_task(self._task)


@contextmanager
def download_progress(label: str, *, quiet: bool = False) -> Iterator[DownloadProgress]:
    """A bar on stderr for the downloads of the block; drawn on a terminal only."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    silent = quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=silent) as bar:
        yield DownloadProgress(bar, label)
