"""Invariants of a pair of atoms for its two directions, and what edges make of them.

The frame of the reverse pair is that of the pair with its first two axes turned round,
and the two atoms change places.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import linear

from neuralmd_cli.bindingnet.engine.candidates import Near
from neuralmd_cli.bindingnet.engine.evaluate import both_ways
from neuralmd_cli.bindingnet.engine.nodes import (
    Ends,
    Nodes,
    contracted,
    ends,
    nodes,
    terms,
)
from neuralmd_cli.bindingnet.engine.polynomial import Polynomial, fitted, radii
from neuralmd_cli.bindingnet.layers import AxisMixer
from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.graph import take

SMALL = 16
"""Channels below which a group is not worth a polynomial of its own."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Channels that are mixed alike."""

    channels: int
    polynomial: Polynomial | None  # None: the mixer itself
    nodes: Nodes | None = None  # where the polynomial has fewer terms than channels


@dataclass(frozen=True, kw_only=True)
class PairMixing:
    """The mixer and the block of the edge layer that reads it.

    Channels are in groups by how long their vectors are; `order` says which are where.
    """

    mixer: AxisMixer
    groups: tuple[Group, ...]
    order: Int[Tensor, " channels"] | None  # None: one group of all
    longest: Float[Tensor, " channels"] | None  # for which it holds, in this order
    edge: Float[Tensor, "edge_channels both"]  # columns by group: source, target

    def arranged(
        self, seeds: Float[Tensor, "atoms 3 channels"]
    ) -> Float[Tensor, "atoms 3 channels"]:
        """The channels in the order of the groups."""
        return seeds if self.order is None else seeds.index_select(2, self.order)

    def holds(self, arranged: Float[Tensor, "atoms 3 channels"]) -> bool:
        """False where a vector is too long for its group."""
        if self.longest is None:
            return True
        return bool((lengths(arranged) <= self.longest).all())

    def __call__(
        self,
        arranged: Float[Tensor, "atoms 3 channels"],
        near: Near,
        frames: Float[Tensor, "pairs 3 3"],
    ) -> Float[Tensor, "directed edge_channels"]:
        """What the invariants add to the edges: every pair, then every reverse."""
        widths = [x.channels for x in self.groups]
        around = None
        if len(near.first) and any(x.nodes is not None for x in self.groups):
            around = ends(near.first, near.second, len(arranged))
        parts = []
        for group, vectors in zip(
            self.groups, torch.split(arranged, widths, 2), strict=True
        ):
            if group.polynomial is None or group.nodes is None or around is None:
                parts.append(_mixed(self.mixer, group, vectors, near, frames))
            else:
                parts.append(
                    _by_nodes(group.polynomial, group.nodes, vectors, frames, around)
                )
        both = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return linear(both, self.edge)


def _mixed(
    mixer: AxisMixer,
    group: Group,
    vectors: Float[Tensor, "atoms 3 channels"],
    near: Near,
    frames: Float[Tensor, "pairs 3 3"],
) -> Float[Tensor, "directed ends_channels"]:
    """Every pair, then every reverse; what is at the source, then at the target."""
    first = torch.bmm(frames, take(vectors, near.first))
    second = torch.bmm(frames, take(vectors, near.second))
    if group.polynomial is not None:
        there, back = both_ways(torch.cat([first, second], 2), group.polynomial)
        return torch.cat([there, back.roll(group.channels, dims=1)])
    # Filled on the device: numbers sent there could not be recorded.
    turn = frames.new_ones(3, 1)
    turn[:2] = -1.0
    there = mixer(torch.cat([first, second], 2))
    return torch.cat([there, mixer(torch.cat([second, first], 2) * turn)])


def _by_nodes(
    polynomial: Polynomial,
    points: Nodes,
    vectors: Float[Tensor, "atoms 3 channels"],
    frames: Float[Tensor, "pairs 3 3"],
    around: Ends,
) -> Float[Tensor, "directed ends_channels"]:
    """The same, from the polynomial's values at the nodes."""
    pairs = len(frames)
    turned = (frames.reshape(-1, 3) @ points.points).view(pairs, 3, -1)
    values = torch.stack(both_ways(turned, polynomial), dim=1)
    return contracted(values, vectors, points, around)


def lengths(seeds: Float[Tensor, "atoms 3 channels"]) -> Float[Tensor, " channels"]:
    """The longest vector of each channel."""
    longest: Tensor = seeds.detach().square().sum(dim=1).amax(dim=0).sqrt()
    return longest


def exact_mixing(encoder: LigandEncoder) -> PairMixing:
    """The mixer itself for every channel."""
    size = encoder.config.channels
    block = encoder.edge.weight[:, : 2 * size]
    return PairMixing(
        mixer=encoder.axis_mixer,
        groups=(Group(channels=size, polynomial=None),),
        order=None,
        longest=None,
        edge=block,
    )


def polynomials(mixer: AxisMixer) -> tuple[Polynomial, ...]:
    """One of each degree that fits somewhere, the shortest reach first."""
    reach = sorted((r, n) for n, r in radii(mixer).items())
    return tuple(fitted(mixer, degree, radius) for radius, degree in reach)


def grouped_mixing(
    encoder: LigandEncoder,
    choice: Sequence[Polynomial],
    longest: Float[Tensor, " channels"],
    room: float = 1.5,
) -> PairMixing:
    """Polynomials for channels of short vectors, the mixer itself for the others.

    Args:
        encoder: whose mixer.
        choice: what there is for it, the shortest reach first.
        longest: vector of each channel where the ligand is.
        room: factor by which it may grow before the groups must be made again.
    """
    needed = (longest * room).tolist()
    reach = [x.radius for x in choice]
    kind = _few_groups([sum(r < x for r in reach) for x in needed])
    order = sorted(range(len(kind)), key=lambda k: kind[k])
    groups, columns, limits = [], [], []
    size = len(kind)
    for index in range(len(choice) + 1):
        own = [k for k in order if kind[k] == index]
        if own:
            whole = index == len(choice)
            polynomial = None if whole else choice[index]
            groups.append(
                Group(
                    channels=len(own),
                    polynomial=polynomial,
                    nodes=_nodes(polynomial, len(own)),
                )
            )
            columns += own + [size + k for k in own]
            limits += [torch.inf if whole else reach[index]] * len(own)
    weight = encoder.edge.weight
    column = torch.tensor(columns, device=weight.device)
    return PairMixing(
        mixer=encoder.axis_mixer,
        groups=tuple(groups),
        order=torch.tensor(order, device=weight.device),
        longest=longest.new_tensor(limits),
        edge=weight.index_select(1, column),
    )


def _few_groups(kind: Sequence[int]) -> list[int]:
    """Small groups join the next, which also holds for them: calls cost more."""
    found = list(kind)
    for index in sorted(set(found)):
        above = [k for k in found if k > index]
        if above and found.count(index) < SMALL:
            found = [min(above) if k == index else k for k in found]
    return found


def _nodes(polynomial: Polynomial | None, channels: int) -> Nodes | None:
    """Nodes for a polynomial of fewer terms than there are channels to mix."""
    if polynomial is None:
        return None
    if terms(polynomial.degree).starts[-1] > channels:
        return None
    return nodes(polynomial.degree, polynomial.radius, polynomial.even)
