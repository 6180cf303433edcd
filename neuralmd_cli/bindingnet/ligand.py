"""The ligand module: atoms within the cutoff, their frames, message passing."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import silu

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.layers import (
    AxisMixer,
    EmbeddedRadial,
    EquivariantMessage,
    GatedVector,
    RadialBasis,
    cosine_cutoff,
)
from neuralmd_cli.bindingnet.neighbours import neighbour_pairs
from neuralmd_cli.graph import Pairs, Slots, sum_to, take
from neuralmd_cli.local_frames import (
    COINCIDENT,
    edge_frames,
    edge_frames_published,
    scalarise,
    smooth_unit,
    unit,
)

ELEMENTS = 95
"""Rows of an element embedding; row Z - 1 is element Z."""


@dataclass(frozen=True, kw_only=True)
class LigandFeatures:
    """What the ligand module knows about each atom."""

    scalars: Float[Tensor, "atoms channels"]
    vectors: Float[Tensor, "atoms 3 channels"]
    forces: Float[Tensor, "atoms 3"]  # model units


class LigandEncoder(nn.Module):
    """BindingNet-Ligand (paper, section 4.2 and eq. 6, 32).

    Also serves, with weights of its own, as the velocity networks of section 4.3.

    Args:
        config: sizes and variant.
        envelope_power: of the cosine cutoff under every message; 2 for an output
            whose slope must be as smooth as otherwise the output is.
    """

    def __init__(self, config: BindingNetConfig, *, envelope_power: int = 1) -> None:
        super().__init__()
        self.config = config
        self.envelope_power = envelope_power
        size, radial = config.channels, config.radial_functions
        edge_in = 3 * size + radial
        self.elements = nn.Embedding(ELEMENTS, size)
        self.neighbour_elements = nn.Embedding(ELEMENTS, size)
        self.radial_basis = RadialBasis(radial, config.cutoff)
        self.radial = EmbeddedRadial(config)
        self.vector_seed = nn.Linear(size, size)
        self.axis_mixer = AxisMixer(size // 4)
        self.edge = nn.Linear(edge_in, edge_in // 2)
        self.messages = nn.ModuleList(
            EquivariantMessage(config, edge_in // 2)
            for _ in range(config.ligand_layers)
        )
        self.force_head = GatedVector(config)
        if config.is_published:
            self.energy_head = nn.Linear(size, 1)

    def forward(
        self,
        atomic_numbers: Int[Tensor, " atoms"],
        positions: Float[Tensor, "atoms 3"],
        atom_slots: Slots,
        condition: Float[Tensor, "atoms channels"] | None = None,
        pairs: Pairs | None = None,
    ) -> LigandFeatures:
        """Features and internal forces of every ligand atom.

        Args:
            atomic_numbers: Z of each atom.
            positions: Å. The published variant needs them centred.
            atom_slots: which atoms belong to which complex.
            condition: what else an atom should know, added to its element's features.
            pairs: the graph, for a rule that `NeighbourCap` does not have; by default
                the one of these positions.
        """
        cutoff = self.config.cutoff
        if pairs is None:
            pairs = neighbour_pairs(positions, atom_slots, self.config)
        difference = take(positions, pairs.source) - take(positions, pairs.target)
        distance = torch.linalg.vector_norm(difference, dim=-1)
        envelope = cosine_cutoff(distance, cutoff) ** self.envelope_power
        radial = self.radial_basis(distance)
        weight = self.radial(radial, envelope)
        direction = self._directions(difference)

        own = self.elements(atomic_numbers - 1)
        if condition is not None:
            own = own + condition
        scalars = own + sum_to(
            weight * take(self.neighbour_elements(atomic_numbers - 1), pairs.source),
            pairs.target,
            len(positions),
        )
        seed = weight * take(silu(self.vector_seed(scalars)), pairs.source)
        seeds = sum_to(
            direction[:, :, None] * seed[:, None, :], pairs.target, len(positions)
        )
        frames = self._frames(positions, pairs, direction, envelope)
        both = torch.cat([take(seeds, pairs.source), take(seeds, pairs.target)], dim=-1)
        invariants = self.axis_mixer(scalarise(both, frames)) * envelope[:, None]
        edge = silu(self.edge(torch.cat([invariants, weight, radial], dim=-1)))

        vectors = torch.zeros_like(seeds)
        for message in self.messages:
            scalars, vectors = message(
                scalars, vectors, pairs, direction, radial, edge, envelope
            )
        return LigandFeatures(
            scalars=scalars, vectors=vectors, forces=self.force_head(scalars, vectors)
        )

    def energies(
        self, features: LigandFeatures, atom_complex: Int[Tensor, " atoms"], rows: int
    ) -> Float[Tensor, " rows"]:
        """One number per complex; only the published variant has this head."""
        return sum_to(self.energy_head(features.scalars), atom_complex, rows)[:, 0]

    def _directions(
        self, difference: Float[Tensor, "pairs 3"]
    ) -> Float[Tensor, "pairs 3"]:
        if self.config.is_published:
            return unit(difference)
        return smooth_unit(difference, COINCIDENT)

    def _frames(
        self,
        positions: Float[Tensor, "atoms 3"],
        pairs: Pairs,
        direction: Float[Tensor, "pairs 3"],
        envelope: Float[Tensor, " pairs"],
    ) -> Float[Tensor, "pairs 3 3"]:
        if self.config.is_published:
            return edge_frames_published(
                take(positions, pairs.source), take(positions, pairs.target)
            )
        surrounding = sum_to(
            direction * envelope[:, None], pairs.target, len(positions)
        )
        return edge_frames(
            direction,
            take(surrounding, pairs.source),
            take(surrounding, pairs.target),
        )
