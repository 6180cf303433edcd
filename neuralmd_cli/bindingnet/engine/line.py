"""Mixers of component vectors that all lie on one line per pair.

x = g h with a direction g per pair and a number h per channel: a hidden unit sees
(W·g) h, so a mixer is a polynomial in h whose coefficients belong to the pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.engine.polynomial import (
    TOLERANCE,
    powers_of_hidden,
    radii,
)
from neuralmd_cli.bindingnet.layers import AxisMixer


@dataclass(frozen=True, kw_only=True)
class Series:
    """Several mixers, for |x| up to `radius`."""

    radius: float
    weight: Float[Tensor, "mixers hidden 3"]
    terms: Float[Tensor, "powers mixers hidden"]  # of (W·x)^power
    bias: Float[Tensor, " mixers"]

    def __call__(
        self, along: Float[Tensor, "pairs 3"], sizes: Float[Tensor, "pairs channels"]
    ) -> Float[Tensor, "mixers pairs channels"]:
        """Each mixer at `along` times each of `sizes`."""
        mixers, hidden, _ = self.weight.shape
        seen = (along @ self.weight.flatten(0, 1).T).view(-1, mixers, hidden)
        powers = [torch.ones_like(seen)]
        for _ in self.terms[1:]:
            powers.append(powers[-1] * seen)
        rows = (torch.stack(powers) * self.terms[:, None]).sum(dim=3)
        # One row per mixer: what stands before each power of h.
        *rest, value = rows.transpose(1, 2)[..., None].unbind(0)
        value = value.expand(-1, -1, sizes.shape[1])
        for row in reversed(rest):
            value = torch.addcmul(row, value, sizes)
        first = torch.addcmul(self.bias[:, None, None], along[:, :1], sizes)
        return value + first


def series(
    mixers: Sequence[AxisMixer], tolerance: float = TOLERANCE
) -> tuple[Series, ...]:
    """One of each degree that fits somewhere, the shortest reach first."""
    reach = [radii(x, tolerance) for x in mixers]
    found = []
    for degree in set.intersection(*(set(x) for x in reach)):
        radius = min(x[degree] for x in reach)
        like = mixers[0].out.weight
        found.append(
            Series(
                radius=radius,
                weight=torch.stack([next(x.layers.parameters()) for x in mixers]),
                terms=torch.stack(
                    [powers_of_hidden(x, degree, radius).T for x in mixers], dim=1
                ).to(like.device, like.dtype),
                bias=torch.cat([x.out.bias for x in mixers]),
            )
        )
    return tuple(sorted(found, key=lambda x: x.radius))
