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
from neuralmd_cli.models.initial_velocity import check_rule, initial_velocities
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.objective import pose_loss
from neuralmd_cli.models.pocket.pocket import Motion, Pocket
from neuralmd_cli.models.shape_choice import check_shape, shape_remarks
from neuralmd_cli.models.system import (
    Objective,
    Settings,
    Start,
    Statistics,
    TrainableSystem,
    VelocityRule,
    Window,
)
from neuralmd_cli.models.tethered_force import (
    damped_constants,
    pull_error,
    start_pull,
    tethered_force,
)


class NeuralODE(TrainableSystem):
    """BindingNet's forces, friction and tether as one differential equation."""

    name: ClassVar[str] = "neuralmd-ode"
    summary: ClassVar[str] = "BindingNet's forces in Newton's equation, deterministic"
    adjustable: ClassVar[tuple[str, ...]] = ("v0", "solver", "step_ps", "keep_shape")
    draws: ClassVar[str] = "with --v0 thermal"

    def __init__(self, config: NeuralODEConfig) -> None:
        super().__init__()
        self.config: NeuralODEConfig = config
        self.binding_net = BindingNet(config.binding_net)
        if config.initial_velocity_network:
            self.initial_velocity = LigandEncoder(config.binding_net)
        if config.velocity_refinement:
            self.velocity_refinement = LigandEncoder(config.binding_net)
        if config.pocket is not None:
            self.pocket = Pocket(config.pocket)

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
        """Critically damped unless the options say otherwise."""
        constants = damped_constants(statistics, binding_net, options)
        return cls(NeuralODEConfig(**(constants | dict(options))))

    @property
    def defaults(self) -> Settings:
        """As the checkpoint was trained."""
        solver, rule = self.config.solver, self.config.velocity_rule
        if self.config.pocket is not None:
            return Settings(v0=rule, step_ps=self.config.step_ps, keep_shape=True)
        step = self.config.step_ps if solver in FIXED_STEP else None
        return Settings(v0=rule, solver=solver, step_ps=step)

    @property
    def sees_pocket(self) -> bool:
        """True of weights with springs."""
        return self.config.pocket is not None

    def settled(self, settings: Settings) -> Settings:
        """Fill in what is open; refuse what these weights have nothing for."""
        settled = super().settled(settings)
        config = self.config
        check_rule(config, settled.v0)
        check_shape(settled, keeps=config.pocket is not None)
        if config.pocket is not None:
            if settings.solver is not None:
                raise InputError(
                    "--solver: these weights move among springs, which are solved "
                    "exactly.",
                    hint="Leave --solver out.",
                )
            return settled
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
            "pocket": None if self.config.pocket is None else "springs",
        }

    def remarks(self, settings: Settings, observed: int) -> list[str]:
        """That frames are not mended, if so chosen."""
        return shape_remarks(settings)

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
        if self.config.pocket is not None:
            motion = self._motion(start.batch, settings.step_ps)
            free = settings.keep_shape is False
            return self.pocket.rollout(start, velocities, times, motion, free=free)
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
        """Velocities (Å/ps) at the start; `initial_velocity.py` has the rules.

        Raises:
            InputError: the rule needs a second snapshot and there is none.
        """
        network = getattr(self, "initial_velocity", None)
        return initial_velocities(self.config, network, start, rule)

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
        tethered = self._tethered(batch)
        force_field: ForceField = tethered
        if not config.tether_per_ps2:
            force_field = tethered.force_field
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
        start, rule = window.start, rules[drawn]
        if self.config.pocket is not None:
            velocities = self.initial_velocities(start, rule)
            motion = self._motion(start.batch)
            path = self.pocket.rollout(
                start, velocities, window.times, motion, free=True
            )
        else:
            path = self.rollout(start, window.times, Settings(v0=rule))
        states = list(path)
        positions = torch.stack([x for _, x in states])
        return pose_loss(positions, window.targets, window, objective)

    def pull_loss(
        self, window: Window, objective: Objective, gain: float
    ) -> Float[Tensor, ""]:
        """Error of where the force at the start points."""
        tethered = self._tethered(window.start.batch)
        pose = None
        if self.config.pocket is not None:
            pose = self.pocket.settling(window.start).pose
        return pull_error(tethered, window, objective, gain, pose)

    def pull(self, batch: Batch) -> Float[Tensor, "atoms 3"]:
        """Displacement (Å) that the force at the start would hold, if it stayed."""
        return start_pull(self._tethered(batch))

    def _motion(self, batch: Batch, step_ps: float | None = None) -> Motion:
        """How ligands move among the springs of their pockets."""
        return Motion(
            pull=self._tethered(batch).pull,
            step_ps=step_ps or self.config.step_ps,
            speed=self.config.thermal_speed,
            friction_per_ps=self.config.friction_per_ps,
        )

    def _tethered(self, batch: Batch) -> Tethered:
        return tethered_force(self.binding_net, batch, self.config)

    def _correction(self, batch: Batch) -> "_VelocityCorrection | None":
        if not self.config.velocity_refinement:
            return None
        scale = self.config.velocity_refinement / self.config.ps_per_time_unit
        return _VelocityCorrection(
            network=self.velocity_refinement, batch=batch, scale=scale
        )


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
