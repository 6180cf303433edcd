"""The ligand module, each pair of atoms looked at once for both directions.

What differs from `bindingnet.ligand`, where the same numbers come out:

- a distance belongs to two directed pairs; all that follows from it alone is computed
  once, for all layers in one matrix product;
- the frame of the reverse pair is the frame with two axes turned round, so the mixer
  is evaluated as an even and an odd part (`mixing.py`);
- linear layers over concatenated features are split into their blocks; those that
  follow each other without a nonlinearity are multiplied out beforehand, and so are
  constant factors;
- Gaussians of the radial basis that no distance reaches are left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import linear, silu

from neuralmd_cli.bindingnet.engine.candidates import Near
from neuralmd_cli.bindingnet.engine.messages import summed_messages
from neuralmd_cli.bindingnet.engine.mixing import (
    PairMixing,
    exact_mixing,
    grouped_mixing,
    lengths,
    polynomials,
)
from neuralmd_cli.bindingnet.engine.polynomial import Polynomial
from neuralmd_cli.bindingnet.engine.radial import Reach, radial_functions, reach
from neuralmd_cli.bindingnet.layers import EquivariantMessage, cosine_cutoff
from neuralmd_cli.bindingnet.ligand import LigandEncoder, LigandFeatures
from neuralmd_cli.graph import take
from neuralmd_cli.local_frames import COINCIDENT, edge_frames, smooth_unit


@dataclass(frozen=True, kw_only=True)
class Affine:
    """A linear layer made of others."""

    weight: Float[Tensor, "outputs inputs"]
    bias: Float[Tensor, " outputs"]

    def __call__(
        self, x: Float[Tensor, "rows inputs"]
    ) -> Float[Tensor, "rows outputs"]:
        """Apply it."""
        return linear(x, self.weight, self.bias)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One round of messages; constant factors are in `node`."""

    hidden: Affine
    node: Affine
    edge: Affine


@dataclass(frozen=True, kw_only=True)
class LigandEngine:
    """A `LigandEncoder` on the ligands of one batch, weights rearranged."""

    encoder: LigandEncoder
    own: Float[Tensor, "atoms channels"]
    neighbour: Float[Tensor, "atoms channels"]
    of_radial: Float[Tensor, "outputs one_and_radial"]  # hidden of weight, edges
    of_faded: Float[Tensor, "factors one_and_radial"]  # the factors of every layer
    of_hidden: Affine  # to: weight, edge features
    exact: PairMixing
    choice: tuple[Polynomial, ...]  # for the mixer; none: exactly
    layers: tuple[Layer, ...]
    reach: Reach  # of the radial basis

    def told(self, condition: Float[Tensor, "atoms channels"]) -> "LigandEngine":
        """The same, atoms knowing something else as well."""
        return replace(self, own=self.own + condition)

    def __call__(
        self, near: Near, rows: slice, mixing: PairMixing | None
    ) -> tuple[LigandFeatures, PairMixing]:
        """Features and internal forces of some ligands' atoms, and how they mixed.

        Args:
            near: pairs of these atoms, each once.
            rows: of the batch, that these atoms are.
            mixing: as returned by the evaluation before, where there was one.
        """
        own, neighbour = self.own[rows], self.neighbour[rows]
        atoms = len(own)
        encoder, pairs = self.encoder, len(near.distance)
        size = encoder.config.channels
        source = torch.cat([near.first, near.second])
        target = torch.cat([near.second, near.first])
        cutoff = cosine_cutoff(near.distance, encoder.config.cutoff)[:, None]
        envelope = cutoff
        if encoder.envelope_power != 1:
            envelope = cutoff**encoder.envelope_power
        weight, edge, factors = self._of_distance(near.distance, cutoff, envelope)

        forward = smooth_unit(near.difference, COINCIDENT)
        direction = torch.cat([forward, -forward])[:, :, None]

        def weighted(values: Tensor) -> Tensor:
            both = take(values, source).view(2, pairs, size)
            return (both * weight).view(2 * pairs, size)

        scalars = own.index_add(0, target, weighted(neighbour))
        seed = weighted(silu(encoder.vector_seed(scalars)))
        # One sum for seeds and surroundings: a column more.
        outer = (
            direction
            * torch.cat([seed, torch.cat([envelope, envelope])], dim=1)[:, None, :]
        )
        summed = outer.new_zeros(atoms, 3, size + 1).index_add(0, target, outer)
        seeds, around = summed[:, :, :size], summed[:, :, size]
        frames = edge_frames(
            forward, take(around, near.first), take(around, near.second)
        )
        mixing, seeds = self._mixing(seeds, mixing)
        mixed = mixing(seeds, near, frames)
        edges = torch.addcmul(
            edge, mixed.view(2, pairs, edge.shape[1]), envelope
        ).flatten(0, 1)
        features = self._messages(
            scalars, silu(edges), factors, direction, source, target
        )
        return features, mixing

    def _mixing(
        self, seeds: Float[Tensor, "atoms 3 channels"], mixing: PairMixing | None
    ) -> tuple[PairMixing, Float[Tensor, "atoms 3 channels"]]:
        """A mixing that holds for these vectors, and their channels in its order."""
        if not self.choice:
            return self.exact, seeds
        if mixing is not None:
            arranged = mixing.arranged(seeds)
            if mixing.holds(arranged):
                return mixing, arranged
        mixing = grouped_mixing(self.encoder, self.choice, lengths(seeds))
        return mixing, mixing.arranged(seeds)

    def _of_distance(
        self,
        distance: Float[Tensor, " pairs"],
        cutoff: Float[Tensor, "pairs 1"],
        envelope: Float[Tensor, "pairs 1"],
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """The weight, the edge features but for the invariants, and every layer's."""
        size = self.encoder.config.channels
        basis = self.encoder.radial_basis
        count = self.reach.count(distance)
        # A 1 in front for the bias: a matrix product that adds one is slower.
        radial = torch.cat(
            [
                torch.ones_like(cutoff),
                radial_functions(basis, distance, cutoff, count),
            ],
            dim=1,
        )
        product = linear(radial, self.of_radial[:, : count + 1])
        both = self.of_hidden(silu(product[:, :size])) * envelope
        # The envelope is on the few inputs instead of the many outputs.
        factors = linear(radial * envelope, self.of_faded[:, : count + 1])
        widths = [len(x.edge.bias) for x in self.layers]
        edge = product[:, size:] + both[:, size:]
        return both[:, :size], edge, torch.split(factors, widths, dim=1)

    def _messages(
        self,
        scalars: Float[Tensor, "atoms channels"],
        edges: Float[Tensor, "directed edge_channels"],
        factors: tuple[Tensor, ...],
        direction: Float[Tensor, "directed 3 1"],
        source: Int[Tensor, " directed"],
        target: Int[Tensor, " directed"],
    ) -> LigandFeatures:
        atoms, size = scalars.shape
        vectors = scalars.new_zeros(atoms, 3, size)
        for index, (layer, factor) in enumerate(zip(self.layers, factors, strict=True)):
            summed = summed_messages(
                layer.edge(edges),
                factor,
                layer.node(silu(layer.hidden(scalars))),
                vectors if index else None,
                direction,
                source,
                target,
            )
            scalars = scalars + summed[:, 0]
            vectors = vectors + summed[:, 1:]
        forces = self.encoder.force_head(scalars, vectors)
        return LigandFeatures(scalars=scalars, vectors=vectors, forces=forces)


def ligand_engine(
    encoder: LigandEncoder,
    atomic_numbers: Int[Tensor, " atoms"],
    condition: Float[Tensor, "atoms channels"] | None = None,
    *,
    exact: bool,
) -> LigandEngine:
    """Prepare an encoder for the ligands of a batch.

    Args:
        encoder: of the equivariant variant.
        atomic_numbers: Z of each atom.
        condition: what else an atom should know, as in `LigandEncoder`.
        exact: False to allow polynomials for the mixer.
    """
    size = encoder.config.channels
    edge = encoder.edge
    _, of_weight, of_basis = torch.split(
        edge.weight, [2 * size, size, encoder.config.radial_functions], dim=1
    )
    first, second = encoder.radial.first, encoder.radial.second
    layers, columns, biases = [], [], []
    rounds = [x for x in encoder.messages if isinstance(x, EquivariantMessage)]
    for index, message in enumerate(rounds):
        hidden, out = (
            Affine(
                weight=message.node.get_parameter(f"{k}.weight"),
                bias=message.node.get_parameter(f"{k}.bias"),
            )
            for k in (0, 2)
        )
        scale = out.weight.new_ones(3, size)
        scale[1] = message.vector_scale / math.sqrt(3.0)
        scale[2] = message.vector_scale
        # There are no vectors to pass on in the first round.
        kept = _whole if index else _without_middle
        rows = kept(scale.flatten())
        layers.append(
            Layer(
                hidden=hidden,
                node=Affine(
                    weight=kept(out.weight) * rows[:, None], bias=kept(out.bias) * rows
                ),
                edge=Affine(
                    weight=kept(message.edge.weight), bias=kept(message.edge.bias)
                ),
            )
        )
        columns.append(kept(message.radial.weight))
        biases.append(kept(message.radial.bias))
    own = encoder.elements(atomic_numbers - 1)
    return LigandEngine(
        encoder=encoder,
        own=own if condition is None else own + condition,
        neighbour=encoder.neighbour_elements(atomic_numbers - 1),
        of_radial=_with_bias([first.weight, of_basis], [first.bias, edge.bias]),
        of_faded=_with_bias(columns, biases),
        of_hidden=Affine(
            weight=torch.cat([second.weight, of_weight @ second.weight]),
            bias=torch.cat([second.bias, of_weight @ second.bias]),
        ),
        exact=exact_mixing(encoder),
        choice=() if exact else polynomials(encoder.axis_mixer),
        layers=tuple(layers),
        reach=reach(encoder.radial_basis),
    )


def _with_bias(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Tensor:
    """Linear layers of one input as a matrix, the bias as its first column."""
    return torch.cat([torch.cat([*biases])[:, None], torch.cat([*weights])], dim=1)


def _whole(rows: Tensor) -> Tensor:
    return rows


def _without_middle(rows: Tensor) -> Tensor:
    # Not by an index, whose slope is slow to sum.
    first, _, last = rows.chunk(3)
    return torch.cat([first, last])
