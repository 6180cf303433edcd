"""The optimiser and the learning-rate schedule that a recipe names."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    LRScheduler,
    OneCycleLR,
)

from neuralmd_cli.training.recipe import Recipe


def make_optimiser(
    recipe: Recipe, parameters: Iterable[nn.Parameter]
) -> torch.optim.Optimizer:
    """Adam, AdamW or SGD."""
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=rate, weight_decay=decay)
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(parameters, lr=rate, weight_decay=decay)
    return torch.optim.SGD(
        parameters, lr=rate, weight_decay=decay, momentum=recipe.momentum
    )


def make_schedule(
    recipe: Recipe, optimiser: torch.optim.Optimizer, total_steps: int
) -> LRScheduler:
    """The rate over all steps: the same, half a cosine to 0, or one cycle."""
    if recipe.schedule == "constant":
        return LambdaLR(optimiser, lambda step: 1.0)
    if recipe.schedule == "cosine":
        return CosineAnnealingLR(optimiser, T_max=total_steps)
    # Momentum cycles as well, where there is any.
    cycles = recipe.optimiser != "sgd" or recipe.momentum > 0
    return OneCycleLR(
        optimiser,
        recipe.learning_rate,
        total_steps=total_steps,
        cycle_momentum=cycles,
    )
