"""What goes to the terminal besides results: errors, logging, progress on stderr."""

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, cast

import typer
from typer.core import TyperGroup

from neuralmd_cli.cli.config import add_config
from neuralmd_cli.cli.missing_values import check_values
from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.plain_text import printable

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn
    from rich.table import Table

OFFLINE = "NEURALMD_OFFLINE"
"""Variable that `--offline` sets for as long as a command runs."""
EXIT_PROBLEM = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells expect
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Told of a file that is open, so without its name."""
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class NeuralMDGroup(TyperGroup):
    """Commands whose `NeuralMDError` becomes a message, a hint and exit code 1.

    Each of them, in groups within as well, takes `--config FILE.toml`.
    """

    def __init__(self, **arguments: Any) -> None:  # noqa: ANN401  typer's own
        super().__init__(**arguments)
        add_config(self)

    def parse_args(self, ctx: object, args: list[str]) -> list[str]:
        """Read the command line, once no option lacks its value."""
        check_values(self, args)
        return super().parse_args(cast("Any", ctx), args)

    def invoke(self, ctx: object) -> object:
        """Run the command; say in one or two lines what stopped it."""
        offline = os.environ.get(OFFLINE, "")
        try:
            # The type of a group's context is private to typer; this is its public one.
            result: object = super().invoke(cast("typer.Context", ctx))
            # Here a closed pipe still ends quietly; at exit Python would complain.
            sys.stdout.flush()
            return result
        except NeuralMDError as error:
            show_error(error)
            raise typer.Exit(EXIT_PROBLEM) from None
        except OSError as error:
            # A path that cannot be looked at, wherever that was tried.
            if error.filename is None and error.errno not in NO_ROOM:
                raise
            show_error(_of_system(error))
            raise typer.Exit(EXIT_PROBLEM) from None
        except KeyboardInterrupt:
            typer.echo("Interrupted.", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None
        finally:
            os.environ[OFFLINE] = offline


def _of_system(error: OSError) -> NeuralMDError:
    """What the system said, in our words."""
    if error.filename is None:
        return NeuralMDError(
            f"Something could not be written: {error.strerror}.",
            hint="Check that the disk of the output, and that of temporary files, has "
            "space left.",
        )
    name = str(error.filename)[:200]
    return NeuralMDError(f"{name}: {error.strerror}.", hint="Check the path.")


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
        typer.echo(printable(self.format(record)), err=True)


def set_up_logging(verbosity: int) -> None:
    """Send the package's log to stderr: warnings, with 1 also info, with 2 all."""
    handler = EchoHandler()
    source = "%(name)s: " if verbosity > 1 else ""
    handler.setFormatter(logging.Formatter(f"%(levelname)s: {source}%(message)s"))
    logger = logging.getLogger("neuralmd_cli")
    logger.handlers = [handler]
    logger.setLevel(LEVELS[min(verbosity, len(LEVELS) - 1)])


def print_table(table: "Table") -> None:
    """A table on stdout; its text is text, so `A:A:1` stays and is no emoji."""
    from rich.console import Console
    from rich.text import Text

    class PlainConsole(Console):
        """Names in files may hold commands to the terminal: shown, not obeyed."""

        def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401  rich's own
            return super().render_str(printable(text), **options)

    PlainConsole(markup=False, emoji=False, highlight=False).print(table)


def show_any_letter() -> None:
    """Write ? for what a terminal's encoding lacks (Å in ASCII) instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


class DownloadProgress:
    """A progress bar in the shape pooch wants: `total` is set, then `update` called.

    It is drawn from the first total on and until `close`: a run that downloads nothing
    shows no bar, and no two bars are ever drawn at once, which rich forbids.
    """

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
        self.bar.start()

    def update(self, amount: int) -> None:
        """Another `amount` bytes came."""
        self.bar.advance(self._task, amount)

    def reset(self) -> None:
        """Count from zero again."""
        self.bar.reset(self._task)

    def close(self) -> None:
        """Take the bar off the screen."""
        self.bar.stop_task(self._task)
        self.bar.stop()


@contextmanager
def download_progress(label: str, *, quiet: bool = False) -> Iterator[DownloadProgress]:
    """A bar on stderr for the downloads of the block; drawn on a terminal only."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with _bar(*columns, quiet=quiet) as bar:
        yield DownloadProgress(bar, label)


@contextmanager
def snapshot_progress(
    total: int, *, quiet: bool, label: str = "snapshots"
) -> Iterator[Callable[[int], None]]:
    """A bar on stderr that counts snapshots; drawn on a terminal, from the first on."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import TimeRemainingColumn as TimeColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with _bar(*columns, TimeColumn(elapsed_when_finished=True), quiet=quiet) as bar:
        task = bar.add_task(label, total=total)

        def show(done: int) -> None:
            bar.start()
            bar.update(task, completed=done)

        yield show


@contextmanager
def ligand_progress(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr that counts ligands of as many; drawn on a terminal only."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import TimeRemainingColumn as TimeColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with _bar(*columns, TimeColumn(elapsed_when_finished=True), quiet=quiet) as bar:
        task = bar.add_task("ligands", total=None)

        def show(done: int, total: int) -> None:
            bar.start()
            bar.update(task, completed=done, total=total)

        yield show


@contextmanager
def complex_progress(*, quiet: bool) -> Iterator[Callable[[int, int, int], None]]:
    """A bar on stderr that counts complexes and bytes; drawn on a terminal only."""
    from rich.filesize import decimal
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with _bar(*columns, TextColumn("{task.fields[size]}"), quiet=quiet) as bar:
        task = bar.add_task("complexes", total=None, size="")

        def show(done: int, total: int, n_bytes: int) -> None:
            bar.start()
            bar.update(task, completed=done, total=total, size=decimal(n_bytes))

        yield show


@contextmanager
def stage_progress(
    *, quiet: bool
) -> Iterator[tuple[Callable[[str, int], None], Callable[[str, int], None]]]:
    """A bar on stderr for work in stages; drawn on a terminal only.

    The first function is told a stage and its length; the second what is being done,
    and how much of the stage is.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import TimeRemainingColumn as TimeColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with _bar(*columns, TimeColumn(elapsed_when_finished=True), quiet=quiet) as bar:
        task, stage = bar.add_task(""), [""]

        def on_start(name: str, total: int) -> None:
            stage[0] = name
            bar.start()
            bar.reset(task, total=total, description=name)

        def on_step(label: str, done: int) -> None:
            text = f"{stage[0]}: {label}" if label else stage[0]
            bar.update(task, completed=done, description=text)

        yield on_start, on_step


@contextmanager
def _bar(*columns: "ProgressColumn", quiet: bool) -> Iterator["Progress"]:
    """A bar that its owner starts, and that is off the screen after the block."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    silent = quiet or not console.is_terminal
    bar = Progress(*columns, console=console, transient=True, disable=silent)
    try:
        yield bar
    finally:
        bar.stop()
