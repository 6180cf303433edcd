"""The complex module: residue-atom pairs to the force on each ligand atom."""

from dataclasses import dataclass

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


@dataclass(frozen=True, kw_only=True)
class PairView:
    """What a residue sees of a ligand atom near it, and the other way round."""

    components: Float[Tensor, "pairs 3 channels"]  # in the residue's frame
    direction: Float[Tensor, "pairs 3"]  # from the CA to the atom
    share: Float[Tensor, "pairs 1"]  # 1 nearby, 0 at the cutoff


class PairLayer(nn.Module):
    """The part of a round of messages that needs the geometry of residue and atom."""

    def __init__(self, config: BindingNetConfig, mixers: tuple[str, ...]) -> None:
        super().__init__()
        self.config = config
        size = config.channels
        self.pair = nn.Sequential(
            nn.Linear(size, size), nn.SiLU(), nn.Linear(size, size)
        )
        for name in mixers:
            self.add_module(name, AxisMixer(size // 4))
        if not config.is_published:
            self.radial_basis = RadialBasis(config.radial_functions, config.pair_cutoff)
            self.radial = nn.Linear(config.radial_functions, size)

    def view(
        self,
        scalars: Float[Tensor, "atoms channels"],
        protein: EncodedProtein,
        pairs: Pairs,
        difference: Float[Tensor, "pairs 3"],
    ) -> PairView:
        """Scalarise the pairs (eq. 8 and 33).

        Args:
            scalars: of the ligand atoms.
            protein: encoded.
            pairs: from residues to atoms.
            difference: atom less CA, Å.
        """
        hidden = self.pair(
            take(scalars, pairs.target) + take(protein.features, pairs.source)
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
        return PairView(
            components=components.transpose(1, 2) * hidden[:, None, :],
            direction=direction,
            share=share,
        )


class InteractionLayer(PairLayer):
    """One round of messages from residues to ligand atoms (eq. 8 and 33)."""

    own_mixer: AxisMixer
    pair_mixer: AxisMixer

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__(config, ("own_mixer", "pair_mixer"))

    def forward(
        self,
        vectors: Float[Tensor, "atoms 3 channels"],
        ligand: LigandFeatures,
        protein: EncodedProtein,
        pairs: Pairs,
        difference: Float[Tensor, "pairs 3"],
    ) -> Float[Tensor, "atoms 3 channels"]:
        """Return the updated vectors."""
        seen = self.view(ligand.scalars, protein, pairs, difference)
        own = self.own_mixer(seen.components)[:, None, :] * take(vectors, pairs.target)
        pair = self.pair_mixer(seen.components)
        along = seen.direction[:, :, None] * pair[:, None, :]
        message = (own + along) * seen.share[:, :, None]
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


def near_residues(
    positions: Float[Tensor, "atoms 3"],
    atom_slots: Slots,
    protein: EncodedProtein,
    config: BindingNetConfig,
) -> tuple[Pairs, Float[Tensor, "pairs 3"]]:
    """Pairs of a residue and a ligand atom near its CA, and atom less CA in Å."""
    pairs = pocket_pairs(protein.ca, protein.slots, positions, atom_slots, config)
    return pairs, take(positions, pairs.target) - take(protein.ca, pairs.source)


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
        pairs, difference = near_residues(positions, atom_slots, protein, self.config)
        vectors = ligand.vectors
        if self.config.is_published:
            vectors = torch.zeros_like(vectors)
        for layer in self.layers:
            vectors = layer(vectors, ligand, protein, pairs, difference)
        force: Tensor = self.force_head(ligand.scalars, vectors)
        return force + ligand.forces
