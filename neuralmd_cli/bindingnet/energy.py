"""BindingNet as an energy: invariants of each atom instead of forces on it."""

from jaxtyping import Float
from torch import Tensor, nn

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.interaction import PairLayer, PublishedHead, near_residues
from neuralmd_cli.bindingnet.layers import AxisMixer
from neuralmd_cli.bindingnet.ligand import LigandEncoder, LigandFeatures
from neuralmd_cli.bindingnet.protein import EncodedProtein, ProteinEncoder
from neuralmd_cli.complex import Batch
from neuralmd_cli.graph import Pairs, Slots, slots, sum_to

SMOOTH = 2
"""Power of the cutoff under every message.

The force is the slope of the energy, so for a force with a slope of its own at the
cutoff the energy needs one derivative more than the cosine has there.
"""


class EnergyLayer(PairLayer):
    """One round of invariant messages from residues to ligand atoms."""

    energy_mixer: AxisMixer

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__(config, ("energy_mixer",))

    def forward(
        self,
        scalars: Float[Tensor, "atoms channels"],
        protein: EncodedProtein,
        pairs: Pairs,
        difference: Float[Tensor, "pairs 3"],
    ) -> Float[Tensor, "atoms channels"]:
        """Return the updated scalars."""
        seen = self.view(scalars, protein, pairs, difference)
        message = self.energy_mixer(seen.components) * seen.share**SMOOTH
        return scalars + sum_to(message, pairs.target, len(scalars))


class EnergyInteraction(nn.Module):
    """BindingNet-Complex without vectors: every residue adds to an atom's scalars."""

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(
            EnergyLayer(config) for _ in range(config.complex_layers)
        )
        if config.is_published:
            # The authors' state dicts hold it, and nothing reads it.
            self.force_head = PublishedHead(config)

    def forward(
        self,
        positions: Float[Tensor, "atoms 3"],
        atom_slots: Slots,
        ligand: LigandFeatures,
        protein: EncodedProtein,
    ) -> Float[Tensor, "atoms channels"]:
        """Invariants of each ligand atom in its pocket.

        Args:
            positions: of the ligand atoms, Å.
            atom_slots: which atoms belong to which complex.
            ligand, protein: what the two encoders made of either.
        """
        pairs, difference = near_residues(positions, atom_slots, protein, self.config)
        scalars = ligand.scalars
        for layer in self.layers:
            scalars = layer(scalars, protein, pairs, difference)
        return scalars


class EnergyNet(nn.Module):
    """Invariants of a ligand's atoms in a rigid protein, for an energy."""

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__()
        self.config = config
        power = 1 if config.is_published else SMOOTH
        self.ligand = LigandEncoder(config, envelope_power=power)
        self.protein = ProteinEncoder(config)
        self.interaction = EnergyInteraction(config)

    def encode_protein(self, batch: Batch) -> EncodedProtein:
        """Represent the rigid proteins; do this once per rollout."""
        encoded: EncodedProtein = self.protein(batch)
        return encoded

    def scalars(
        self,
        batch: Batch,
        positions: Float[Tensor, "atoms 3"],
        protein: EncodedProtein,
    ) -> Float[Tensor, "complexes channels"]:
        """Sum of the invariants over the atoms of each complex.

        Args:
            batch: the complexes; its own ligand positions are not read.
            positions: where the ligand atoms are now, Å.
            protein: from `encode_protein(batch)`.
        """
        atoms = self.atom_scalars(batch, positions, protein)
        return sum_to(atoms, batch.atom_complex, batch.n_complexes)

    def atom_scalars(
        self,
        batch: Batch,
        positions: Float[Tensor, "atoms 3"],
        protein: EncodedProtein,
    ) -> Float[Tensor, "atoms channels"]:
        """The invariants of each atom; arguments as in `scalars`."""
        atom_slots = slots(batch.atom_complex, batch.n_complexes)
        ligand = self.ligand(batch.atomic_numbers, positions, atom_slots)
        scalars: Tensor = self.interaction(positions, atom_slots, ligand, protein)
        return scalars
