"""The complex module: residue-atom pairs to the force on each ligand atom."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.layers import (
    AxisMixer,
    GatedVector,
    RadialBasis,
    cosine_cutoff,
)
from neuralmd_cli.bindingnet.ligand import LigandFeatures
from neuralmd_cli.bindingnet.neighbours import pocket_pairs
from neuralmd_cli.bindingnet.protein import SLOPE, EncodedProtein
from neuralmd_cli.graph import Pairs, Slots, sum_to, take
from neuralmd_cli.local_frames import COINCIDENT, smooth_unit, unit


class InteractionLayer(nn.Module):
    """One round of messages from residues to ligand atoms (eq. 8 and 33)."""

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__()
        self.config = config
        size = config.channels
        self.pair = nn.Sequential(
            nn.Linear(size, size), nn.SiLU(), nn.Linear(size, size)
        )
        self.own_mixer = AxisMixer(size // 4)
        self.pair_mixer = AxisMixer(size // 4)
        if not config.is_published:
            self.radial_basis = RadialBasis(config.radial_functions, config.pair_cutoff)
            self.radial = nn.Linear(config.radial_functions, size)

    def forward(
        self,
        vectors: Float[Tensor, "atoms 3 channels"],
        ligand: LigandFeatures,
        protein: EncodedProtein,
        pairs: Pairs,
        difference: Float[Tensor, "pairs 3"],
    ) -> Float[Tensor, "atoms 3 channels"]:
        """Return the updated vectors."""
        hidden = self.pair(
            take(ligand.scalars, pairs.target) + take(protein.features, pairs.source)
        )
        frames = take(protein.frames, pairs.source)
        if self.config.is_published:
            direction = unit(difference)
            # The frame enters transposed: this is what the checkpoints learned on.
            components = direction[:, None, :] @ frames
            share = torch.ones_like(direction[:, :1])
        else:
            distance = torch.linalg.vector_norm(difference, dim=-1)
            direction = smooth_unit(difference, COINCIDENT)
            hidden = hidden * self.radial(self.radial_basis(distance))
            components = (frames @ direction[:, :, None]).transpose(1, 2)
            share = cosine_cutoff(distance, self.config.pair_cutoff)[:, None]
        scalarised = components.transpose(1, 2) * hidden[:, None, :]
        own = self.own_mixer(scalarised)[:, None, :] * take(vectors, pairs.target)
        along = direction[:, :, None] * self.pair_mixer(scalarised)[:, None, :]
        message = (own + along) * share[:, :, None]
        return vectors + sum_to(message, pairs.target, len(vectors))


class PublishedHead(nn.Module):
    """Vectors to a force with biases on x, y and z, as the checkpoints have it."""

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__()
        self.first = nn.Linear(config.channels, config.channels)
        self.second = nn.Linear(config.channels, 1)

    def forward(
        self,
        scalars: Float[Tensor, "atoms channels"],
        vectors: Float[Tensor, "atoms 3 channels"],
    ) -> Float[Tensor, "atoms 3"]:
        """Return one force per atom; `scalars` is not used."""
        hidden = self.first(leaky_relu(vectors, SLOPE))
        out: Tensor = self.second(leaky_relu(hidden, SLOPE))
        return out.squeeze(-1)


class Interaction(nn.Module):
    """BindingNet-Complex (paper, section 4.2 and eq. 8, 9, 33)."""

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(
            InteractionLayer(config) for _ in range(config.complex_layers)
        )
        self.force_head = (
            PublishedHead(config) if config.is_published else GatedVector(config)
        )

    def forward(
        self,
        positions: Float[Tensor, "atoms 3"],
        atom_slots: Slots,
        ligand: LigandFeatures,
        protein: EncodedProtein,
    ) -> Float[Tensor, "atoms 3"]:
        """Force on each ligand atom, internal plus binding (eq. 9), model units.

        Args:
            positions: of the ligand atoms, Å.
            atom_slots: which atoms belong to which complex.
            ligand, protein: what the two encoders made of either.
        """
        pairs = pocket_pairs(
            protein.ca, protein.slots, positions, atom_slots, self.config
        )
        difference = take(positions, pairs.target) - take(protein.ca, pairs.source)
        vectors = ligand.vectors
        if self.config.is_published:
            vectors = torch.zeros_like(vectors)
        for layer in self.layers:
            vectors = layer(vectors, ligand, protein, pairs, difference)
        force: Tensor = self.force_head(ligand.scalars, vectors)
        return force + ligand.forces
