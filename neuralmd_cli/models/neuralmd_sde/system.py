"""neuralmd-sde: BindingNet driving a second-order SDE (paper, eq. 11 and 37)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.dynamics.ode import NewtonianODE, integrate
from neuralmd_cli.models.binding_force import binding_force
from neuralmd_cli.models.initial_velocity import check_rule, initial_velocities
from neuralmd_cli.models.neuralmd_sde.config import NeuralSDEConfig
from neuralmd_cli.models.neuralmd_sde.published import NoisyForce, atom_scale
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
from neuralmd_cli.models.thermal import normal_draws


class NeuralSDE(TrainableSystem):
    """BindingNet's forces and noise as one stochastic differential equation."""

    name: ClassVar[str] = "neuralmd-sde"
    summary: ClassVar[str] = "BindingNet's forces in Langevin's equation, with noise"
    adjustable: ClassVar[tuple[str, ...]] = ("v0", "step_ps")

    def __init__(self, config: NeuralSDEConfig) -> None:
        super().__init__()
        if not config.is_published:
            raise ValueError("noise 'langevin' is not part of this version")
        self.config: NeuralSDEConfig = config
        self.binding_net = BindingNet(config.binding_net)
        self.noise_network = LigandEncoder(config.binding_net)
        if config.is_published:
            self.noise_scale = nn.Parameter(torch.zeros(config.noise_rows, 3))
        if config.initial_velocity_network:
            self.initial_velocity = LigandEncoder(config.binding_net)

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
        """Only the published ways, whose constants the options give."""
        constants: dict[str, Any] = {
            "binding_net": binding_net,
            "trained_elements": statistics.elements,
        }
        return cls(NeuralSDEConfig(**(constants | dict(options))))

    @property
    def defaults(self) -> Settings:
        """As the checkpoint was trained."""
        return Settings(v0=self.config.velocity_rule, step_ps=self.config.step_ps)

    def settled(self, settings: Settings) -> Settings:
        """Fill in what is open; refuse a rule these weights have nothing for."""
        settled = super().settled(settings)
        check_rule(self.config, settled.v0)
        return settled

    def is_random(self, settings: Settings) -> bool:
        """Noise is the point of it."""
        return True

    def constants(self) -> dict[str, Any]:
        """The kind of noise and the convention of time."""
        return {
            "noise": self.config.noise,
            "time_convention": self.config.time_convention,
        }

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """Integrate the equation; the proteins are encoded once."""
        rule = settings.v0 or self.config.velocity_rule
        velocities = self.initial_velocities(start, rule)

        def draw() -> Tensor:
            return normal_draws(
                start.batch, start.generators, self.config.noise_columns
            )

        return self.solve_published(
            start.batch, velocities, times, draw=draw, step_ps=settings.step_ps
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

    def solve_published(
        self,
        batch: Batch,
        velocities: Float[Tensor, "atoms 3"],
        times: Sequence[float],
        *,
        draw: Callable[[], Tensor],
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

    def published_dynamics(
        self, batch: Batch, draw: Callable[[], Tensor]
    ) -> NewtonianODE:
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
        """The error along a noisy rollout, as the authors train it."""
        rules = objective.velocity_rules
        drawn = int(torch.randint(len(rules), (), generator=generator))
        settings = Settings(v0=rules[drawn])
        states = list(self.rollout(window.start, window.times, settings))
        positions = torch.stack([x for _, x in states])
        return pose_loss(positions, window.targets, window, objective)
