"""The radial basis, without the functions that no distance reaches."""

import math
from bisect import bisect_right
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.layers import RadialBasis


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How far from its place in exp(-d) each Gaussian of a basis still counts."""

    means: tuple[float, ...]  # increasing
    width: float

    def count(self, distance: Float[Tensor, " pairs"]) -> int:
        """How many Gaussians, from the first, matter at these distances.

        A close pair needs the last. All on a GPU, where asking would be a wait.
        """
        if distance.device.type != "cpu" or not len(distance):
            return len(self.means)
        closest = math.exp(-float(distance.detach().min()))
        return bisect_right(self.means, closest + self.width)


def reach(basis: RadialBasis) -> Reach:
    """Where a basis is more than rounding, in the precision of its means."""
    means = basis.means.tolist()
    if sorted(means) != means:
        return Reach(means=tuple(sorted(means)), width=math.inf)
    smallest = torch.finfo(basis.means.dtype).eps ** 1.5
    width = math.sqrt(-math.log(smallest) / float(basis.betas.min()))
    return Reach(means=tuple(means), width=width)


def radial_functions(
    basis: RadialBasis,
    distance: Float[Tensor, " pairs"],
    cutoff: Float[Tensor, "pairs 1"],
    count: int,
) -> Float[Tensor, "pairs radial"]:
    """The first `count` functions of the basis.

    Args:
        basis: of the network.
        distance: Å.
        cutoff: its cosine cutoff at each distance.
        count: from `Reach`.
    """
    means, betas = basis.means[:count], basis.betas[:count]
    offset = torch.exp(-distance)[:, None] - means
    exponent = (offset.square() * -betas).clamp(min=-80.0)
    expanded: Tensor = torch.exp(exponent) * cutoff
    return expanded
