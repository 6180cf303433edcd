"""Fit a model to recorded trajectories (paper, algorithm 1)."""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Literal

import torch
from torch import Tensor

from neuralmd_cli.errors import TrainingError
from neuralmd_cli.models.system import TrainableSystem
from neuralmd_cli.training.averaging import average_into, weights_of
from neuralmd_cli.training.data import Parts
from neuralmd_cli.training.epoch import EpochResult, is_better, score
from neuralmd_cli.training.group import Group
from neuralmd_cli.training.optimiser import make_optimiser, make_schedule
from neuralmd_cli.training.recipe import Recipe
from neuralmd_cli.training.step import StepResult, gradient_step
from neuralmd_cli.training.validation import validate
from neuralmd_cli.training.windows import Place


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Who is told of a training, and who may stop it."""

    on_epoch: Callable[[EpochResult], None] = lambda result: None
    on_batch: Callable[[int, int], None] = lambda done, of: None
    should_save: Callable[[], bool] = lambda: False  # between two batches
    should_stop: Callable[[], bool] = lambda: False
    save: Callable[["Trainer"], None] = lambda trainer: None


class StoppedOnRequestError(Exception):
    """Somebody asked for it; the state is saved."""


class Trainer:
    """A model in training, and everything that its next step depends on.

    Every rollout starts from one snapshot, as a user's does. Its target at time t is
    the reference averaged over a window around t: for a squared error and a pose that
    drifts slowly the optimum is the same as with single snapshots, and the gradient is
    less noisy.
    """

    def __init__(
        self,
        model: TrainableSystem,
        parts: Parts,
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device | None = None,
        group: Group | None = None,
    ) -> None:
        """Prepare; the model is moved and changed in place.

        Raises:
            TrainingError: a recipe that these parts or this machine cannot follow.
        """
        self.recipe, self.parts = recipe, parts
        self.group = group or Group()
        self.place = Place(
            device=device or torch.device("cpu"),
            dtype=torch.float64 if recipe.precision == "float64" else model.dtype,
        )
        self.starts = parts.validation_starts or recipe.validation_starts
        _check(self)
        self.model = model.to(self.place.device, self.place.dtype)
        self.model.train(recipe.mode == "train")
        self.averaged = deepcopy(self.model).eval()
        self.generator = torch.Generator().manual_seed(seed)
        self.optimiser = make_optimiser(recipe, self.model.parameters())
        total = max(recipe.total_epochs * self.batches_per_epoch, 1)
        self.schedule = make_schedule(recipe, self.optimiser, total)
        self.epoch = 0  # finished ones
        self.order: list[int] = []  # of this epoch's starts; empty between epochs
        self.position = 0  # in `order`
        self.losses: list[float] = []  # of this epoch's batches
        self.skipped: list[str] = []
        self.results: list[EpochResult] = []
        self.best: EpochResult | None = None
        self.best_weights: dict[str, Tensor] = {}
        self.earlier_seconds = 0.0
        self._started = time.monotonic()

    @property
    def batches_per_epoch(self) -> int:
        """The last may be smaller."""
        starts = len(self.parts.train) * self.recipe.starts_per_epoch
        return -(-starts // self.recipe.batch_complexes)

    @property
    def is_finished(self) -> bool:
        """True after the last epoch, and when patience has run out."""
        return self.epoch >= self.recipe.total_epochs or self._is_stale()

    @property
    def seconds(self) -> float:
        """Spent so far, earlier runs included."""
        return self.earlier_seconds + time.monotonic() - self._started

    def run(self, watch: Watch) -> EpochResult:
        """Train to the end from wherever it is; the best epoch's result.

        Raises:
            TrainingError: a loss that is no finite number, if the recipe says stop.
            StoppedOnRequestError: as asked; the state was saved.
        """
        if not self.results:
            self._finish_epoch("untrained", None, watch)
        while not self.is_finished:
            self._epoch(watch)
        if self.best is None:
            raise TrainingError(
                "There was no epoch with a finite score, so there is nothing to keep.",
                hint="Lower --set learning_rate, or set gradient_norm=1.",
            )
        return self.best

    def _epoch(self, watch: Watch) -> None:
        if not self.order:
            starts = len(self.parts.train) * self.recipe.starts_per_epoch
            self.order = torch.randperm(starts, generator=self.generator).tolist()
        size = self.recipe.batch_complexes
        while self.position < len(self.order):
            self._pause(watch)
            rows = self.order[self.position : self.position + size]
            self._step([k % len(self.parts.train) for k in rows])
            self.position += len(rows)
            watch.on_batch(-(-self.position // size), self.batches_per_epoch)
        if not self.losses:
            raise TrainingError(
                f"In epoch {self.epoch + 1} no loss was a finite number.",
                hint="Lower --set learning_rate, or set gradient_norm=1.",
            )
        stage: Literal["pull", "rollout"] = "pull" if self._is_pull() else "rollout"
        loss = fmean(self.losses)
        self.epoch += 1
        self._finish_epoch(stage, loss, watch)

    def _pause(self, watch: Watch) -> None:
        """Between two batches: save if it is time, and stop if asked."""
        if self.group.summed([float(watch.should_stop())], self.place.device)[0]:
            watch.save(self)
            raise StoppedOnRequestError
        if self.position and watch.should_save():
            watch.save(self)

    def _is_pull(self) -> bool:
        return self.epoch < self.recipe.pull_epochs

    def _step(self, rows: list[int]) -> None:
        """One batch: a step, or none if its loss is no number and that is allowed."""
        result: StepResult = gradient_step(
            self.model,
            self.optimiser,
            [self.parts.train[k] for k in rows],
            recipe=self.recipe,
            pull=self._is_pull(),
            generator=self.generator,
            place=self.place,
            group=self.group,
        )
        if not result.is_finite:
            names = ", ".join(result.culprits)
            if self.recipe.nonfinite == "stop":
                raise TrainingError(
                    f"The loss is no longer a number in epoch {self.epoch + 1}; the "
                    f"batch held {names}.",
                    hint="Lower --set learning_rate or gradient_norm, or go on without "
                    "such batches by --set nonfinite=skip.",
                )
            self.skipped += result.culprits
            return
        self.schedule.step()
        average_into(self.averaged, self.model, self.recipe.averaging)
        self.losses.append(result.loss)

    def _finish_epoch(
        self,
        stage: Literal["untrained", "pull", "rollout"],
        loss: float | None,
        watch: Watch,
    ) -> None:
        result = EpochResult(
            epoch=self.epoch,
            stage=stage,
            loss=loss,
            learning_rate=float(self.optimiser.param_groups[0]["lr"]),
            skipped=tuple(sorted(set(self.skipped))),
            seconds=0.0,
        )
        last = self.epoch == self.recipe.total_epochs
        if self.parts.validation and (
            last or self.epoch % self.recipe.validate_every == 0
        ):
            found = validate(
                self.averaged,
                self.parts.validation,
                self.starts,
                self.recipe,
                self.place,
                self.group,
            )
            result = replace(
                result, validation_skill=found.skill, validation_mae=found.mae
            )
        result = replace(result, seconds=self.seconds)
        self.results.append(result)
        if is_better(result, self.best, self.recipe.keep):
            self.best, self.best_weights = result, weights_of(self.averaged)
        self.order, self.position, self.losses, self.skipped = [], 0, [], []
        watch.save(self)
        watch.on_epoch(result)

    def _is_stale(self) -> bool:
        if not self.recipe.patience or self.best is None:
            return False
        since = [x for x in self.results if x.epoch > self.best.epoch]
        scored = [x for x in since if score(x, self.recipe.keep) is not None]
        return len(scored) >= self.recipe.patience


def _check(trainer: Trainer) -> None:
    """Can this recipe be followed with these parts, here?"""
    recipe, parts = trainer.recipe, trainer.parts
    if not parts.validation and recipe.keep in ("skill", "mae"):
        raise TrainingError(
            f"The best epoch cannot be chosen by {recipe.keep}: nothing is held out "
            "for validation.",
            hint="Give the split a validation part, or --set keep=last.",
        )
    if trainer.group.size > 1 and recipe.streams == "shared":
        raise TrainingError(
            "This recipe draws all random numbers from one stream, so it cannot be "
            f"shared among {trainer.group.size} processes.",
            hint="Add --set streams=each.",
        )
    if recipe.precision == "bf16" and trainer.place.device.type != "cuda":
        raise TrainingError(
            f"Mixed precision is for CUDA GPUs, not {trainer.place.device.type}: it "
            "is no faster there.",
            hint="Leave precision out, or use --device cuda.",
        )
