"""What the predictors without weights have in common."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.models.system import System

SHRUNKEN = (
    "A mean of poses has bonds that are too short: judge its place, not its geometry."
)


class Baseline(System):
    """A system that has no weights, no settings and draws nothing."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Baseline":
        """There is nothing to configure."""
        if config:
            raise ValueError(f"{cls.name} has no setting {min(config)}")
        return cls()


def at_rest(
    positions: Float[Tensor, "atoms 3"], times: Sequence[float]
) -> Iterator[State]:
    """The same positions at every time."""
    velocities = torch.zeros_like(positions)
    return ((velocities, positions) for _ in times)
