"""`neuralmd train`: recorded trajectories in, weights out."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralmd_cli.cli.console import EXIT_INTERRUPTED, print_table
from neuralmd_cli.cli.options import Device, Quiet
from neuralmd_cli.cli.train_options import (
    Data,
    Epochs,
    ModelToTrain,
    Preset,
    Recipe,
    Resume,
    RunFolderPath,
    Search,
    Settings,
    SingleTrajectory,
    Split,
    Tensorboard,
    TrainingSeed,
)
from neuralmd_cli.cli.training_progress import (
    Shown,
    stop_on_signal,
    training_progress,
)

if TYPE_CHECKING:
    from neuralmd_cli.training.folder import RunFolder
    from neuralmd_cli.training.request import Request
    from neuralmd_cli.training.search import Cell
    from neuralmd_cli.training.train import Trained


def train(
    more_data: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="More files, as with --data."),
    ] = None,
    *,
    model: ModelToTrain = None,
    split: Split = None,
    data: Data = None,
    trajectory: SingleTrajectory = None,
    preset: Preset = None,
    recipe: Recipe = None,
    settings: Settings = None,
    epochs: Epochs = None,
    seed: TrainingSeed = None,
    search: Search = None,
    output: RunFolderPath,
    resume: Resume = False,
    tensorboard: Tensorboard = False,
    quiet: Quiet = False,
    device: Device = "auto",
) -> None:
    """Train a model on recorded trajectories; ctrl-C saves, --resume goes on.

    neuralmd train --split own-md --data droplet_4ps.hdf5 --seed 42 -o run/
    """
    check_installed()
    from neuralmd_cli.training.folder import RunFolder
    from neuralmd_cli.training.loop import StoppedOnRequestError
    from neuralmd_cli.training.request import make_request

    if search is not None and (preset or recipe or settings or epochs is not None):
        raise typer.BadParameter("the grid says the recipe", param_hint="'--search'")
    folder = RunFolder(path=output)
    request = make_request(
        folder.request() if resume and search is None else None,
        model=model,
        data=[*(data or []), *(more_data or [])],
        split=split,
        trajectory=trajectory,
        seed=seed,
        preset=preset,
        config=recipe,
        settings=settings or [],
        epochs=epochs,
    )
    # Under torchrun, one process speaks for all.
    silent = quiet or not _leads()
    try:
        with (
            training_progress(quiet=silent) as shown,
            stop_on_signal() as should_stop,
        ):
            run = _Runner(device, tensorboard, shown, should_stop)
            if search is not None:
                cells = _search(search, request, output, run)
            else:
                trained = run(request, folder, resume=resume)
    except StoppedOnRequestError:
        if not silent or quiet:
            again = f"--search {search} ..." if search is not None else "--resume"
            typer.echo("Stopped; everything is saved. To go on:", err=True)
            typer.echo(f"  neuralmd train {again} -o {output}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if silent:
        return
    if search is not None:
        _print_cells(cells, output)
    else:
        _print_summary(trained)


def check_installed() -> None:
    """Recordings are HDF5 files; whoever only simulates need not have h5py."""
    from neuralmd_cli.errors import NeuralMDError

    if find_spec("h5py") is None:
        raise NeuralMDError(
            "Training reads HDF5 files and h5py is not installed.",
            hint="pip install 'neuralmd[data]'",
        )


class _Runner:
    """Trains one request, shown and stopped as the command is."""

    def __init__(
        self,
        device: str,
        tensorboard: bool,
        shown: Shown,
        should_stop: Callable[[], bool],
    ) -> None:
        self.device, self.tensorboard = device, tensorboard
        self.shown, self.should_stop = shown, should_stop

    def __call__(
        self, request: "Request", folder: "RunFolder", *, resume: bool
    ) -> "Trained":
        from neuralmd_cli.outputs import claimed
        from neuralmd_cli.training.epoch import EpochResult
        from neuralmd_cli.training.folder import TENSORBOARD
        from neuralmd_cli.training.tensorboard import tensorboard_log
        from neuralmd_cli.training.train import train as fit

        with ExitStack() as stack:
            if _leads():  # the others of a torchrun write nothing
                stack.enter_context(claimed(folder.path))
            logs = [self.shown.on_epoch]
            if self.tensorboard:
                log = tensorboard_log(folder.path / TENSORBOARD)
                logs.append(stack.enter_context(log))

            def on_epoch(result: EpochResult) -> None:
                for each in logs:
                    each(result)

            return fit(
                request,
                folder,
                resume=resume,
                device=self.device,
                on_epoch=on_epoch,
                on_batch=self.shown.on_batch,
                should_stop=self.should_stop,
            )


def _leads() -> bool:
    """True for the one process of a torchrun that writes, and without torchrun."""
    return os.environ.get("RANK", "0") == "0"


def _search(grid: str, request: "Request", output: Path, run: _Runner) -> list["Cell"]:
    from neuralmd_cli.training.search import read_grid, search

    return search(
        request,
        read_grid(grid),
        output,
        lambda one, folder: run(one, folder, resume=folder.state.exists()),
        lambda number, of, settings: typer.echo(
            f"Training {number} of {of}: {_text(settings)}", err=True
        ),
    )


def _text(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{k}={v}" for k, v in settings.items())


def _print_cells(cells: list["Cell"], output: Path) -> None:
    from rich.table import Table

    table = Table("folder", "settings", "score", "best epoch", box=None)
    for cell in cells:
        score = cell.problem if cell.score is None else f"{cell.score:.4f}"
        table.add_row(cell.folder, _text(cell.settings), score, str(cell.best_epoch))
    print_table(table)
    typer.echo(
        f"Wrote {output / 'search.json'}; the best is {output / cells[0].folder}"
    )


def _print_summary(trained: "Trained") -> None:
    best = trained.best
    scores = {
        "training loss": best.loss,
        "validation skill": best.validation_skill,
        "validation MAE (Å)": best.validation_mae,
    }
    text = ", ".join(f"{k} {v:.4f}" for k, v in scores.items() if v is not None)
    typer.echo(f"Best epoch {best.epoch} of {trained.results[-1].epoch}: {text}")
    typer.echo(f"Wrote {trained.weights}")
