"""neuralmd-ode: BindingNet driving a second-order ODE (paper, section 4.3)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.bindingnet.protein import EncodedProtein
from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.ode import (
    SOLVERS,
    ForceField,
    NewtonianODE,
    Solver,
    State,
    integrate,
)
from neuralmd_cli.dynamics.restraint import Tethered
from neuralmd_cli.dynamics.velocities import thermal_velocities
from neuralmd_cli.graph import slots

VelocityRule = Literal["zero", "thermal", "learned"]
VELOCITY_RULES = ("zero", "thermal", "learned")


@dataclass(frozen=True, kw_only=True)
class NeuralODEConfig:
    """Everything but the tensors of a neuralmd-ode checkpoint.

    Two time conventions exist. `consistent`: velocity, force and time share one unit,
    1 ps. `published`: one unit is `ps_per_time_unit` and the velocity from two
    snapshots is not scaled to it, as in the authors' release.
    """

    binding_net: BindingNetConfig = field(default_factory=BindingNetConfig)
    time_convention: Literal["consistent", "published"] = "consistent"
    ps_per_time_unit: float = 1.0
    solver: Solver = "euler"
    step_ps: float = 40.0
    friction_per_ps: float = 0.0
    tether_per_ps2: float = 0.0  # 0: no tether
    reach: float = 2.0  # Å, of the tether
    velocity_rule: VelocityRule = "zero"
    initial_velocity_network: bool = False
    velocity_refinement: float = 0.0  # the paper's alpha; 0: no network
    thermal_speed: float = 0.0  # Å/ps; 0: not known for this checkpoint
    trained_elements: tuple[int, ...] = ()  # Z of every ligand element seen

    def __post_init__(self) -> None:
        known = {
            "solver": SOLVERS,
            "velocity_rule": VELOCITY_RULES,
            "time_convention": ("consistent", "published"),
        }
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}")
        for name in ("ps_per_time_unit", "step_ps", "reach"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)!r}")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "NeuralODEConfig":
        """Rebuild from `to_dict`; unknown or missing names raise TypeError."""
        binding_net = BindingNetConfig(**values["binding_net"])
        elements = tuple(values["trained_elements"])
        rest = values | {"binding_net": binding_net, "trained_elements": elements}
        return cls(**rest)


class NeuralODE(nn.Module):
    """BindingNet's forces, friction and tether as one differential equation."""

    def __init__(self, config: NeuralODEConfig) -> None:
        super().__init__()
        self.config = config
        self.binding_net = BindingNet(config.binding_net)
        if config.initial_velocity_network:
            self.initial_velocity = LigandEncoder(config.binding_net)
        if config.velocity_refinement:
            self.velocity_refinement = LigandEncoder(config.binding_net)

    def initial_velocities(
        self,
        batch: Batch,
        rule: VelocityRule,
        generators: Sequence[torch.Generator],
    ) -> Float[Tensor, "atoms 3"]:
        """Velocities (Å/ps) for a start from one structure.

        Args:
            batch: complexes at their start, centred.
            rule: zero, thermal (drawn) or learned (a network's answer).
            generators: one CPU generator per complex, used by `thermal`.

        Raises:
            ValueError: this model has no network or no thermal speed for the rule.
        """
        if rule == "zero":
            return torch.zeros_like(batch.positions)
        if rule == "thermal":
            if not self.config.thermal_speed:
                raise ValueError("this model has no thermal speed")
            return self._thermal(batch, generators)
        if not self.can_learn_velocity:
            raise ValueError("this model has no network for initial velocities")
        rows = slots(batch.atom_complex, batch.n_complexes)
        learned = self.initial_velocity(batch.atomic_numbers, batch.positions, rows)
        speed: Tensor = learned.forces * self.config.thermal_speed
        return speed

    @property
    def can_learn_velocity(self) -> bool:
        """True if `learned` works from one structure.

        The published velocity network reads a displacement between two snapshots,
        which a single structure does not have.
        """
        published = self.config.binding_net.is_published
        return self.config.initial_velocity_network and not published

    def rollout(
        self,
        batch: Batch,
        velocities: Float[Tensor, "atoms 3"],
        times: Sequence[float],
        *,
        solver: Solver | None = None,
        step_ps: float | None = None,
    ) -> Iterator[State]:
        """Yield velocities (Å/ps) and positions (Å) at each of `times` (ps).

        The proteins are encoded once, before the first step.
        """
        dynamics = self.dynamics(batch)
        return integrate(
            dynamics.derivative,
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

    def pull(self, batch: Batch) -> Float[Tensor, "atoms 3"]:
        """Displacement (Å) that the force at the start would hold, if it stayed."""
        tethered = self._tethered(self._forces(batch), batch)
        return tethered.pull(batch.positions.new_zeros(()), batch.positions)

    def _forces(self, batch: Batch) -> "_BindingForce":
        return _BindingForce(
            binding_net=self.binding_net,
            batch=batch,
            protein=self.binding_net.encode_protein(batch),
            unit=self.config.ps_per_time_unit**-2,
        )

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

    def _thermal(
        self, batch: Batch, generators: Sequence[torch.Generator]
    ) -> Float[Tensor, "atoms 3"]:
        parts = []
        for index, generator in enumerate(generators):
            own = batch.atom_complex == index
            first = int(own.nonzero()[0])
            bonds = batch.bonds[own[batch.bonds[:, 0]]] - first
            parts.append(
                thermal_velocities(
                    batch.positions[own],
                    batch.masses[own],
                    bonds,
                    self.config.thermal_speed,
                    generator,
                )
            )
        return torch.cat(parts)


@dataclass(frozen=True, kw_only=True)
class _BindingForce:
    """BindingNet with its proteins encoded, as a force field in amu Å ps⁻²."""

    binding_net: BindingNet
    batch: Batch
    protein: EncodedProtein
    unit: float

    def __call__(
        self, time: Float[Tensor, ""], positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        forces = self.binding_net.forces(self.batch, positions, self.protein)
        return forces * self.unit


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
