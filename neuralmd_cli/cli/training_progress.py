"""What `neuralmd train` shows while it works: a live table, or plain lines."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from neuralmd_cli.training.epoch import EpochResult

SHOWN_EPOCHS = 15
COLUMNS = ("epoch", "stage", "loss", "skill", "MAE / Å", "rate", "time")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Who shows epochs and batches."""

    on_epoch: Callable[["EpochResult"], None]
    on_batch: Callable[[int, int], None]


@contextmanager
def training_progress(*, quiet: bool, begun: str = "untrained") -> Iterator[Shown]:
    """On a terminal's stderr a live table; else a line per epoch; or nothing.

    Args:
        quiet: nothing.
        begun: what to call the model before its first epoch.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield Shown(on_epoch=lambda result: None, on_batch=lambda done, of: None)
    elif not console.is_terminal:
        yield Shown(on_epoch=lambda x: _say(x, begun), on_batch=lambda done, of: None)
    else:
        from rich.live import Live

        rows: list[EpochResult] = []
        with Live(console=console, refresh_per_second=4) as live:

            def on_epoch(result: "EpochResult") -> None:
                rows.append(result)
                live.update(_table(rows, begun))

            def on_batch(done: int, of: int) -> None:
                live.update(_table(rows, begun, f"batch {done} of {of}"))

            yield Shown(on_epoch=on_epoch, on_batch=on_batch)


def _table(
    rows: list["EpochResult"], begun: str, caption: str | None = None
) -> "Table":
    from rich.table import Table

    table = Table(box=None, caption=caption, caption_justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for row in rows[-SHOWN_EPOCHS:]:
        table.add_row(*_cells(row, begun))
    return table


def _cells(row: "EpochResult", begun: str) -> tuple[str, ...]:
    return (
        str(row.epoch),
        row.stage if row.epoch else begun,
        _number(row.loss, ".4f"),
        _number(row.validation_skill, ".4f"),
        _number(row.validation_mae, ".4f"),
        f"{row.learning_rate:.1e}",
        _time(row.seconds),
    )


def _say(row: "EpochResult", begun: str) -> None:
    parts = zip(COLUMNS, _cells(row, begun), strict=True)
    text = ", ".join(f"{name} {value}" for name, value in parts if value != "-")
    if row.skipped:
        text += f", skipped batches with {', '.join(row.skipped)}"
    typer.echo(text, err=True)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """A function that is true once ctrl-C was pressed, or the process asked to end.

    The second ctrl-C interrupts at once.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True

    before = {x: signal.signal(x, ask) for x in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
