"""An exponential average of a model's weights over its training."""

import torch
from torch import Tensor

from neuralmd_cli.models.system import TrainableSystem


def average_into(
    averaged: TrainableSystem, model: TrainableSystem, share: float
) -> None:
    """Move an exponential average of the weights towards the current ones.

    Buffers, such as the statistics of batch normalisation, are copied.
    """
    with torch.no_grad():
        for old, new in zip(averaged.parameters(), model.parameters(), strict=True):
            old.lerp_(new, 1.0 - share)
        for buffer, now in zip(averaged.buffers(), model.buffers(), strict=True):
            buffer.copy_(now)


def weights_of(model: TrainableSystem) -> dict[str, Tensor]:
    """A copy of all tensors."""
    return {k: v.detach().clone() for k, v in model.state_dict().items()}
