"""BindingNet as a force field, its proteins encoded once."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.bindingnet.protein import EncodedProtein
from neuralmd_cli.complex import Batch


@dataclass(frozen=True, kw_only=True)
class BindingForce:
    """Forces of BindingNet (eq. 9) on the ligands of a batch, amu Å ps⁻²."""

    binding_net: BindingNet
    batch: Batch
    protein: EncodedProtein
    unit: float  # amu Å ps⁻² per unit of the network's output

    def __call__(
        self, time: Float[Tensor, ""], positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        """Return forces; they do not depend on time."""
        forces = self.binding_net.forces(self.batch, positions, self.protein)
        return forces * self.unit


def binding_force(
    binding_net: BindingNet, batch: Batch, *, unit: float = 1.0
) -> BindingForce:
    """Encode the proteins of a batch and return the forces in their pockets."""
    return BindingForce(
        binding_net=binding_net,
        batch=batch,
        protein=binding_net.encode_protein(batch),
        unit=unit,
    )
