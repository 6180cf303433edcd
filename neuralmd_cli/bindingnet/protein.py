"""The protein module: backbone atoms to one representation per residue.

The protein is rigid, so this runs once per rollout.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.layers import AxisMixer, RadialBasis, cosine_cutoff
from neuralmd_cli.bindingnet.neighbours import neighbour_pairs
from neuralmd_cli.complex import Batch
from neuralmd_cli.graph import Pairs, Slots, slots, sum_to, take
from neuralmd_cli.local_frames import (
    backbone_frames,
    backbone_frames_published,
    residue_frames,
    residue_frames_published,
    scalarise,
    unit,
)

RESIDUE_TYPES = 26
SLOPE = 0.1
"""Negative slope of the leaky ReLUs."""


@dataclass(frozen=True, kw_only=True)
class EncodedProtein:
    """A rigid protein as the complex module sees it."""

    ca: Float[Tensor, "residues 3"]  # Å
    features: Float[Tensor, "residues channels"]
    frames: Float[Tensor, "residues 3 3"]
    slots: Slots


class ProteinEncoder(nn.Module):
    """BindingNet-Protein (paper, section 4.2 and eq. 7)."""

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__()
        self.config = config
        size, radial = config.channels, config.radial_functions
        published = config.is_published
        self.atoms = nn.Embedding(3, size)  # N, CA, C
        self.neighbour_basis = RadialBasis(radial, config.cutoff)
        self.neighbour_radial = nn.Linear(radial, size)
        self.bond_basis = RadialBasis(radial, config.cutoff)
        self.bond_radial = nn.Linear(radial, size)
        # A bias on a row of coordinates points somewhere, so only the published
        # variant has one.
        self.vector_mix = nn.Linear(size, size, bias=published)
        self.axis_mixer = AxisMixer(32)
        self.bond_mlp = nn.ModuleList(
            [
                nn.BatchNorm1d(size, momentum=0.2) if published else nn.LayerNorm(size),
                nn.Linear(size, 2 * size),
                nn.BatchNorm1d(2 * size, momentum=0.2)
                if published
                else nn.LayerNorm(2 * size),
                nn.Linear(2 * size, size),
            ]
        )
        self.residues = nn.Embedding(RESIDUE_TYPES, size)

    def forward(self, batch: Batch) -> EncodedProtein:
        """Encode the proteins of a batch; coordinates in Å."""
        atoms = torch.stack([batch.n, batch.ca, batch.c], dim=1)
        flat = atoms.reshape(-1, 3)
        rows = slots(batch.residue_complex.repeat_interleave(3), batch.n_complexes)
        pairs = neighbour_pairs(flat, rows, self.config)
        difference = take(flat, pairs.source) - take(flat, pairs.target)
        distance = torch.linalg.vector_norm(difference, dim=-1)
        features = self._neighbourhoods(len(atoms), pairs, distance)

        surroundings = None
        if not self.config.is_published:
            surroundings = self._surroundings(features, pairs, difference, distance)
        frames = self._backbone_frames(batch)
        bonds = [
            self._bond(atoms, features, surroundings, frames, first) for first in (0, 1)
        ]
        return EncodedProtein(
            ca=batch.ca,
            features=0.5 * (bonds[0] + bonds[1]) + self.residues(batch.residue_types),
            frames=self._residue_frames(batch),
            slots=slots(batch.residue_complex, batch.n_complexes),
        )

    def _neighbourhoods(
        self, residues: int, pairs: Pairs, distance: Float[Tensor, " pairs"]
    ) -> Float[Tensor, "residues 3 channels"]:
        """Mean over neighbours of own plus radially weighted neighbour embedding."""
        kind = torch.arange(3, device=distance.device).repeat(residues)
        own = self.atoms(kind)
        weight = self.neighbour_radial(self.neighbour_basis(distance))
        message = take(own, pairs.target) + take(own, pairs.source) * weight
        if self.config.is_published:
            share = torch.ones_like(distance)
        else:
            share = cosine_cutoff(distance, self.config.cutoff)
        total = sum_to(message * share[:, None], pairs.target, len(own))
        count = sum_to(share, pairs.target, len(own)).clamp(min=1.0)
        return (total / count[:, None]).reshape(residues, 3, self.config.channels)

    def _surroundings(
        self,
        features: Float[Tensor, "residues 3 channels"],
        pairs: Pairs,
        difference: Float[Tensor, "pairs 3"],
        distance: Float[Tensor, " pairs"],
    ) -> Float[Tensor, "residues 3 3 channels"]:
        """Where each backbone atom has its neighbours: the sum over (x_j - x_i) z_j."""
        flat = features.flatten(0, 1)
        weight = self.bond_radial(self.bond_basis(distance)) * take(flat, pairs.source)
        weight = weight * cosine_cutoff(distance, self.config.cutoff)[:, None]
        vectors = unit(difference)[:, :, None] * weight[:, None, :]
        return sum_to(vectors, pairs.target, len(flat)).reshape(
            len(features), 3, 3, self.config.channels
        )

    def _bond(
        self,
        atoms: Float[Tensor, "residues 3 3"],
        features: Float[Tensor, "residues 3 channels"],
        surroundings: Float[Tensor, "residues 3 3 channels"] | None,
        frames: Float[Tensor, "residues 3 3"],
        first: int,
    ) -> Float[Tensor, "residues channels"]:
        """Invariants of the bond N-CA (`first` 0) or CA-C (1) in the residue frame."""
        bond = atoms[:, first + 1] - atoms[:, first]
        radial = self.bond_radial(
            self.bond_basis(torch.linalg.vector_norm(bond, dim=-1))
        )
        weight = radial * features[:, first] * features[:, first + 1]
        vectors = bond[:, :, None] * weight[:, None, :]
        if surroundings is None:
            vectors = leaky_relu(vectors, SLOPE)
        else:
            vectors = vectors + surroundings[:, first] + surroundings[:, first + 1]
        vectors = self.vector_mix(vectors)
        hidden = self.axis_mixer(scalarise(vectors, frames))
        norm_in, widen, norm_out, narrow = self.bond_mlp
        hidden = widen(leaky_relu(norm_in(hidden), SLOPE))
        out: Tensor = narrow(leaky_relu(norm_out(hidden), SLOPE))
        return out

    def _backbone_frames(self, batch: Batch) -> Float[Tensor, "residues 3 3"]:
        if self.config.is_published:
            return backbone_frames_published(batch.n, batch.ca, batch.c)
        return backbone_frames(batch.n, batch.ca, batch.c)

    def _residue_frames(self, batch: Batch) -> Float[Tensor, "residues 3 3"]:
        if self.config.is_published:
            return residue_frames_published(batch.ca, batch.residue_complex)
        return residue_frames(batch.n, batch.ca, batch.c, batch.segments)
