"""The parts the three encoders are made of."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.graph import Pairs, sum_to, take

NORM_EPSILON = 1e-12
"""Å² added under a square root, so that its slope stays finite at 0."""
CACHED = 1 << 18
"""Numbers a CPU works on at a time, so that they stay in its cache: 1 MB in float32."""


def cosine_cutoff(
    distance: Float[Tensor, " pairs"], cutoff: float
) -> Float[Tensor, " pairs"]:
    """(cos(πd/c) + 1) / 2, and 0 beyond c: value and slope vanish at the cutoff."""
    inside = (distance < cutoff).to(distance.dtype)
    return 0.5 * (torch.cos(distance * (math.pi / cutoff)) + 1.0) * inside


class RadialBasis(nn.Module):
    """Gaussians in exp(-d), under a cosine cutoff; `means` and `betas` are fixed."""

    means: Tensor
    betas: Tensor

    def __init__(self, size: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        lowest = math.exp(-cutoff)
        beta = (2.0 / size * (1.0 - lowest)) ** -2
        self.register_buffer("means", torch.linspace(lowest, 1.0, size))
        self.register_buffer("betas", torch.full((size,), beta))

    def forward(
        self, distance: Float[Tensor, " pairs"]
    ) -> Float[Tensor, "pairs radial"]:
        """Expand distances, Å."""
        exponent = -self.betas * (torch.exp(-distance)[:, None] - self.means).square()
        # Below this a result is as good as 0, and takes ten times as long.
        gaussians = torch.exp(exponent.clamp(min=-80.0))
        expanded: Tensor = cosine_cutoff(distance, self.cutoff)[:, None] * gaussians
        return expanded


class AxisMixer(nn.Module):
    """Three frame components to one number, the same for every channel.

    A small perceptron plus the first component, so that it starts near the identity.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, hidden), nn.SiLU())
        self.out = nn.Linear(hidden, 1)

    def forward(
        self, components: Float[Tensor, "rows 3 channels"]
    ) -> Float[Tensor, "rows channels"]:
        """Mix the components of each channel."""
        # The hidden layer is by far the largest tensor of the network.
        on_cpu = components.device.type == "cpu"
        per_row = self.out.in_features * components.shape[2]
        rows = max(1, CACHED // per_row if on_cpu else len(components))
        blocks = torch.split(components, rows)
        return torch.cat([self._perceptron(x) for x in blocks]) + components[:, 0]

    def _perceptron(
        self, components: Float[Tensor, "rows 3 channels"]
    ) -> Float[Tensor, "rows channels"]:
        # Matrix times components keeps the long axis of channels last; a linear layer
        # would need it first, and rows of three numbers make poor use of a processor.
        weight, bias = self.layers.parameters()
        rows = len(components)
        hidden = torch.baddbmm(bias[:, None], weight.expand(rows, -1, -1), components)
        return torch.baddbmm(
            self.out.bias[:, None], self.out.weight.expand(rows, -1, -1), silu(hidden)
        )[:, 0]


class EquivariantMessage(nn.Module):
    """One round of message passing over scalars and vectors (eq. 6 and 32)."""

    def __init__(self, config: BindingNetConfig, edge_channels: int) -> None:
        super().__init__()
        size = config.channels
        self.smooth = not config.is_published
        self.node = nn.Sequential(
            nn.Linear(size, size), nn.SiLU(), nn.Linear(size, 3 * size)
        )
        self.radial = nn.Linear(config.radial_functions, 3 * size)
        self.edge = nn.Linear(edge_channels, 3 * size)
        self.vector_scale = 1.0 / math.sqrt(size)

    def forward(
        self,
        scalars: Float[Tensor, "atoms channels"],
        vectors: Float[Tensor, "atoms 3 channels"],
        pairs: Pairs,
        direction: Float[Tensor, "pairs 3"],
        radial: Float[Tensor, "pairs radial"],
        edge: Float[Tensor, "pairs edge_channels"],
        envelope: Float[Tensor, " pairs"],
    ) -> tuple[Float[Tensor, "atoms channels"], Float[Tensor, "atoms 3 channels"]]:
        """Return the updated scalars and vectors."""
        message = take(self.node(scalars), pairs.source) * self.radial(radial)
        message = message * self.edge(edge)
        if self.smooth:
            message = message * envelope[:, None]
        to_scalar, to_vector, along = message.chunk(3, dim=-1)
        moved = torch.addcmul(
            to_vector[:, None, :] * take(vectors / math.sqrt(3.0), pairs.source),
            along[:, None, :],
            direction[:, :, None],
        )
        atoms = scalars.shape[0]
        return (
            scalars + sum_to(to_scalar, pairs.target, atoms),
            vectors + self.vector_scale * sum_to(moved, pairs.target, atoms),
        )


class GatedVector(nn.Module):
    """One vector per atom: a learned mix of its vectors, gated by invariants."""

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__()
        size = config.channels
        self.epsilon = 0.0 if config.is_published else NORM_EPSILON
        self.norm_mix = nn.Linear(size, size, bias=False)
        self.vector_mix = nn.Linear(size, 1, bias=False)
        # The authors' block also makes a scalar that nothing reads.
        outputs = 2 if config.is_published else 1
        self.gate = nn.Sequential(
            nn.Linear(2 * size, size), nn.SiLU(), nn.Linear(size, outputs)
        )

    def forward(
        self,
        scalars: Float[Tensor, "atoms channels"],
        vectors: Float[Tensor, "atoms 3 channels"],
    ) -> Float[Tensor, "atoms 3"]:
        """Return one vector per atom."""
        mixed = self.norm_mix(vectors)
        if self.epsilon:
            norms = (mixed.square().sum(dim=1) + self.epsilon).sqrt()
        else:
            norms = torch.linalg.vector_norm(mixed, dim=1)
        gate = self.gate(torch.cat([scalars, norms], dim=-1))[:, -1:]
        gated: Tensor = gate * self.vector_mix(vectors).squeeze(-1)
        return gated


class EmbeddedRadial(nn.Module):
    """Radial basis to channels through one hidden layer, under the cutoff."""

    def __init__(self, config: BindingNetConfig) -> None:
        super().__init__()
        self.first = nn.Linear(config.radial_functions, config.channels)
        self.second = nn.Linear(config.channels, config.channels)

    def forward(
        self, radial: Float[Tensor, "pairs radial"], envelope: Float[Tensor, " pairs"]
    ) -> Float[Tensor, "pairs channels"]:
        """Return the weight of each pair and channel."""
        hidden: Tensor = self.second(silu(self.first(radial)))
        return hidden * envelope[:, None]
