"""The radial basis, without the functions that no distance reaches."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.layers import RadialBasis, cosine_cutoff


def reached(basis: RadialBasis, distance: Float[Tensor, " pairs"]) -> int:
    """How many Gaussians, from the first, are more than rounding at these distances.

    They stand in the order of exp(-d); a close pair needs the last. All on a GPU,
    where asking would be a wait.
    """
    size = len(basis.means)
    if distance.device.type != "cpu" or not len(distance):
        return size
    closest = math.exp(-float(distance.detach().min()))
    smallest = torch.finfo(distance.dtype).eps ** 1.5
    width = math.sqrt(-math.log(smallest) / float(basis.betas.min()))
    return int((basis.means <= closest + width).sum())


def radial_functions(
    basis: RadialBasis, distance: Float[Tensor, " pairs"], count: int
) -> Float[Tensor, "pairs radial"]:
    """The first `count` functions of the basis."""
    means, betas = basis.means[:count], basis.betas[:count]
    exponent = -betas * (torch.exp(-distance)[:, None] - means).square()
    gaussians = torch.exp(exponent.clamp(min=-80.0))
    expanded: Tensor = cosine_cutoff(distance, basis.cutoff)[:, None] * gaussians
    return expanded
