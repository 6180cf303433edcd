"""Fit a model to recorded trajectories (paper, algorithm 1)."""

import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from statistics import fmean, mode

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.benchmark import score_starts
from neuralmd_cli.complex import Complex, collate
from neuralmd_cli.errors import TrainingError
from neuralmd_cli.graph import rigid_pairs
from neuralmd_cli.misato import Recording
from neuralmd_cli.models.system import (
    HasPull,
    Objective,
    Start,
    Statistics,
    TrainableSystem,
    VelocityRule,
    Window,
)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How to fit; the defaults are the recipe of the bundled weights."""

    pull_epochs: int = 10  # on the force at the start alone, before any rollout
    pull_gain: float = 2.0  # how far beyond the target that force should reach
    epochs: int = 4  # on rollouts
    starts_per_epoch: int = 16  # of each training complex
    batch_complexes: int = 8
    steps: int = 4  # of the model, per rollout
    learning_rate: float = 5e-4
    weight_decay: float = 0.1
    gradient_norm: float = 1.0
    averaging: float = 0.98  # of the weights over steps, exponential
    geometry_weight: float = 10.0
    target_window_ps: float = 400.0  # the reference is averaged over this long
    start_noise: float = 0.02  # Å, added to each coordinate of the start
    velocity_rules: tuple[VelocityRule, ...] = ("zero", "thermal")
    validation_starts: tuple[int, ...] = (0, 10, 20, 30, 40)
    seed: int = 42

    @property
    def objective(self) -> Objective:
        """The part of it that a system's loss reads."""
        return Objective(
            geometry_weight=self.geometry_weight, velocity_rules=self.velocity_rules
        )


@dataclass(frozen=True, kw_only=True)
class EpochResult:
    """What one pass over the training complexes gave."""

    epoch: int
    loss: float
    validation_skill: float
    seconds: float


def statistics(recordings: Sequence[Recording]) -> Statistics:
    """What the training part says about motion as a whole.

    Every recording counts alike, whatever its size or length.
    """
    about_mean, steps = [], []
    for recording in recordings:
        x = recording.positions
        about_mean.append((x - x.mean(dim=0)).square().mean())
        steps.append(x.diff(dim=0).square().mean())
    energies = [
        r.interaction_energies for r in recordings if r.interaction_energies is not None
    ]
    every = torch.cat(energies) if energies else None
    return Statistics(
        elements=tuple(
            sorted({z for r in recordings for z in r.atomic_numbers.tolist()})
        ),
        fluctuation=float(torch.stack(about_mean).mean().sqrt()),
        displacement=float(torch.stack(steps).mean().sqrt()),
        spacing_ps=mode(r.spacing_ps for r in recordings),
        energy_mean=None if every is None else float(every.mean()),
        energy_deviation=None if every is None else float(every.std()),
    )


def fit(
    model: TrainableSystem,
    training: Sequence[Recording],
    validation: Sequence[Recording],
    config: TrainingConfig,
    on_epoch: Callable[[EpochResult], None],
) -> tuple[dict[str, Tensor], EpochResult]:
    """Train; return the averaged weights of the epoch with the best validation skill.

    Every rollout starts from one snapshot alone, as a user's does. Its target at time
    t is the reference averaged over a window around t: for a squared error and a
    pose that drifts slowly the optimum is the same as with single snapshots, and the
    gradient is less noisy.

    Args:
        model: changed in place; ends with the last epoch's weights.
        training, validation: recordings of disjoint protein targets.
        config: the recipe.
        on_epoch: told of each epoch, the untrained model as epoch 0 included.
    """
    generator = torch.Generator().manual_seed(config.seed)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    epochs = config.pull_epochs + config.epochs
    per_epoch = -(-len(training) * config.starts_per_epoch // config.batch_complexes)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=epochs * per_epoch
    )
    averaged = deepcopy(model).eval()
    started = time.monotonic()
    best = _result(averaged, validation, config, 0, 0.0, started)
    best_weights = _copy(averaged)
    on_epoch(best)
    for epoch in range(1, epochs + 1):
        losses = []
        pull = epoch <= config.pull_epochs
        for chosen in _batches(training, config, generator):
            loss = _step(model, optimiser, pull, chosen, config, generator)
            schedule.step()
            _average_into(averaged, model, config.averaging)
            losses.append(loss)
        result = _result(averaged, validation, config, epoch, fmean(losses), started)
        on_epoch(result)
        if result.validation_skill > best.validation_skill:
            best, best_weights = result, _copy(averaged)
    return best_weights, best


def _batches(
    training: Sequence[Recording], config: TrainingConfig, generator: torch.Generator
) -> Iterator[list[Recording]]:
    order = torch.randperm(len(training) * config.starts_per_epoch, generator=generator)
    for first in range(0, len(order), config.batch_complexes):
        chunk = order[first : first + config.batch_complexes].tolist()
        yield [training[k % len(training)] for k in chunk]


def _step(
    model: TrainableSystem,
    optimiser: torch.optim.Optimizer,
    pull: bool,
    chosen: Sequence[Recording],
    config: TrainingConfig,
    generator: torch.Generator,
) -> float:
    """One gradient step; the loss before it.

    Raises:
        TrainingError: the loss is not a number.
    """
    window = _window(model, chosen, config, generator)
    if pull and isinstance(model, HasPull):
        loss = model.pull_loss(window, config.objective, config.pull_gain)
    else:
        loss = model.loss(window, config.objective, generator)
    if not torch.isfinite(loss):
        names = ", ".join(r.name for r in chosen)
        raise TrainingError(
            f"The loss is no longer a number; the batch held {names}.",
            hint="Lower the learning rate or the gradient norm.",
        )
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_norm)
    optimiser.step()
    return float(loss.detach())


def _average_into(
    averaged: TrainableSystem, model: TrainableSystem, share: float
) -> None:
    """Move an exponential average of the weights towards the current ones."""
    with torch.no_grad():
        for old, new in zip(averaged.parameters(), model.parameters(), strict=True):
            old.lerp_(new, 1.0 - share)


def _copy(model: TrainableSystem) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in model.state_dict().items()}


def _result(
    model: TrainableSystem,
    validation: Sequence[Recording],
    config: TrainingConfig,
    epoch: int,
    loss: float,
    started: float,
) -> EpochResult:
    skills = [
        fmean(
            score.skill
            for score in score_starts(model, recording, config.validation_starts)
        )
        for recording in validation
    ]
    return EpochResult(
        epoch=epoch,
        loss=loss,
        validation_skill=fmean(skills),
        seconds=time.monotonic() - started,
    )


def _window(
    model: TrainableSystem,
    recordings: Sequence[Recording],
    config: TrainingConfig,
    generator: torch.Generator,
) -> Window:
    step = model.config.step_ps
    times = tuple(step * k for k in range(1, config.steps + 1))
    starts, targets, displacements, energies = [], [], [], []
    earliest = int("displacement" in config.velocity_rules)
    for recording in recordings:
        half = config.target_window_ps / 2 / recording.spacing_ps
        last = recording.n_frames - 1 - int(times[-1] / recording.spacing_ps)
        start = earliest + int(
            torch.randint(max(last - earliest, 0) + 1, (), generator=generator)
        )
        moved, centre = recording.complex_at(start).centred()
        starts.append(_perturbed(moved, config.start_noise, generator))
        targets.append(
            torch.stack(
                [_mean_around(recording, start, t, half) - centre for t in times]
            )
        )
        if earliest:
            displacements.append(recording.positions[start - earliest : start + 1])
        if recording.interaction_energies is not None:
            energies.append(recording.interaction_energies[start])
    batch = collate(starts)
    return Window(
        start=Start(
            batch=batch,
            generators=[generator] * batch.n_complexes,
            displacement=torch.cat([x.diff(dim=0)[0] for x in displacements])
            if displacements
            else None,
            spacing_ps=recordings[0].spacing_ps,
        ),
        targets=torch.cat(targets, dim=1),
        times=times,
        rigid_pairs=rigid_pairs(batch.bonds, len(batch.positions)),
        energies=torch.stack(energies) if len(energies) == len(starts) else None,
    )


def _perturbed(complex_: Complex, noise: float, generator: torch.Generator) -> Complex:
    """Gaussian noise on the ligand: a clean pose is then worth predicting."""
    x = complex_.ligand.positions
    shaken = x + noise * torch.randn(x.shape, generator=generator)
    return replace(complex_, ligand=replace(complex_.ligand, positions=shaken))


def _mean_around(
    recording: Recording, start: int, time_ps: float, half: float
) -> Float[Tensor, "atoms 3"]:
    """Mean of the snapshots around a time after the start, the start left out."""
    middle = start + time_ps / recording.spacing_ps
    first, last = round(middle - half), round(middle + half)
    return recording.positions[max(first, start + 1) : last + 1].mean(dim=0)
