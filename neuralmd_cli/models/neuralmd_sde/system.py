"""neuralmd-sde: BindingNet driving a second-order SDE (paper, eq. 11 and 37)."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.grid import State, walk
from neuralmd_cli.dynamics.ode import NewtonianODE, integrate
from neuralmd_cli.dynamics.restraint import Tethered
from neuralmd_cli.dynamics.sde import Langevin
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.binding_force import binding_force
from neuralmd_cli.models.initial_velocity import check_rule, initial_velocities
from neuralmd_cli.models.neuralmd_sde.config import NeuralSDEConfig
from neuralmd_cli.models.neuralmd_sde.langevin import (
    ROOM_TEMPERATURE,
    Amplitude,
    batch_shapes,
    likelihood_loss,
    path_variances,
    warmth,
)
from neuralmd_cli.models.neuralmd_sde.published import NoisyForce, atom_scale
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
    tethered_force,
)
from neuralmd_cli.models.thermal import normal_draws

Draw = Callable[[], Tensor]
"""Standard normal numbers per atom, new ones at each call."""


class NeuralSDE(TrainableSystem):
    """BindingNet's forces, friction, tether and noise as one stochastic equation."""

    name: ClassVar[str] = "neuralmd-sde"
    summary: ClassVar[str] = "BindingNet's forces in Langevin's equation, with noise"
    adjustable: ClassVar[tuple[str, ...]] = (
        "v0",
        "step_ps",
        "temperature_k",
        "keep_shape",
    )
    draws: ClassVar[str] = "unless --temperature-k is 0"

    def __init__(self, config: NeuralSDEConfig) -> None:
        super().__init__()
        self.config: NeuralSDEConfig = config
        self.binding_net = BindingNet(config.binding_net)
        if config.is_published:
            self.noise_network = LigandEncoder(config.binding_net)
            self.noise_scale = nn.Parameter(torch.zeros(config.noise_rows, 3))
        elif config.noise_network:
            self.noise_network = LigandEncoder(config.binding_net)
            self.noise_head = nn.Linear(config.binding_net.channels, 1)
            nn.init.zeros_(self.noise_head.weight)
            nn.init.zeros_(self.noise_head.bias)
        if config.initial_velocity_network:
            self.initial_velocity = LigandEncoder(config.binding_net)
        if config.pocket is not None:
            self.pocket = Pocket(config.pocket)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "NeuralSDE":
        """Build it from `NeuralSDEConfig.to_dict`."""
        return cls(NeuralSDEConfig.from_dict(dict(config)))

    @classmethod
    def for_data(
        cls,
        statistics: Statistics,
        binding_net: BindingNetConfig,
        options: Mapping[str, Any],
    ) -> "NeuralSDE":
        """Langevin dynamics as warm as the data, unless the options say otherwise."""
        constants = damped_constants(statistics, binding_net, options)
        constants["velocity_rule"] = "thermal"
        return cls(NeuralSDEConfig(**(constants | dict(options))))

    @property
    def defaults(self) -> Settings:
        """As the checkpoint was trained, at 300 K."""
        config = self.config
        return Settings(
            v0=config.velocity_rule,
            step_ps=config.step_ps,
            temperature_k=None if config.is_published else ROOM_TEMPERATURE,
            keep_shape=None if config.is_published else True,
        )

    @property
    def sees_pocket(self) -> bool:
        """True of weights with springs."""
        return self.config.pocket is not None

    def settled(self, settings: Settings) -> Settings:
        """Fill in what is open; refuse what these weights have nothing for."""
        settled = super().settled(settings)
        check_rule(self.config, settled.v0)
        check_shape(settled, keeps=not self.config.is_published)
        temperature = settled.temperature_k
        if temperature is None:
            return settled
        if self.config.is_published:
            raise InputError(
                "--temperature-k: the noise of these weights knows no temperature.",
                hint="Leave --temperature-k out, or use weights of Langevin dynamics.",
            )
        if not 0 <= temperature < math.inf:
            raise InputError(
                f"--temperature-k must be a number of kelvins from 0 on, not "
                f"{temperature:g}.",
                hint="Body temperature is 310.",
            )
        return settled

    def is_random(self, settings: Settings) -> bool:
        """Noise is the point of it, but at 0 K there is none."""
        return self.config.is_published or settings.temperature_k != 0

    def constants(self) -> dict[str, Any]:
        """The kind of noise, and what goes with it."""
        config = self.config
        common = {"noise": config.noise, "time_convention": config.time_convention}
        if config.is_published:
            return common | {"solver": config.solver}
        return common | {
            "friction_per_ps": config.friction_per_ps,
            "tether_per_ps2": config.tether_per_ps2,
            "reach_angstrom": config.reach,
            "thermal_speed_300k": config.thermal_speed,
            "pocket": None if config.pocket is None else "springs",
        }

    def remarks(self, settings: Settings, observed: int) -> list[str]:
        """That frames are not mended, if so chosen."""
        return shape_remarks(settings)

    def caveat(self, settings: Settings) -> str:
        """Where the size of the fluctuation comes from."""
        if self.config.is_published:
            return "The noise of these weights grows with the step: no temperature."
        if self.config.pocket is not None:
            return (
                "The ligand swings about one place in a pocket that does not give way: "
                "no unbinding, no flip, no side chain that opens."
            )
        return (
            "How far the ligand swings as a whole is set by temperature and training "
            "data, not by this pocket: read from RMSF which atoms move more, no more."
        )

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """Integrate the equation; the proteins are encoded once."""
        batch, generators = start.batch, start.generators
        rule = settings.v0 or self.config.velocity_rule
        if self.config.is_published:
            columns = self.config.noise_columns
            return self.solve_published(
                batch,
                self.initial_velocities(start, rule),
                times,
                draw=lambda: normal_draws(batch, generators, columns),
                step_ps=settings.step_ps,
            )

        def draw() -> Tensor:
            drawn = normal_draws(batch, generators, 6)
            return drawn.reshape(-1, 2, 3).transpose(0, 1)

        free = settings.keep_shape is False
        temperature = settings.temperature_k
        if temperature is None:
            temperature = ROOM_TEMPERATURE
        if self.config.pocket is not None:
            warmth_now = temperature / ROOM_TEMPERATURE
            motion = replace(
                self._motion(batch, settings.step_ps), warmth=warmth_now, draw=draw
            )
            if rule == "thermal" and not temperature:
                rule = "zero"
            velocities = self.initial_velocities(start, rule)
            if rule == "thermal":
                velocities = velocities * math.sqrt(warmth_now)
            return self.pocket.rollout(start, velocities, times, motion, free=free)
        langevin = self.langevin(batch, draw, temperature, keep_shape=not free)
        if rule == "thermal":
            velocities = langevin.thermal_velocities()
        else:
            velocities = self.initial_velocities(start, rule)
        return self.solve_langevin(langevin, velocities, times, settings.step_ps)

    def initial_velocities(
        self, start: Start, rule: VelocityRule
    ) -> Float[Tensor, "atoms 3"]:
        """Velocities (Å/ps) at the start; `initial_velocity.py` has the rules.

        Raises:
            InputError: the rule needs a second snapshot and there is none.
        """
        network = getattr(self, "initial_velocity", None)
        return initial_velocities(self.config, network, start, rule)

    def langevin(
        self,
        batch: Batch,
        draw: Draw,
        temperature_k: float = ROOM_TEMPERATURE,
        *,
        keep_shape: bool = True,
    ) -> Langevin:
        """Our equation for these complexes.

        Args:
            batch: the complexes; the tether holds them where they are.
            draw: [2, atoms, 3] at each call; not called at 0 K.
            temperature_k: K.
            keep_shape: put ligands back in shape; else every atom swings on its own.
        """
        shape = batch_shapes(batch) if keep_shape else None
        warm = warmth(batch, shape, self.config.thermal_speed, temperature_k)
        nothing = torch.zeros_like(batch.positions).expand(2, -1, -1)
        still = temperature_k == 0
        return replace(
            self.mean_dynamics(batch),
            thermal_energies=warm.thermal_energies,
            draw=(lambda: nothing) if still else draw,
            amplitude=None if still else self.amplitude(batch),
            constraint=shape,
        )

    def mean_dynamics(self, batch: Batch) -> Langevin:
        """The equation at 0 K, shapes free to change."""
        tethered = self._tethered(batch)
        nothing = torch.zeros_like(batch.positions).expand(2, -1, -1)
        return Langevin(
            force_field=tethered.held,
            reference=tethered.reference,
            masses=tethered.masses,
            friction_per_ps=self.config.friction_per_ps,
            stiffness_per_ps2=self.config.tether_per_ps2,
            thermal_energies=torch.zeros_like(batch.masses),
            draw=lambda: nothing,
        )

    def amplitude(self, batch: Batch) -> Amplitude | None:
        """The noise network on these complexes, if there is one."""
        if not self.config.noise_network:
            return None
        return Amplitude(
            network=self.noise_network,
            head=self.noise_head,
            batch=batch,
            limit=self.config.amplitude_limit,
        )

    def solve_langevin(
        self,
        langevin: Langevin,
        velocities: Float[Tensor, "atoms 3"],
        times: Sequence[float],
        step_ps: float | None = None,
    ) -> Iterator[State]:
        """Yield states of our equation; between two steps they are in shape, too."""
        step = step_ps or self.config.step_ps
        start = (velocities, langevin.reference)
        return map(langevin.in_shape, walk(langevin.advance(step), start, times, step))

    def solve_published(
        self,
        batch: Batch,
        velocities: Float[Tensor, "atoms 3"],
        times: Sequence[float],
        *,
        draw: Draw,
        step_ps: float | None = None,
    ) -> Iterator[State]:
        """Yield states of the published equation with the noise that `draw` gives."""
        return integrate(
            self.published_dynamics(batch, draw).derivative,
            (velocities, batch.positions),
            times,
            solver=self.config.solver,
            step_ps=step_ps or self.config.step_ps,
        )

    def published_dynamics(self, batch: Batch, draw: Draw) -> NewtonianODE:
        """The published equation of these complexes, noise in its drift.

        Args:
            batch: the complexes.
            draw: standard normal numbers, [atoms, 1] or [atoms, 3], at each call.

        Raises:
            InputError: the weights hold the noise of another ligand's atoms.
        """
        unit = self.config.ps_per_time_unit**-2
        force = NoisyForce(
            force_field=binding_force(self.binding_net, batch, unit=unit),
            network=self.noise_network,
            scale=atom_scale(self.noise_scale, batch),
            batch=batch,
            draw=draw,
            unit=unit,
        )
        return NewtonianODE(force_field=force, masses=batch.masses)

    def loss(
        self, window: Window, objective: Objective, generator: torch.Generator
    ) -> Float[Tensor, ""]:
        """Error of the mean path, and how likely the targets are about it.

        The mean path is the rollout without noise and without keeping shapes: bonds
        are the business of `geometry_weight`. The likelihood trains the noise alone.
        The published ways are trained as the authors do, on one noisy rollout.
        """
        rules = objective.velocity_rules
        rule = rules[int(torch.randint(len(rules), (), generator=generator))]
        start, times = window.start, window.times
        if self.config.is_published:
            states = self.rollout(start, times, Settings(v0=rule))
            positions = torch.stack([x for _, x in states])
            return pose_loss(positions, window.targets, window, objective)
        mean_rule: VelocityRule = "zero" if rule == "thermal" else rule
        velocities = self.initial_velocities(start, mean_rule)
        if self.config.pocket is not None:
            motion = self._motion(start.batch)
            states = self.pocket.rollout(start, velocities, times, motion, free=True)
        else:
            mean = self.mean_dynamics(start.batch)
            states = self.solve_langevin(mean, velocities, times)
        positions = torch.stack([x for _, x in states])
        loss = pose_loss(positions, window.targets, window, objective)
        amplitude = self.amplitude(start.batch)
        if amplitude is None:
            return loss
        variances = path_variances(
            amplitude, self.config, times, thermal_start=rule == "thermal"
        )
        errors = window.targets - positions.detach()
        return loss + likelihood_loss(errors, variances)

    def pull_loss(
        self, window: Window, objective: Objective, gain: float
    ) -> Float[Tensor, ""]:
        """Error of where the force at the start points."""
        tethered = self._tethered(window.start.batch)
        pose = None
        if self.config.pocket is not None:
            pose = self.pocket.settling(window.start).pose
        return pull_error(tethered, window, objective, gain, pose)

    def _motion(self, batch: Batch, step_ps: float | None = None) -> Motion:
        """How ligands move among the springs of their pockets, without noise."""
        return Motion(
            pull=self._tethered(batch).pull,
            step_ps=step_ps or self.config.step_ps,
            speed=self.config.thermal_speed,
            friction_per_ps=self.config.friction_per_ps,
        )

    def _tethered(self, batch: Batch) -> Tethered:
        return tethered_force(self.binding_net, batch, self.config)
