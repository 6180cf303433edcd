"""One gradient step on one batch, in one process or several."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from neuralmd_cli.models.system import HasPull, Objective, TrainableSystem, Window
from neuralmd_cli.recording import Recording
from neuralmd_cli.training.group import Group
from neuralmd_cli.training.recipe import Recipe
from neuralmd_cli.training.windows import (
    Drawn,
    Place,
    draw,
    make_window,
    streams,
    window_times,
)


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What a step gave."""

    loss: float  # before it
    is_finite: bool  # False: no step was made
    culprits: tuple[str, ...] = ()  # complexes that the loss is no number for


def gradient_step(
    model: TrainableSystem,
    optimiser: torch.optim.Optimizer,
    batch: Sequence[Recording],
    *,
    recipe: Recipe,
    pull: bool,
    generator: torch.Generator,
    place: Place,
    group: Group,
) -> StepResult:
    """Draw a window of each recording and make one step.

    Args:
        model: changed in place.
        optimiser: of its parameters.
        batch: of all processes; each takes every `group.size`-th.
        recipe: how.
        pull: fit the force at the start alone, if the model can.
        generator: in the same state in every process.
        place: where to compute.
        group: the processes.
    """
    spacing = batch[0].spacing_ps
    times = window_times(recipe, model.config.step_ps, spacing, generator)
    own, common = streams(recipe, len(batch), generator)
    mine = range(group.rank, len(batch), group.size)
    drawn = [draw(batch[k], recipe, times, own[k]) for k in mine]
    window = make_window(drawn, recipe, times, place) if drawn else None
    objective, share = _share(window, recipe.objective, place, group)

    loss = None
    value = 0.0
    if window is not None and not _is_finite(window):
        value = math.nan
    elif window is not None:
        with _precision(recipe.precision, place.device):
            loss = share * _loss(model, window, objective, recipe, pull, common)
        value = float(loss.detach())
    total = group.summed([value], place.device)[0]
    optimiser.zero_grad()
    finite = math.isfinite(total)
    if finite:
        parameters = list(model.parameters())
        if loss is not None and loss.requires_grad:
            torch.autograd.backward(loss)
        elif loss is not None:
            # One step from rest: the weights have not moved anything yet.
            for parameter in parameters:
                parameter.grad = torch.zeros_like(parameter)
        group.sum_gradients(parameters)
        limit = recipe.gradient_norm or math.inf
        finite = bool(torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, limit)))
    if finite:
        optimiser.step()
        return StepResult(loss=total, is_finite=True)
    optimiser.zero_grad()
    found = _culprits(model, drawn, recipe, times, pull, place)
    names = {name for part in group.gathered(found) for name in part}
    everyone = {x.name for x in batch}
    return StepResult(
        loss=total, is_finite=False, culprits=tuple(sorted(names or everyone))
    )


def _is_finite(window: Window) -> bool:
    """False for data that no system is meant for."""
    data = (window.start.batch.positions, window.targets)
    return all(bool(torch.isfinite(x).all()) for x in data)


def _loss(
    model: TrainableSystem,
    window: Window,
    objective: Objective,
    recipe: Recipe,
    pull: bool,
    generator: torch.Generator,
) -> Tensor:
    if pull and isinstance(model, HasPull):
        return model.pull_loss(window, objective, recipe.pull_gain)
    return model.loss(window, objective, generator)


def _share(
    window: Window | None, objective: Objective, place: Place, group: Group
) -> tuple[Objective, float]:
    """What to minimise here, and its weight, for the sum to be the whole batch's loss.

    The error is a mean over atoms and the geometry term one over pairs: each must
    count by its share, so the ratio of the two is corrected inside.
    """
    atoms = 0.0 if window is None else float(len(window.start.batch.positions))
    pairs = 0.0 if window is None else float(len(window.rigid_pairs))
    all_atoms, all_pairs = group.summed([atoms, pairs], place.device)
    share = atoms / all_atoms
    if not share or not all_pairs:
        return objective, share
    weight = objective.geometry_weight * (pairs / all_pairs) / share
    return replace(objective, geometry_weight=weight), share


def _precision(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """bf16 where the recipe asks for it: parameters and positions stay float32."""
    if precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()


def _culprits(
    model: TrainableSystem,
    drawn: Sequence[Drawn],
    recipe: Recipe,
    times: Sequence[float],
    pull: bool,
    place: Place,
) -> list[str]:
    """Which of the complexes have a loss that is no number by themselves."""
    found = []
    for one in drawn:
        # With draws of its own: those of the training must not depend on this.
        alone = replace(one, generator=torch.Generator().manual_seed(0))
        window = make_window([alone], recipe, times, place)
        with torch.no_grad():
            loss = _loss(model, window, recipe.objective, recipe, pull, alone.generator)
        if not torch.isfinite(loss):
            found.append(one.recording.name)
    return found
