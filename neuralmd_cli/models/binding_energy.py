"""BindingNet as an energy, and as the force field that follows from it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuralmd_cli.bindingnet.energy import EnergyNet
from neuralmd_cli.bindingnet.protein import EncodedProtein
from neuralmd_cli.complex import Batch


@dataclass(frozen=True, kw_only=True)
class BindingEnergy:
    """Energy of the ligands of a batch in their pockets; its slope as a force."""

    binding_net: EnergyNet
    head: nn.Linear
    batch: Batch
    protein: EncodedProtein
    unit: float  # amu Å ps⁻² per unit of the network's energy and Å

    def energy(
        self, positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, " complexes"]:
        """One number per complex, in the network's unit.

        The authors average over a batch; here a complex's energy is its own, and with
        it its forces.
        """
        scalars = self.binding_net.scalars(self.batch, positions, self.protein)
        energy: Tensor = self.head(scalars)
        return energy.squeeze(-1)

    def __call__(
        self, time: Float[Tensor, ""], positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        """Return forces, amu Å ps⁻²; also where gradients are switched off."""
        with torch.enable_grad():
            free = positions.detach().requires_grad_()
            # Complexes do not see each other, so one backward pass serves all.
            total = self.energy(free).sum()
            (slope,) = torch.autograd.grad(total, free)
        return slope * -self.unit
