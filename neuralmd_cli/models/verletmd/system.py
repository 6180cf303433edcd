"""verletmd: BindingNet's energy, its forces moving the ligand by velocity Verlet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.energy import EnergyNet
from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.grid import State, walk
from neuralmd_cli.dynamics.verlet import velocity_verlet
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.binding_energy import BindingEnergy
from neuralmd_cli.models.system import (
    Objective,
    Settings,
    Start,
    Statistics,
    TrainableSystem,
    Window,
)
from neuralmd_cli.models.thermal import normal_draws
from neuralmd_cli.models.verletmd.config import RULES, VerletMDConfig
from neuralmd_cli.units import BOLTZMANN, KCAL_PER_MOL

LONGEST_STEP = 0.002
"""ps; the usual step of molecular dynamics."""


class VerletMD(TrainableSystem):
    """An energy fitted to energies; its slope drives the ligand."""

    name: ClassVar[str] = "verletmd"
    summary: ClassVar[str] = "BindingNet's energy, forces by autograd, velocity Verlet"
    adjustable: ClassVar[tuple[str, ...]] = ("v0", "step_ps", "temperature_k")
    draws: ClassVar[str] = "with --v0 thermal"

    def __init__(self, config: VerletMDConfig) -> None:
        super().__init__()
        self.config: VerletMDConfig = config
        self.binding_net = EnergyNet(config.binding_net)
        self.energy_head = nn.Linear(config.binding_net.channels, 1)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "VerletMD":
        """Build it, weights random, from a checkpoint's config."""
        return cls(VerletMDConfig.from_dict(dict(config)))

    @classmethod
    def for_data(
        cls,
        statistics: Statistics,
        binding_net: BindingNetConfig,
        options: Mapping[str, Any],
    ) -> "VerletMD":
        """As in the paper, one step per snapshot of the data; energies normalised.

        Raises:
            InputError: the data have no interaction energies.
        """
        mean, deviation = statistics.energy_mean, statistics.energy_deviation
        if mean is None or deviation is None:
            raise InputError(NO_ENERGIES, hint=OTHER_DATA)
        constants: dict[str, Any] = {
            "binding_net": binding_net,
            "step_ps": statistics.spacing_ps,
            "trained_elements": statistics.elements,
            "energy_mean": round(mean, 3),
            "energy_deviation": round(deviation, 3),
        }
        return cls(VerletMDConfig(**(constants | dict(options))))

    @property
    def defaults(self) -> Settings:
        """As the checkpoint was trained."""
        return Settings(v0=self.config.velocity_rule, step_ps=self.config.step_ps)

    def settled(self, settings: Settings) -> Settings:
        """Fill in what is open; refuse a rule or a temperature without a meaning."""
        settled = super().settled(settings)
        if settled.v0 not in RULES:
            raise InputError(
                f"--v0 {settled.v0}: the model {self.name} has no network for initial "
                "velocities.",
                hint="Use --v0 zero or thermal.",
            )
        if settled.v0 == "thermal":
            return replace(
                settled,
                temperature_k=self.config.temperature_k
                if settled.temperature_k is None
                else settled.temperature_k,
            )
        if settled.temperature_k is not None:
            raise InputError(
                f"--temperature-k means nothing with --v0 {settled.v0}: no draw is "
                "made.",
                hint="Leave --temperature-k out, or use --v0 thermal.",
            )
        return settled

    def is_random(self, settings: Settings) -> bool:
        """Only the thermal rule draws."""
        return settings.v0 == "thermal" and bool(settings.temperature_k)

    def constants(self) -> dict[str, Any]:
        """The convention of time, and the energies it was fitted to."""
        return {
            "time_convention": self.config.time_convention,
            "energy_mean_kcal_per_mol": self.config.energy_mean,
            "energy_deviation_kcal_per_mol": self.config.energy_deviation,
        }

    def remarks(self, settings: Settings, observed: int) -> list[str]:
        """Steps too long for bonded atoms are said to be so."""
        if self.config.time_convention == "published":
            return []
        step = settings.step_ps or self.config.step_ps
        if step <= LONGEST_STEP:
            return []
        return [
            f"Steps of {step:g} ps: velocity Verlet needs {LONGEST_STEP:g} ps or less "
            "to follow the forces of atoms; expect a break-down."
        ]

    def caveat(self, settings: Settings) -> str:
        """An interaction energy does not know the ligand's own bonds."""
        return (
            "The energy is that between ligand and protein: nothing in it holds the "
            "ligand's bonds, and it comes apart within a picosecond."
        )

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """Integrate; the proteins are encoded once, before the first step."""
        state = self.initial_velocities(start, settings), start.batch.positions
        step = settings.step_ps or self.config.step_ps
        return self.solve(start.batch, state, times, step)

    def initial_velocities(
        self, start: Start, settings: Settings
    ) -> Float[Tensor, "atoms 3"]:
        """Velocities (Å/ps) at the start.

        `thermal` is Maxwell's distribution of free atoms.

        Raises:
            InputError: the rule needs a second snapshot and there is none.
        """
        batch = start.batch
        if settings.v0 == "zero":
            return torch.zeros_like(batch.positions)
        if settings.v0 == "thermal":
            energy = BOLTZMANN * (settings.temperature_k or 0.0)
            speed = (energy / batch.masses).sqrt()[:, None]
            return speed * normal_draws(batch, start.generators, 3)
        if start.displacement is None or start.spacing_ps is None:
            raise InputError(
                "--v0 displacement: the velocity comes from two snapshots, and a "
                "structure file holds one.",
                hint="Use --v0 zero.",
            )
        if self.config.time_convention == "published":
            return start.displacement / self.config.ps_per_time_unit
        return start.displacement / start.spacing_ps

    def solve(
        self, batch: Batch, state: State, times: Sequence[float], step_ps: float
    ) -> Iterator[State]:
        """Yield velocities (Å/ps) and positions (Å) at each of `times` (ps)."""
        field = self.force_field(batch)
        if self.config.time_convention == "consistent":
            return velocity_verlet(field, batch.masses, state, times, step_ps)

        def advance(now: State, done: int) -> State:
            return _published_move(field, batch, now, step_ps)

        return walk(advance, state, times, step_ps)

    def force_field(self, batch: Batch) -> BindingEnergy:
        """Energy and forces of these complexes, proteins encoded."""
        config = self.config
        unit = config.energy_deviation * KCAL_PER_MOL
        if config.time_convention == "published":
            unit = config.ps_per_time_unit**-2
        return BindingEnergy(
            binding_net=self.binding_net,
            head=self.energy_head,
            batch=batch,
            protein=self.binding_net.encode_protein(batch),
            unit=unit,
        )

    def loss(
        self, window: Window, objective: Objective, generator: torch.Generator
    ) -> Float[Tensor, ""]:
        """Mean squared error of the energies at the start, in deviations of the data.

        Positions after the start are not read, nor are forces: they are not in the
        data.

        Raises:
            InputError: the data have no interaction energies.
        """
        if window.energies is None:
            raise InputError(NO_ENERGIES, hint=OTHER_DATA)
        batch = window.start.batch
        found = self.force_field(batch).energy(batch.positions)
        config = self.config
        wanted = (window.energies - config.energy_mean) / config.energy_deviation
        return (found - wanted.to(found)).square().mean()


NO_ENERGIES = (
    "verletmd is fitted to interaction energies, and not every complex of the training "
    "data has them (frames_interaction_energy)."
)
OTHER_DATA = "Train on data with energies, or train another model."


def _published_move(
    field: BindingEnergy, batch: Batch, state: State, step_ps: float
) -> State:
    """The authors' move: the second half of the kick is never given."""
    velocities, positions = state
    kick = (step_ps / 2) * field(positions.new_zeros(()), positions)
    kick = kick / batch.masses[:, None]
    velocities = velocities + kick
    return velocities, positions + step_ps * (velocities + kick)
