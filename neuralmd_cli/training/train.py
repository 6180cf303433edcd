"""One training from files to a folder: read, fit, and keep it resumable."""

import math
import shlex
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from neuralmd_cli.errors import InputError
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import TrainableSystem
from neuralmd_cli.run_record import hashed
from neuralmd_cli.training.data import Parts, load_parts, load_trajectory
from neuralmd_cli.training.epoch import EpochResult
from neuralmd_cli.training.folder import RunFolder
from neuralmd_cli.training.group import process_group
from neuralmd_cli.training.loop import Trainer, Watch
from neuralmd_cli.training.recipe_file import settings_of
from neuralmd_cli.training.request import Request
from neuralmd_cli.training.state import load_state, save_state
from neuralmd_cli.training.statistics import statistics
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint

SAVE_SECONDS = 300.0
"""An epoch on a large set takes hours; so much is lost at most."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training gave."""

    best: EpochResult
    results: list[EpochResult]
    weights: Path
    test_names: tuple[str, ...]  # complexes that it never saw


def train(
    request: Request,
    folder: RunFolder,
    *,
    resume: bool = False,
    start: TrainableSystem | None = None,
    device: str = "auto",
    on_epoch: Callable[[EpochResult], None] = lambda result: None,
    on_batch: Callable[[int, int], None] = lambda done, of: None,
    should_stop: Callable[[], bool] = lambda: False,
    save_seconds: float = SAVE_SECONDS,
) -> Trained:
    """Train, or go on with a training, and leave the weights in its folder.

    Under torchrun every process calls this; the first one writes.

    Args:
        request: what to train on what.
        folder: where.
        resume: go on from its last saved state.
        start: a trained model to begin with; without it, a new one.
        device: where to compute.
        on_epoch: told of each epoch of this process, the untrained model as epoch 0.
        on_batch: told of batches done in the epoch, and of how many.
        should_stop: asked between two batches.
        save_seconds: time between saves within an epoch.

    Raises:
        NeuralMDError: anything the user can mend.
        StoppedOnRequestError: as asked; all is saved.
    """
    with ExitStack() as stack:
        group, where = stack.enter_context(process_group(device))
        gpus = [where] if where.type == "cuda" else []
        # Weights are drawn from the global generator, and so is dropout.
        stack.enter_context(torch.random.fork_rng(devices=gpus))
        if not resume:
            folder.check_free()
        hashes = {x.name: hashed(x).sha256 for x in _inputs(request)}
        if resume:
            folder.check_same(request, hashes)
        pocket = start is not None and start.sees_pocket
        parts = request_parts(request, pocket=pocket)
        trainer = Trainer(
            new_model(request, parts) if start is None else start,
            parts,
            request.setup.recipe,
            seed=request.seed,
            device=where,
            group=group,
        )
        # A training may be stopped before its first state is there.
        if resume and folder.state.exists():
            load_state(folder.state, trainer)
        elif group.is_first:
            folder.start(request, hashes)
        keeper = _Keeper(request, folder, hashes, save_seconds, writes=group.is_first)
        best = trainer.run(
            Watch(
                on_epoch=on_epoch if group.is_first else lambda result: None,
                on_batch=on_batch if group.is_first else lambda done, of: None,
                should_save=keeper.is_due,
                should_stop=should_stop,
                save=keeper.save,
            )
        )
        keeper.save_weights(trainer)
    return Trained(
        best=best,
        results=trainer.results,
        weights=folder.weights,
        test_names=parts.test_names,
    )


def request_parts(request: Request, *, pocket: bool = False) -> Parts:
    """What the training may see.

    Args:
        request: what to train on what.
        pocket: the model sees atoms around the ligand, and its bond orders.

    Raises:
        InputError: files or complexes that are not there.
    """
    if request.trajectory is not None:
        held = request.setup.recipe.held_snapshots
        return load_trajectory(request.data, request.trajectory, held, pocket=pocket)
    return load_parts(request.data, request.split or "", pocket=pocket)


def new_model(request: Request, parts: Parts) -> TrainableSystem:
    """The untrained model, its weights drawn by the seed from the global generator.

    Raises:
        InputError: a model that has no weights, or options it does not have.
    """
    kind = trainable(request.model)
    torch.manual_seed(request.seed)
    found = statistics(parts.train)
    options = dict(request.setup.system)
    try:
        return kind.for_data(found, request.setup.binding_net(), options)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The table [system] does not fit {kind.name}: {error}.",
            hint=f"docs/models/{kind.name}.md lists what it has.",
        ) from None


def trainable(name: str) -> type[TrainableSystem]:
    """The kind of model a user names.

    Raises:
        InputError: there is none of that name, or it has no weights to train.
    """
    kinds = {k: v for k, v in SYSTEMS.items() if issubclass(v, TrainableSystem)}
    if name in kinds:
        return kinds[name]
    problem = "has no weights" if name in SYSTEMS else "is not known"
    raise InputError(
        f"--model {name}: this model {problem}.",
        hint=f"Trained are {', '.join(kinds)}.",
    )


def command_of(request: Request) -> str:
    """What to type for the same weights, without the user's own paths."""
    files = " ".join(shlex.quote(x.name) for x in request.data)
    sets = "".join(f" --set {shlex.quote(x)}" for x in settings_of(request.setup))
    what = f"--trajectory {request.trajectory}"
    if request.trajectory is None and request.split is not None:
        split = Path(request.split)
        what = f"--split {split.name if split.suffix else request.split}"
    return (
        f"neuralmd train --model {request.model} {what} --data {files} "
        f"--seed {request.seed}{sets}"
    )


def _inputs(request: Request) -> list[Path]:
    split = [] if request.split is None else [Path(request.split)]
    return [*request.data, *(x for x in split if x.suffix.lower() == ".toml")]


class _Keeper:
    """Writes what a training leaves behind, in the first process only."""

    def __init__(
        self,
        request: Request,
        folder: RunFolder,
        hashes: Mapping[str, str],
        save_seconds: float,
        *,
        writes: bool,
    ) -> None:
        self.request, self.folder, self.hashes = request, folder, hashes
        self.save_seconds, self.writes = save_seconds, writes
        self._last = time.monotonic()
        self._written = -1  # the epoch whose weights are there

    def is_due(self) -> bool:
        return time.monotonic() - self._last >= self.save_seconds

    def save(self, trainer: Trainer) -> None:
        self._last = time.monotonic()
        if not self.writes:
            return
        self.save_weights(trainer)
        self.folder.write_metrics(trainer.results)
        save_state(self.folder.state, trainer)

    def save_weights(self, trainer: Trainer) -> None:
        """The best so far, if they are not there yet."""
        best = trainer.best
        if best is None or best.epoch == self._written or not self.writes:
            return
        request = self.request
        what = request.trajectory or Path(request.split or "").stem
        metrics = {
            "best_epoch": best.epoch,
            "training_loss": best.loss,
            "validation_skill": best.validation_skill,
            "validation_mae_angstrom": best.validation_mae,
        }
        metadata = CheckpointMetadata(
            name=f"{request.model}-{what}-seed-{request.seed}",
            model=request.model,
            config=trainer.model.config.to_dict(),
            training_data=self.hashes,
            training_command=command_of(request),
            training_seed=request.seed,
            metrics={
                k: float(v)
                for k, v in metrics.items()
                if v is not None and math.isfinite(v)
            },
        )
        save_checkpoint(self.folder.weights, trainer.best_weights, metadata)
        self._written = best.epoch
