"""Initial velocities for a start from a single structure."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuralmd_cli.graph import rigid_pairs


def thermal_velocities(
    positions: Float[Tensor, "atoms 3"],
    masses: Float[Tensor, " atoms"],
    bonds: Int[Tensor, "bonds 2"],
    speed: float,
    generator: torch.Generator,
) -> Float[Tensor, "atoms 3"]:
    """Draw Gaussian velocities that, to first order, bend no bond or angle.

    Independent noise per atom would tear a molecule apart over one long step, so the
    draw is projected, in the mass metric, on the motions that keep the distances of
    bonded atoms and of atoms two bonds apart.

    Args:
        positions: of one ligand, Å.
        masses: amu.
        bonds: pairs of atom indices.
        speed: standard deviation of a component before projection, Å/ps, for an
            atom of average mass; it falls with the square root of the mass.
        generator: source of the draw, on the CPU.
    """
    noise = torch.randn(positions.shape, generator=generator, dtype=torch.float64)
    x, m = positions.detach().double().cpu(), masses.double().cpu()
    root = m.sqrt()[:, None]
    draw = noise * speed * m.mean().sqrt()  # mass-weighted velocities
    pairs = rigid_pairs(bonds.cpu(), len(x))
    if len(pairs):
        jacobian = _distance_jacobian(x, pairs) / root.repeat_interleave(3, 0).T
        solution = torch.linalg.lstsq(
            jacobian.T, draw.reshape(-1, 1), driver="gelsd"
        ).solution
        draw = draw - (jacobian.T @ solution).reshape(-1, 3)
    return (draw / root).to(positions)


def _distance_jacobian(
    x: Float[Tensor, "atoms 3"], pairs: Int[Tensor, "pairs 2"]
) -> Float[Tensor, "pairs coordinates"]:
    """d(distance of each pair) / d(all coordinates)."""
    first, second = pairs.T
    difference = x[first] - x[second]
    length = torch.linalg.vector_norm(difference, dim=-1, keepdim=True)
    direction = difference / length.clamp(min=1e-6)
    jacobian = torch.zeros(len(pairs), len(x), 3, dtype=x.dtype)
    row = torch.arange(len(pairs))
    jacobian[row, first] = direction
    jacobian[row, second] = -direction
    return jacobian.reshape(len(pairs), -1)
