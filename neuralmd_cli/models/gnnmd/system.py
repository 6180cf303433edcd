"""gnnmd: the displacement to the next snapshot, predicted again and again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.models.autoregressive import next_snapshot, walk_moves
from neuralmd_cli.models.binding_force import binding_force
from neuralmd_cli.models.gnnmd.config import GNNMDConfig
from neuralmd_cli.models.objective import pose_loss
from neuralmd_cli.models.system import (
    Objective,
    Settings,
    Start,
    Statistics,
    TrainableSystem,
    Window,
)


class GNNMD(TrainableSystem):
    """x(t + Δ) = x(t) + BindingNet(x(t)), Δ being the time between two snapshots."""

    name: ClassVar[str] = "gnnmd"
    summary: ClassVar[str] = "BindingNet predicts each snapshot from the one before"

    def __init__(self, config: GNNMDConfig) -> None:
        super().__init__()
        self.config: GNNMDConfig = config
        self.binding_net = BindingNet(config.binding_net)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "GNNMD":
        """Build it, weights random, from a checkpoint's config."""
        return cls(GNNMDConfig.from_dict(dict(config)))

    @classmethod
    def for_data(
        cls,
        statistics: Statistics,
        binding_net: BindingNetConfig,
        options: Mapping[str, Any],
    ) -> "GNNMD":
        """One move is one snapshot of the data, and about as far as theirs are."""
        constants: dict[str, Any] = {
            "binding_net": replace(binding_net, force_scale=statistics.displacement),
            "step_ps": statistics.spacing_ps,
            "trained_elements": statistics.elements,
        }
        return cls(GNNMDConfig(**(constants | dict(options))))

    def caveat(self, settings: Settings) -> str:
        """The mean of what may come next has no thermal motion."""
        return (
            "Each move is the mean of what the training data did next: RMSF is no "
            "thermal motion."
        )

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """Move on; the proteins are encoded once, before the first move."""
        move = self.move(start.batch)
        return walk_moves(move, start.batch.positions, times, self.config.step_ps)

    def move(self, batch: Batch) -> Callable[[Tensor], Tensor]:
        """From the positions of one snapshot to the next's, Å, proteins encoded."""
        forces = binding_force(self.binding_net, batch).forces

        def moved(positions: Tensor) -> Tensor:
            return positions + forces(positions)

        return moved

    def loss(
        self, window: Window, objective: Objective, generator: torch.Generator
    ) -> Float[Tensor, ""]:
        """Error of one move from the start; later snapshots are not read."""
        target = next_snapshot(window, self.config.step_ps)
        batch = window.start.batch
        moved = self.move(batch)(batch.positions)[None]
        return pose_loss(moved, target, window, objective)
