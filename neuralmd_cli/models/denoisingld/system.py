"""denoisingld: a score learned by denoising, followed by Langevin dynamics."""

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
from neuralmd_cli.errors import InputError, TrainingError
from neuralmd_cli.models.autoregressive import walk_moves
from neuralmd_cli.models.binding_force import prepared_forces
from neuralmd_cli.models.denoisingld.config import DenoisingLDConfig
from neuralmd_cli.models.noise import (
    TORN,
    NetworkScore,
    NoiseEmbedding,
    langevin,
    matching_loss,
    noise_for_data,
)
from neuralmd_cli.models.system import (
    Objective,
    Settings,
    Start,
    Statistics,
    TrainableSystem,
    Window,
)


class DenoisingLD(TrainableSystem):
    """Overdamped Langevin dynamics (eq. 36), its force a score learned by denoising."""

    name: ClassVar[str] = "denoisingld"
    summary: ClassVar[str] = "BindingNet's denoising score in overdamped Langevin steps"
    adjustable: ClassVar[tuple[str, ...]] = ("temperature_k",)
    draws: ClassVar[str] = "unless --temperature-k is 0"

    def __init__(self, config: DenoisingLDConfig) -> None:
        super().__init__()
        self.config: DenoisingLDConfig = config
        self.binding_net = BindingNet(config.binding_net)
        if not config.binding_net.is_published:
            self.noise_embedding = NoiseEmbedding(config.binding_net.channels)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "DenoisingLD":
        """Build it, weights random, from a checkpoint's config."""
        return cls(DenoisingLDConfig.from_dict(dict(config)))

    @classmethod
    def for_data(
        cls,
        statistics: Statistics,
        binding_net: BindingNetConfig,
        options: Mapping[str, Any],
    ) -> "DenoisingLD":
        """The noise moves a free atom about as far per snapshot as the data's move."""
        constants: dict[str, Any] = {
            "binding_net": replace(binding_net, force_scale=1.0),
            "step_ps": statistics.spacing_ps,
            "trained_elements": statistics.elements,
            **noise_for_data(statistics),
        }
        return cls(DenoisingLDConfig(**(constants | dict(options))))

    @property
    def defaults(self) -> Settings:
        """The temperature of the data; the published variant has none."""
        if self.config.binding_net.is_published:
            return Settings()
        return Settings(temperature_k=self.config.temperature_k)

    def settled(self, settings: Settings) -> Settings:
        """Fill in the temperature; refuse one where there is no noise."""
        settled = super().settled(settings)
        if settled.temperature_k is None:
            return settled
        if self.config.binding_net.is_published:
            raise InputError(
                "--temperature-k means nothing to these weights: the published "
                "denoisingld adds no noise.",
                hint="Leave --temperature-k out.",
            )
        return settled

    def is_random(self, settings: Settings) -> bool:
        """Every sub-step draws, unless the temperature is 0."""
        return bool(settings.temperature_k)

    def constants(self) -> dict[str, Any]:
        """The noise levels."""
        if self.config.binding_net.is_published:
            return {"sub_steps": self.config.sub_steps}
        return {"noise_levels_angstrom": list(self.config.schedule.levels)}

    def caveat(self, settings: Settings) -> str:
        """Noise on each atom alone strains what joins them."""
        if not self.is_random(settings):
            return ""
        return TORN

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """Move on by sub-steps; the proteins are encoded once, before the first."""
        if self.config.binding_net.is_published:
            move = self._published_move(start.batch)
        else:
            move = self._move(start, settings)
        return walk_moves(move, start.batch.positions, times, self.config.step_ps)

    def score(self, batch: Batch) -> NetworkScore:
        """The learned score of these complexes, proteins encoded."""
        return NetworkScore(
            forces=prepared_forces(self.binding_net, batch),
            embedding=self.noise_embedding,
        )

    def loss(
        self, window: Window, objective: Objective, generator: torch.Generator
    ) -> Float[Tensor, ""]:
        """Denoising score matching on one of the window's snapshots, drawn at random.

        The protein is that of the start, as in a rollout.

        Raises:
            TrainingError: the published variant, which is told no noise level.
        """
        if self.config.binding_net.is_published:
            raise TrainingError(
                "The published denoisingld cannot be trained: its network does not "
                "know how noisy its input is.",
                hint="Train the equivariant variant.",
            )
        drawn = int(torch.randint(len(window.times), (), generator=generator))
        batch = window.start.batch
        return matching_loss(
            self.score(batch),
            batch,
            window.targets[drawn],
            self.config.schedule,
            generator,
        )

    def _move(self, start: Start, settings: Settings) -> Callable[[Tensor], Tensor]:
        batch, schedule = start.batch, self.config.schedule
        score, generators = self.score(batch), start.generators
        heat = (settings.temperature_k or 0.0) / self.config.temperature_k

        def moved(positions: Tensor) -> Tensor:
            return langevin(score, batch, positions, schedule, generators, heat)

        return moved

    def _published_move(self, batch: Batch) -> Callable[[Tensor], Tensor]:
        """X <- x + score(x), as often as there are sub-steps; no noise, no units."""
        protein = self.binding_net.encode_protein(batch)

        def moved(positions: Tensor) -> Tensor:
            for _ in range(self.config.sub_steps):
                forces = self.binding_net.forces(batch, positions, protein)
                positions = positions + forces
            return positions

        return moved
