"""An elastic network of a ligand in its pocket.

As in elastic network models of proteins (Tirion 1996; Atilgan et al. 2001), every pair
of near atoms is a spring at rest; here the pocket's atoms are fixed.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuralmd_cli.dynamics.constraints import shapes
from neuralmd_cli.models.pocket.config import SpringConstants
from neuralmd_cli.models.pocket.surroundings import Surroundings

POLAR_REACH = 3.6
"""Å, of a hydrogen bond between heavy atoms."""
RIGID = 1e4
"""kT/Å², of what does not swing: 0.01 Å."""
CONTACT = 3.5
"""Å at which a close contact has its nominal stiffness."""
STIFFEST = 5.0
"""Times the nominal stiffness: a close contact of overlapping atoms is no stiffer."""

Stiffness = Float[Tensor, "coordinates coordinates"]


def stiffness(around: Surroundings, constants: SpringConstants) -> Stiffness:
    """Second derivative of the energy by the ligand's coordinates, kT/Å² at 300 K.

    Positive definite. Bonds and angles yield, as they do to a push.
    """
    return within_ligand(around, constants) + to_pocket(around, constants)


def swing(around: Surroundings, constants: SpringConstants) -> Stiffness:
    """The stiffness that a swinging molecule feels, kT/Å² at 300 K.

    The springs along whole-body moves and turns about bonds; `RIGID` along the rest, so
    that bonds, angles and rings hold their shape. Its inverse is the covariance.
    """
    x = around.positions
    zeros = torch.zeros(len(x), dtype=torch.long)
    shape = shapes([around.stiff], x, torch.ones(len(x)), zeros)
    (free,) = shape.free_directions(x)
    along = free.T @ stiffness(around, constants) @ free
    across = torch.eye(x.numel(), dtype=x.dtype) - free @ free.T
    return free @ along @ free.T + RIGID * across


def within_ligand(around: Surroundings, constants: SpringConstants) -> Stiffness:
    """Springs between all atoms of the ligand."""
    steps = bonds_between(len(around.positions), around.bonds)
    strength = torch.zeros(steps.shape, dtype=torch.float64)
    strength[steps == 3] = constants.torsion
    first, second = around.stiff.pairs.unbind(dim=1)
    strength[first, second] = strength[second, first] = constants.stiff_part
    strength[steps == 2] = constants.angle
    strength[steps == 1] = constants.bond
    strength.fill_diagonal_(0.0)
    x = around.positions
    away = x[:, None] - x
    length = torch.linalg.vector_norm(away, dim=-1).clamp(min=1e-6)
    unit = away / length[..., None]
    blocks = torch.einsum("ij,ija,ijb->iajb", strength, unit, unit)
    return _on_diagonal(blocks.sum(dim=2)) - blocks.reshape(x.numel(), x.numel())


def to_pocket(around: Surroundings, constants: SpringConstants) -> Stiffness:
    """Springs from each ligand atom to the heavy atoms around, and the background."""
    distance, unit = around.contacts(around.positions)
    polar = around.polar[:, None] & around.obstacle_polar
    strength = contact_strength(distance, polar, constants)
    blocks = (1 - constants.isotropy) * directed(strength, unit)
    even = constants.isotropy / 3 * strength.sum(dim=1) + constants.background
    return _on_diagonal(blocks + even[:, None, None] * torch.eye(3).double())


def contact_strength(
    distance: Float[Tensor, "*pairs"],
    polar: Bool[Tensor, "*pairs"],
    constants: SpringConstants,
) -> Float[Tensor, "*pairs"]:
    """Springs of atoms that are not bonded, kT/Å², by their distance (Å).

    `polar`: both can make a hydrogen bond.
    """
    fallen = (1 - (distance / constants.contact_cutoff).square()).clamp(min=0.0)
    strength = constants.contact * fallen.square()
    bonded = polar & (distance < POLAR_REACH)
    return torch.where(bonded, strength * constants.polar, strength)


def cage_strength(
    distance: Float[Tensor, "*pairs"], strength: float, reach: float
) -> Float[Tensor, "*pairs"]:
    """Springs of close contacts, kT/Å², which fall by a factor e over `reach` (Å)."""
    return strength * ((CONTACT - distance) / reach).exp().clamp(max=STIFFEST)


def directed(
    strength: Float[Tensor, "atoms obstacles"],
    unit: Float[Tensor, "atoms obstacles 3"],
) -> Float[Tensor, "atoms 3 3"]:
    """Stiffness of each atom against moves along its contacts."""
    return torch.einsum("io,ioa,iob->iab", strength, unit, unit)


def _on_diagonal(blocks: Float[Tensor, "atoms 3 3"]) -> Stiffness:
    atoms = len(blocks)
    spread = blocks.new_zeros(atoms, 3, atoms, 3)
    index = torch.arange(atoms)
    spread[index, :, index, :] = blocks
    return spread.reshape(3 * atoms, 3 * atoms)


def bonds_between(
    atoms: int, bonds: Int[Tensor, "bonds 2"]
) -> Int[Tensor, "atoms atoms"]:
    """How many bonds lie between two atoms: 1 to 4, or 5 for more; 0 of itself."""
    step = torch.eye(atoms, dtype=torch.float64)
    step[bonds[:, 0], bonds[:, 1]] = step[bonds[:, 1], bonds[:, 0]] = 1.0
    reached = torch.eye(atoms, dtype=torch.float64)
    count = torch.full((atoms, atoms), 5)
    count.fill_diagonal_(0)
    for distance in (1, 2, 3, 4):
        reached = reached @ step
        count[(reached > 0) & (count == 5)] = distance
    return count
