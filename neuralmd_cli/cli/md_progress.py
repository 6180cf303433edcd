"""How far a numerical simulation is, on stderr: a line a minute, or a bar."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from neuralmd_cli.md.outcome import Progress

LINE_SECONDS = 60.0


@contextmanager
def md_progress(
    *, quiet: bool
) -> Iterator[tuple[Callable[[str], None], Callable[["Progress"], None]]]:
    """Functions told what is prepared, and how far the dynamics are.

    A bar on a terminal; else, as a run lasts hours and its log is read, a line for
    each stage and each minute.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.progress import TimeRemainingColumn as TimeColumn

    console = Console(stderr=True)
    drawn = console.is_terminal and not quiet
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeColumn(elapsed_when_finished=True),
        console=console,
        transient=True,
        disable=not drawn,
    )
    last, stage = [0.0], [""]

    def say(text: str) -> None:
        if not quiet and not drawn:
            typer.echo(text, err=True)

    with bars:
        task = bars.add_task("preparing", total=None, speed="")

        def on_step(what: str) -> None:
            bars.update(task, description=what)
            say(f"{what} ...")

        def on_progress(progress: "Progress") -> None:
            speed = f"{progress.ns_per_day:.3g} ns/day"
            bars.update(
                task,
                description=progress.stage,
                total=progress.total_ps,
                completed=progress.done_ps,
                speed=speed,
            )
            now = time.monotonic()
            if progress.stage != stage[0] or now - last[0] >= LINE_SECONDS:
                stage[0], last[0] = progress.stage, now
                say(
                    f"{progress.stage}: {progress.done_ps:g} of {progress.total_ps:g} "
                    f"ps, {speed}"
                )

        yield on_step, on_progress
