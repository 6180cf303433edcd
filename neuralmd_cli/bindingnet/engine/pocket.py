"""The complex module on the residues a ligand can reach.

Here the three components of a pair of residue and atom are one direction times the
features of the channel, so a hidden unit of the mixer sees one number per pair times
one per channel.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear, silu

from neuralmd_cli.bindingnet.engine.candidates import Near
from neuralmd_cli.bindingnet.engine.line import Series, series
from neuralmd_cli.bindingnet.engine.radial import Reach, radial_functions, reach
from neuralmd_cli.bindingnet.interaction import Interaction, InteractionLayer
from neuralmd_cli.bindingnet.layers import cosine_cutoff
from neuralmd_cli.bindingnet.ligand import LigandFeatures
from neuralmd_cli.bindingnet.protein import EncodedProtein
from neuralmd_cli.graph import take
from neuralmd_cli.local_frames import COINCIDENT, smooth_unit


@dataclass(frozen=True, kw_only=True)
class PocketEngine:
    """An `Interaction` with the residues of one batch."""

    interaction: Interaction
    protein: EncodedProtein
    residues: tuple[Float[Tensor, "residues channels"], ...]  # projected, per layer
    choice: tuple[tuple[Series, ...], ...]  # for the mixers, per layer; none: exactly
    reach: Reach  # of the radial basis, the same in every layer

    def __call__(self, near: Near, ligand: LigandFeatures) -> Float[Tensor, "atoms 3"]:
        """Force on each ligand atom, internal plus binding (eq. 9), model units.

        Args:
            near: a ligand atom and a residue each.
            ligand: what the ligand module made of the atoms.
        """
        direction = smooth_unit(near.difference, COINCIDENT)
        frames = take(self.protein.frames, near.second)
        along = torch.bmm(frames, direction[:, :, None])[:, :, 0]
        cutoff = self.interaction.config.pair_cutoff
        share = cosine_cutoff(near.distance, cutoff)[:, None]
        vectors = ligand.vectors
        for layer, residues, choice in zip(
            layers(self.interaction), self.residues, self.choice, strict=True
        ):
            hidden = _features(layer, ligand.scalars, residues, near, share, self.reach)
            own, pair = _mixed(layer, choice, along, hidden)
            both = torch.cat(
                [own[:, None, :], direction[:, :, None] * pair[:, None, :]], dim=1
            )
            both = both * share[:, :, None]
            atoms, _, size = vectors.shape
            summed = both.new_zeros(atoms, 4, size).index_add(0, near.first, both)
            vectors = vectors + summed[:, :1] * vectors + summed[:, 1:]
        force: Tensor = self.interaction.force_head(ligand.scalars, vectors)
        return force + ligand.forces


def _features(
    layer: InteractionLayer,
    scalars: Float[Tensor, "atoms channels"],
    residues: Float[Tensor, "residues channels"],
    near: Near,
    cutoff: Float[Tensor, "pairs 1"],
    basis_reach: Reach,
) -> Float[Tensor, "pairs channels"]:
    """What a residue and an atom have in common at their distance."""
    atoms = linear(scalars, layer.pair.get_parameter("0.weight"))
    hidden = silu(take(atoms, near.first) + take(residues, near.second))
    count = basis_reach.count(near.distance)
    radial = linear(
        radial_functions(layer.radial_basis, near.distance, cutoff, count),
        layer.radial.weight[:, :count],
        layer.radial.bias,
    )
    features: Tensor = layer.pair[2](hidden) * radial
    return features


def _mixed(
    layer: InteractionLayer,
    choice: tuple[Series, ...],
    along: Float[Tensor, "pairs 3"],
    hidden: Float[Tensor, "pairs channels"],
) -> tuple[Float[Tensor, "pairs channels"], Float[Tensor, "pairs channels"]]:
    """The answers of `own_mixer` and `pair_mixer`."""
    if choice and len(hidden):
        longest = float(hidden.detach().abs().max())
        for candidate in choice:
            if longest <= candidate.radius:
                own, pair = candidate(along, hidden)
                return own, pair
    components = along[:, :, None] * hidden[:, None, :]
    return layer.own_mixer(components), layer.pair_mixer(components)


def layers(interaction: Interaction) -> list[InteractionLayer]:
    """The rounds of messages of an interaction."""
    return [x for x in interaction.layers if isinstance(x, InteractionLayer)]


def mixer_series(interaction: Interaction) -> tuple[tuple[Series, ...], ...]:
    """For each layer, what may stand for its mixers."""
    return tuple(
        series([layer.own_mixer, layer.pair_mixer]) for layer in layers(interaction)
    )


def pocket_engine(
    interaction: Interaction,
    protein: EncodedProtein,
    choice: tuple[tuple[Series, ...], ...],
) -> PocketEngine:
    """Prepare an interaction for encoded residues.

    Args:
        interaction: of the equivariant variant.
        protein: the residues, of all complexes of a batch.
        choice: what may stand for the mixers of each layer; nothing: they themselves.
    """
    return PocketEngine(
        interaction=interaction,
        protein=protein,
        residues=tuple(
            layer.pair[0](protein.features) for layer in layers(interaction)
        ),
        choice=choice,
        reach=reach(layers(interaction)[0].radial_basis),
    )
