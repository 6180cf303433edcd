"""BindingNet as a force field, prepared once for the pockets of a batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.engine.forces import EngineForces, is_covered
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.complex import Batch


@runtime_checkable
class Forces(Protocol):
    """BindingNet's forces in the pockets of a batch, in the network's unit."""

    def __call__(
        self,
        positions: Float[Tensor, "atoms 3"],
        condition: Float[Tensor, "atoms channels"] | None = None,
    ) -> Float[Tensor, "atoms 3"]:
        """Forces at positions (Å); `condition` as in `BindingNet.forces`."""
        ...


@dataclass(frozen=True, kw_only=True)
class BindingForce:
    """Forces of BindingNet (eq. 9) on the ligands of a batch, amu Å ps⁻²."""

    forces: Callable[[Tensor], Tensor]  # of positions (Å), in the network's unit
    unit: float  # amu Å ps⁻² per unit of the network's output

    def __call__(
        self, time: Float[Tensor, ""], positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        """Return forces; they do not depend on time."""
        return self.forces(positions) * self.unit


def binding_force(
    binding_net: BindingNet, batch: Batch, *, unit: float = 1.0
) -> BindingForce:
    """The forces in the pockets of a batch, what does not change computed once.

    By the engine where it covers the network, and in full precision: autocast would
    round the matrices that it multiplies out beforehand. A subclass of the network
    that evaluates in its own way keeps it.
    """
    return BindingForce(forces=prepared_forces(binding_net, batch), unit=unit)


def prepared_forces(binding_net: BindingNet, batch: Batch) -> Forces:
    """The forces in the network's unit, by the engine where `binding_force` says so."""
    device = batch.positions.device.type
    plain = type(binding_net) is not BindingNet or torch.is_autocast_enabled(device)
    if is_covered(binding_net.config) and not plain:
        return EngineForces(binding_net, batch)
    return plain_forces(binding_net, batch)


def plain_forces(binding_net: BindingNet, batch: Batch) -> Forces:
    """The network as its equations are written, proteins encoded once."""
    protein = binding_net.encode_protein(batch)

    def forces(positions: Tensor, condition: Tensor | None = None) -> Tensor:
        return binding_net.forces(batch, positions, protein, condition)

    return forces
