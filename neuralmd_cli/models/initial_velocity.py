"""Where the first velocity comes from, for systems that integrate velocities."""

from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.complex import Batch
from neuralmd_cli.errors import InputError
from neuralmd_cli.graph import slots
from neuralmd_cli.models.system import Start, VelocityRule
from neuralmd_cli.models.thermal import batch_thermal_velocities


@runtime_checkable
class VelocityConfig(Protocol):
    """What a config says about velocities."""

    @property
    def binding_net(self) -> BindingNetConfig:
        """Sizes and variant of the network."""
        ...

    @property
    def time_convention(self) -> Literal["consistent", "published"]:
        """Whether a displacement is scaled to the unit of time."""
        ...

    @property
    def ps_per_time_unit(self) -> float:
        """Size of the model's unit of time."""
        ...

    @property
    def initial_velocity_network(self) -> bool:
        """True if there is a network for the rule `learned`."""
        ...

    @property
    def thermal_speed(self) -> float:
        """Å/ps; 0: not known."""
        ...


def check_rule(config: VelocityConfig, rule: VelocityRule | None) -> None:
    """Refuse a rule these weights have nothing for.

    Raises:
        InputError: there is no thermal speed, or no network.
    """
    if rule == "thermal" and not config.thermal_speed:
        raise InputError(
            "--v0 thermal: these weights state no thermal speed.",
            hint="Use --v0 zero.",
        )
    if rule == "learned" and not config.initial_velocity_network:
        raise InputError(
            "--v0 learned: these weights have no network for initial velocities.",
            hint="Use --v0 zero" + (" or thermal." if config.thermal_speed else "."),
        )


def initial_velocities(
    config: VelocityConfig,
    network: LigandEncoder | None,
    start: Start,
    rule: VelocityRule,
) -> Float[Tensor, "atoms 3"]:
    """Velocities (Å/ps) at the start.

    `learned` is BindingNet-Ligand's answer: for the displacement, in the published
    variant (section 4.3); for the structure alone, in ours.

    Args:
        config: of the system.
        network: for `learned`, if there is one.
        start: the complexes, and the displacement before if one was seen.
        rule: which of them.

    Raises:
        InputError: the rule needs a network, or a second snapshot, and there is none.
    """
    batch = start.batch
    if rule == "zero":
        return torch.zeros_like(batch.positions)
    if rule == "thermal":
        return batch_thermal_velocities(batch, config.thermal_speed, start.generators)
    if rule == "learned":
        check_rule(config, rule)
    published = config.binding_net.is_published
    if rule == "learned" and network is not None and not published:
        return _answer(network, batch, batch.positions) * config.thermal_speed
    if start.displacement is None or start.spacing_ps is None:
        raise InputError(
            f"--v0 {rule}: these weights take the velocity from two snapshots, and "
            "a structure file holds one.",
            hint="Use --v0 zero.",
        )
    if rule == "learned" and network is not None:
        return _answer(network, batch, start.displacement) / config.ps_per_time_unit
    if config.time_convention == "published":
        return start.displacement / config.ps_per_time_unit
    return start.displacement / start.spacing_ps


def _answer(
    network: LigandEncoder, batch: Batch, positions: Float[Tensor, "atoms 3"]
) -> Float[Tensor, "atoms 3"]:
    rows = slots(batch.atom_complex, batch.n_complexes)
    velocities: Tensor = network(batch.atomic_numbers, positions, rows).forces
    return velocities
