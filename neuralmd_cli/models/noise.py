"""Scores learned by denoising, and Langevin dynamics that follows them.

A score is the slope of the log of a density: of positions in equilibrium it is
force / kT. Learned at several levels of noise (denoising score matching), it is that of
the positions blurred as much.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuralmd_cli.complex import Batch
from neuralmd_cli.models.binding_force import Forces
from neuralmd_cli.models.system import Statistics
from neuralmd_cli.models.thermal import normal_draws

STRIDE = 0.5
"""Step of a sub-step, in units of its noise level squared; beyond 2 it diverges."""
LOWEST = 0.02
"""Å; less than a bond swings by at 300 K, so that the last level repairs it."""
TORN = (
    "The noise is drawn for each atom alone and strains the bonds: look at them before "
    "anything else."
)
"""What must be said of a trajectory made with such noise."""


@dataclass(frozen=True, kw_only=True)
class NoiseSchedule:
    """Noise levels that fall by the same factor from sub-step to sub-step."""

    steps: int
    highest: float  # Å, per coordinate
    lowest: float  # Å

    def __post_init__(self) -> None:
        if not 1 <= self.steps < math.inf or self.steps != int(self.steps):
            raise ValueError(f"sub_steps is {self.steps!r}")
        if not 0 < self.lowest <= self.highest < math.inf:
            raise ValueError(
                f"noise_lowest is {self.lowest!r}, noise_highest {self.highest!r}"
            )

    @property
    def levels(self) -> tuple[float, ...]:
        """The level of each sub-step, Å."""
        if self.steps == 1:
            return (self.lowest,)
        factor = (self.lowest / self.highest) ** (1 / (self.steps - 1))
        return tuple(self.highest * factor**k for k in range(self.steps))


class NoiseEmbedding(nn.Module):
    """A noise level as features of every atom."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(1, channels), nn.SiLU(), nn.Linear(channels, channels)
        )

    def forward(
        self, noise: Float[Tensor, " atoms"]
    ) -> Float[Tensor, "atoms channels"]:
        """Embed the logarithms of levels in Å."""
        embedded: Tensor = self.layers(noise.log10()[:, None])
        return embedded


@runtime_checkable
class Score(Protocol):
    """Noise level times score: what is learned is the noise itself, negative."""

    def __call__(
        self, positions: Float[Tensor, "atoms 3"], noise: Float[Tensor, " atoms"]
    ) -> Float[Tensor, "atoms 3"]:
        """Return σ times the score at positions (Å) blurred by σ (Å)."""
        ...


@dataclass(frozen=True, kw_only=True)
class NetworkScore:
    """BindingNet as a score, told the noise level, its proteins encoded once."""

    forces: Forces
    embedding: NoiseEmbedding

    def __call__(
        self, positions: Float[Tensor, "atoms 3"], noise: Float[Tensor, " atoms"]
    ) -> Float[Tensor, "atoms 3"]:
        """Return σ times the score at positions (Å) blurred by σ (Å)."""
        return self.forces(positions, self.embedding(noise))


def matching_loss(
    score: Score,
    batch: Batch,
    positions: Float[Tensor, "atoms 3"],
    schedule: NoiseSchedule,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Denoising score matching: mean over atoms of |σ score(x + σ ε) + ε|².

    The score is taken where the noise has been added. Its optimum is the score of the
    blurred data, at every level; zero everywhere gives 3.

    Args:
        score: to be fitted.
        batch: the complexes; its own ligand positions are not read.
        positions: from the data, Å.
        schedule: the level of each complex is drawn between its ends, evenly in the
            logarithm.
        generator: on the CPU, of level and noise.
    """
    share = torch.rand(batch.n_complexes, generator=generator, dtype=torch.float64)
    ratio = schedule.lowest / schedule.highest
    noise = (schedule.highest * ratio**share).to(positions)[batch.atom_complex]
    draw = torch.randn(positions.shape, generator=generator, dtype=torch.float64)
    draw = draw.to(positions)
    found = score(positions + noise[:, None] * draw, noise)
    return (found + draw).square().sum(dim=-1).mean()


def langevin(
    score: Score,
    batch: Batch,
    positions: Float[Tensor, "atoms 3"],
    schedule: NoiseSchedule,
    generators: Sequence[torch.Generator],
    heat: float,
) -> Float[Tensor, "atoms 3"]:
    """Overdamped Langevin dynamics (eq. 36), one sub-step at each noise level.

    x <- x + d score(x, σ) + √(2 d heat) ξ, with d = σ² / 2: equation 36 with
    -∇U/kT as learned at level σ and a diffusion of d per sub-step.

    Args:
        score: learned.
        batch: the complexes; its own ligand positions are not read.
        positions: Å.
        schedule: the levels.
        generators: of ξ, one per complex.
        heat: temperature over that of the data; 0 follows the score without noise.
    """
    for level in schedule.levels:
        noise = torch.full_like(positions[:, 0], level)
        positions = positions + STRIDE * level * score(positions, noise)
        if heat:
            draw = normal_draws(batch, generators, 3)
            positions = positions + math.sqrt(2 * STRIDE * heat) * level * draw
    return positions


def noise_for_data(statistics: Statistics) -> dict[str, float]:
    """Noise levels (Å) that fit a data set, by their names in a config.

    With ten levels and no force, the sub-steps of a snapshot move an atom about as far
    as it moves between two snapshots of the data.
    """
    highest = round(statistics.displacement / math.sqrt(2), 5)
    return {"noise_highest": highest, "noise_lowest": min(LOWEST, highest)}
