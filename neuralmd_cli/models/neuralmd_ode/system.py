"""neuralmd-ode: BindingNet driving a second-order ODE (paper, section 4.3)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.dynamics.ode import (
    FIXED_STEP,
    ForceField,
    NewtonianODE,
    Solver,
    integrate,
)
from neuralmd_cli.dynamics.restraint import Tethered
from neuralmd_cli.errors import InputError
from neuralmd_cli.graph import slots
from neuralmd_cli.models.binding_force import BindingForce, binding_force
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.objective import pose_loss
from neuralmd_cli.models.system import (
    Objective,
    Settings,
    Start,
    Statistics,
    TrainableSystem,
    VelocityRule,
    Window,
)
from neuralmd_cli.models.thermal import batch_thermal_velocities

FRICTION = 1 / 40.0
"""Per ps; with the tether at critical damping, motion ends after some 300 ps."""
CARBON = 12.0
"""amu; sets the scale of the network's output."""


class NeuralODE(TrainableSystem):
    """BindingNet's forces, friction and tether as one differential equation."""

    name: ClassVar[str] = "neuralmd-ode"
    summary: ClassVar[str] = "BindingNet's forces in Newton's equation, deterministic"
    adjustable: ClassVar[tuple[str, ...]] = ("v0", "solver", "step_ps")

    def __init__(self, config: NeuralODEConfig) -> None:
        super().__init__()
        self.config: NeuralODEConfig = config
        self.binding_net = BindingNet(config.binding_net)
        if config.initial_velocity_network:
            self.initial_velocity = LigandEncoder(config.binding_net)
        if config.velocity_refinement:
            self.velocity_refinement = LigandEncoder(config.binding_net)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "NeuralODE":
        """Build it from `NeuralODEConfig.to_dict`."""
        return cls(NeuralODEConfig.from_dict(dict(config)))

    @classmethod
    def for_data(
        cls,
        statistics: Statistics,
        binding_net: BindingNetConfig,
        options: Mapping[str, Any],
    ) -> "NeuralODE":
        """Critically damped unless the options say otherwise.

        One unit of the network's output then holds a carbon atom 1 Å from its start,
        and the thermal speed swings the tether by the fluctuation of the data. In the
        published variant the output is the force, unscaled.
        """
        friction = float(options.get("friction_per_ps", FRICTION))
        tether = float(options.get("tether_per_ps2", friction**2 / 4))
        scale = CARBON * (tether or FRICTION**2 / 4)
        if binding_net.is_published:
            scale = 1.0
        constants = {
            "binding_net": replace(binding_net, force_scale=scale),
            "friction_per_ps": friction,
            "tether_per_ps2": tether,
            "thermal_speed": round(statistics.fluctuation * tether**0.5, 5),
            "trained_elements": statistics.elements,
        }
        return cls(NeuralODEConfig(**(constants | dict(options))))

    @property
    def defaults(self) -> Settings:
        """As the checkpoint was trained."""
        solver, rule = self.config.solver, self.config.velocity_rule
        step = self.config.step_ps if solver in FIXED_STEP else None
        return Settings(v0=rule, solver=solver, step_ps=step)

    def settled(self, settings: Settings) -> Settings:
        """Fill in what is open; refuse a rule these weights have nothing for."""
        settled = super().settled(settings)
        config = self.config
        if settled.v0 == "thermal" and not config.thermal_speed:
            raise InputError(
                "--v0 thermal: these weights state no thermal speed.",
                hint="Use --v0 zero.",
            )
        if settled.v0 == "learned" and not config.initial_velocity_network:
            raise InputError(
                "--v0 learned: these weights have no network for initial velocities.",
                hint="Use --v0 zero"
                + (" or thermal." if config.thermal_speed else "."),
            )
        fixed = settled.solver in FIXED_STEP
        step = settled.step_ps or config.step_ps if fixed else None
        return replace(settled, step_ps=step)

    def is_random(self, settings: Settings) -> bool:
        """Only the thermal rule draws."""
        return settings.v0 == "thermal"

    def constants(self) -> dict[str, Any]:
        """Friction, tether and the convention of time."""
        return {
            "friction_per_ps": self.config.friction_per_ps,
            "tether_per_ps2": self.config.tether_per_ps2,
            "reach_angstrom": self.config.reach,
            "time_convention": self.config.time_convention,
        }

    def caveat(self, settings: Settings) -> str:
        """With friction and no noise, all motion ends."""
        if not self.config.friction_per_ps:
            return ""
        return "The ligand comes to rest in this model: RMSF is no thermal motion."

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """Solve the equation; the proteins are encoded once, before the first step."""
        rule = settings.v0 or self.config.velocity_rule
        velocities = self.initial_velocities(start, rule)
        return self.solve(
            start.batch,
            velocities,
            times,
            solver=settings.solver,
            step_ps=settings.step_ps,
        )

    def initial_velocities(
        self, start: Start, rule: VelocityRule
    ) -> Float[Tensor, "atoms 3"]:
        """Velocities (Å/ps) at the start.

        `learned` is BindingNet-Ligand's answer: for the displacement, in the published
        variant (section 4.3); for the structure alone, in ours.

        Raises:
            InputError: the rule needs a second snapshot and there is none.
        """
        batch, config = start.batch, self.config
        if rule == "zero":
            return torch.zeros_like(batch.positions)
        if rule == "thermal":
            return batch_thermal_velocities(
                batch, config.thermal_speed, start.generators
            )
        published = config.binding_net.is_published
        if rule == "learned" and not published:
            return self._network_velocity(batch, batch.positions) * config.thermal_speed
        if start.displacement is None or start.spacing_ps is None:
            raise InputError(
                f"--v0 {rule}: these weights take the velocity from two snapshots, and "
                "a structure file holds one.",
                hint="Use --v0 zero.",
            )
        if rule == "learned":
            mapped = self._network_velocity(batch, start.displacement)
            return mapped / config.ps_per_time_unit
        if config.time_convention == "published":
            return start.displacement / config.ps_per_time_unit
        return start.displacement / start.spacing_ps

    def solve(
        self,
        batch: Batch,
        velocities: Float[Tensor, "atoms 3"],
        times: Sequence[float],
        *,
        solver: Solver | None = None,
        step_ps: float | None = None,
    ) -> Iterator[State]:
        """Yield velocities (Å/ps) and positions (Å) at each of `times` (ps)."""
        return integrate(
            self.dynamics(batch).derivative,
            (velocities, batch.positions),
            times,
            solver=solver or self.config.solver,
            step_ps=step_ps or self.config.step_ps,
        )

    def dynamics(self, batch: Batch) -> NewtonianODE:
        """The differential equation of these complexes, proteins encoded."""
        config = self.config
        force_field: ForceField = self._forces(batch)
        if config.tether_per_ps2:
            force_field = self._tethered(force_field, batch)
        return NewtonianODE(
            force_field=force_field,
            masses=batch.masses,
            friction_per_ps=config.friction_per_ps,
            velocity_correction=self._correction(batch),
        )

    def loss(
        self, window: Window, objective: Objective, generator: torch.Generator
    ) -> Float[Tensor, ""]:
        """The error along a rollout from a random one of the allowed rules (eq. 13)."""
        rules = objective.velocity_rules
        drawn = int(torch.randint(len(rules), (), generator=generator))
        settings = Settings(v0=rules[drawn])
        states = list(self.rollout(window.start, window.times, settings))
        positions = torch.stack([x for _, x in states])
        return pose_loss(positions, window.targets, window, objective)

    def pull_loss(
        self, window: Window, objective: Objective, gain: float
    ) -> Float[Tensor, ""]:
        """One evaluation instead of a rollout: where the force at the start points.

        A tethered ligand settles where the remaining force balances the tether, short
        of the target; hence the gain.
        """
        batch = window.start.batch
        positions = (batch.positions + self.pull(batch) / gain)[None]
        return pose_loss(positions, window.targets[-1:], window, objective)

    def pull(self, batch: Batch) -> Float[Tensor, "atoms 3"]:
        """Displacement (Å) that the force at the start would hold, if it stayed."""
        tethered = self._tethered(self._forces(batch), batch)
        return tethered.pull(batch.positions.new_zeros(()), batch.positions)

    def _forces(self, batch: Batch) -> BindingForce:
        unit = self.config.ps_per_time_unit**-2
        return binding_force(self.binding_net, batch, unit=unit)

    def _tethered(self, force_field: ForceField, batch: Batch) -> Tethered:
        return Tethered(
            force_field=force_field,
            reference=batch.positions,
            masses=batch.masses,
            stiffness_per_ps2=self.config.tether_per_ps2,
            reach=self.config.reach,
        )

    def _correction(self, batch: Batch) -> "_VelocityCorrection | None":
        if not self.config.velocity_refinement:
            return None
        scale = self.config.velocity_refinement / self.config.ps_per_time_unit
        return _VelocityCorrection(
            network=self.velocity_refinement, batch=batch, scale=scale
        )

    def _network_velocity(
        self, batch: Batch, positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        rows = slots(batch.atom_complex, batch.n_complexes)
        features = self.initial_velocity(batch.atomic_numbers, positions, rows)
        velocities: Tensor = features.forces
        return velocities


@dataclass(frozen=True, kw_only=True)
class _VelocityCorrection:
    """α · BindingNet-Ligand(x), Å/ps."""

    network: LigandEncoder
    batch: Batch
    scale: float

    def __call__(self, positions: Tensor) -> Tensor:
        rows = slots(self.batch.atom_complex, self.batch.n_complexes)
        features = self.network(self.batch.atomic_numbers, positions, rows)
        forces: Tensor = features.forces
        return forces * self.scale
