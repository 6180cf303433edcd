"""BindingNet: the three encoders joined."""

from jaxtyping import Float
from torch import Tensor, nn

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.interaction import Interaction
from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.bindingnet.protein import EncodedProtein, ProteinEncoder
from neuralmd_cli.complex import Batch
from neuralmd_cli.graph import slots


class BindingNet(nn.Module):
    """Forces on a ligand in a rigid protein (paper, sections 4.1 and 4.2)."""

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__()
        self.config = config
        self.ligand = LigandEncoder(config)
        self.protein = ProteinEncoder(config)
        self.interaction = Interaction(config)

    def encode_protein(self, batch: Batch) -> EncodedProtein:
        """Represent the rigid proteins; do this once per rollout."""
        encoded: EncodedProtein = self.protein(batch)
        return encoded

    def forces(
        self,
        batch: Batch,
        positions: Float[Tensor, "atoms 3"],
        protein: EncodedProtein,
        condition: Float[Tensor, "atoms channels"] | None = None,
    ) -> Float[Tensor, "atoms 3"]:
        """Force on each ligand atom (eq. 9), amu Å per (time unit)².

        Args:
            batch: the complexes; its own ligand positions are not read.
            positions: where the ligand atoms are now, Å.
            protein: from `encode_protein(batch)`.
            condition: what else an atom should know, such as how noisy its position is.
        """
        atom_slots = slots(batch.atom_complex, batch.n_complexes)
        ligand = self.ligand(batch.atomic_numbers, positions, atom_slots, condition)
        force: Tensor = self.interaction(positions, atom_slots, ligand, protein)
        return force * self.config.force_scale
