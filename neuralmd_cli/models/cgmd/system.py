"""cgmd: a network that predicts the next snapshot, and a score that refines it."""

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
from neuralmd_cli.models.binding_force import binding_force, prepared_forces
from neuralmd_cli.models.cgmd.config import CGMDConfig
from neuralmd_cli.models.noise import (
    TORN,
    NetworkScore,
    NoiseEmbedding,
    langevin,
    matching_loss,
    noise_for_data,
)
from neuralmd_cli.models.objective import pose_loss
from neuralmd_cli.models.system import (
    Objective,
    Settings,
    Start,
    Statistics,
    TrainableSystem,
    Window,
)


class CGMD(TrainableSystem):
    """Two BindingNets: one moves the ligand on, one takes it back to poses."""

    name: ClassVar[str] = "cgmd"
    summary: ClassVar[str] = "gnnmd's move, then a few of denoisingld's sub-steps"
    adjustable: ClassVar[tuple[str, ...]] = ("temperature_k",)
    draws: ClassVar[str] = "unless --temperature-k is 0"

    def __init__(self, config: CGMDConfig) -> None:
        super().__init__()
        self.config: CGMDConfig = config
        self.binding_net = BindingNet(config.binding_net)
        self.score_net = BindingNet(replace(config.binding_net, force_scale=1.0))
        self.noise_embedding = NoiseEmbedding(config.binding_net.channels)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "CGMD":
        """Build it, weights random, from a checkpoint's config."""
        return cls(CGMDConfig.from_dict(dict(config)))

    @classmethod
    def for_data(
        cls,
        statistics: Statistics,
        binding_net: BindingNetConfig,
        options: Mapping[str, Any],
    ) -> "CGMD":
        """One move is one snapshot of the data, and about as far as theirs are."""
        constants: dict[str, Any] = {
            "binding_net": replace(binding_net, force_scale=statistics.displacement),
            "step_ps": statistics.spacing_ps,
            "trained_elements": statistics.elements,
            **noise_for_data(statistics),
        }
        return cls(CGMDConfig(**(constants | dict(options))))

    @property
    def defaults(self) -> Settings:
        """The temperature of the data."""
        return Settings(temperature_k=self.config.temperature_k)

    def is_random(self, settings: Settings) -> bool:
        """The refinement draws, unless the temperature is 0."""
        return bool(settings.temperature_k)

    def constants(self) -> dict[str, Any]:
        """The noise levels of the refinement."""
        return {"noise_levels_angstrom": list(self.config.schedule.levels)}

    def caveat(self, settings: Settings) -> str:
        """Noise on each atom alone strains what joins them."""
        if not self.is_random(settings):
            return ""
        return TORN

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """Move and refine; the proteins are encoded once, before the first move."""
        batch, schedule = start.batch, self.config.schedule
        move, score, generators = self.move(batch), self.score(batch), start.generators
        heat = (settings.temperature_k or 0.0) / self.config.temperature_k

        def refined(positions: Tensor) -> Tensor:
            guess = move(positions)
            return langevin(score, batch, guess, schedule, generators, heat)

        return walk_moves(refined, batch.positions, times, self.config.step_ps)

    def move(self, batch: Batch) -> Callable[[Tensor], Tensor]:
        """From the positions of one snapshot to a guess at the next's, Å."""
        forces = binding_force(self.binding_net, batch).forces

        def moved(positions: Tensor) -> Tensor:
            return positions + forces(positions)

        return moved

    def score(self, batch: Batch) -> NetworkScore:
        """The learned score of these complexes, proteins encoded."""
        return NetworkScore(
            forces=prepared_forces(self.score_net, batch),
            embedding=self.noise_embedding,
        )

    def loss(
        self, window: Window, objective: Objective, generator: torch.Generator
    ) -> Float[Tensor, ""]:
        """Error of one move in units of the data's, plus denoising of its target.

        The networks share no weights, so neither part changes the other's optimum.
        """
        target = next_snapshot(window, self.config.step_ps)
        batch, config = window.start.batch, self.config
        moved = self.move(batch)(batch.positions)[None]
        unit = config.binding_net.force_scale ** (2 if objective.error == "mse" else 1)
        move_loss = pose_loss(moved, target, window, objective) / unit
        noise_loss = matching_loss(
            self.score(batch), batch, target[0], config.schedule, generator
        )
        return move_loss + noise_loss
