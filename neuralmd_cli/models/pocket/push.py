"""Where close contacts and strained bonds push a ligand, as columns to be weighted.

A start is one draw of thermal motion: its mean pose is unknown, but an atom that sits
too near another was on average farther off. Each column is a force of one kind; what it
moves is its answer from the springs, apart for the ligand as a whole (its position, its
orientation) and for what is left. The weights of the columns are learned.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.models.baselines.relaxed import relaxed
from neuralmd_cli.models.pocket.config import PocketConfig
from neuralmd_cli.models.pocket.springs import Stiffness, close_contacts
from neuralmd_cli.models.pocket.surroundings import Surroundings

CENTRES = (2.8, 3.3, 3.8, 4.3, 4.9, 5.6, 6.5)
WIDTHS = (0.35, 0.35, 0.35, 0.4, 0.45, 0.55, 0.7)
"""Å, of the Gaussians of a contact's length."""
TETHERS = (1.0, 10.0, 100.0)
"""kcal mol⁻¹ Å⁻², of the relaxations that show a ligand's own strain."""
SHAPELY = 1
"""Which of them shows the ligand's bonds, angles and rings at rest."""
N_FORCES = 4 * len(CENTRES) + len(TETHERS)
N_COLUMNS = 3 * N_FORCES


def columns(
    around: Surroundings,
    relaxed_poses: Float[Tensor, "tethers atoms 3"],
    springs: Stiffness,
    config: PocketConfig,
) -> Float[Tensor, "atoms 3 columns"]:
    """Displacements (Å per unit weight) that each kind of force brings about.

    Args:
        around: the ligand at the start.
        relaxed_poses: `relaxations` of it.
        springs: `springs.stiffness` of it.
        config: of the cage.
    """
    x = around.positions
    tethers = torch.tensor(TETHERS, dtype=x.dtype)
    # What each relaxation ends with: the tether holds against the strain.
    strain = (tethers[:, None, None] * (relaxed_poses - x)).permute(1, 2, 0)
    forces = torch.cat([contact_forces(around), strain], dim=-1)
    cage = close_contacts(around, config.cage, config.cage_range)
    factor = torch.linalg.cholesky(springs + cage)
    answer = torch.cholesky_solve(forces.reshape(x.numel(), -1), factor)
    shift, turn = rigid_motions(x)
    parts = [shift @ (shift.T @ answer), turn @ (turn.T @ answer)]
    parts.append(answer - parts[0] - parts[1])
    return torch.stack(parts, dim=-1).reshape(len(x), 3, -1)


def contact_forces(around: Surroundings) -> Float[Tensor, "atoms 3 forces"]:
    """Pushes away from the obstacles, by length and by which of the two is polar."""
    distance, unit = around.contacts(around.positions)
    centres, widths = torch.tensor(CENTRES), torch.tensor(WIDTHS)
    weight = (-(((distance[..., None] - centres) / widths) ** 2) / 2).exp().double()
    kinds = []
    for own in (~around.polar, around.polar):
        for other in (~around.obstacle_polar, around.obstacle_polar):
            chosen = (own[:, None] & other).double()
            kinds.append(torch.einsum("io,iog,ioa->iag", chosen, weight, unit))
    return torch.cat(kinds, dim=-1)


def relaxations(
    around: Surroundings, molecule: Chem.Mol | None
) -> Float[Tensor, "tethers atoms 3"]:
    """MMFF94s minima of the ligand alone, held to its start by each tether, Å.

    The start itself where bond orders are not known (molecule None), or the force
    field has no parameters.
    """
    x = around.positions
    unknown = x.expand(len(TETHERS), -1, -1)
    if molecule is None:
        return unknown
    try:
        return torch.stack([relaxed(molecule, x, k) for k in TETHERS])
    except NeuralMDError:
        return unknown


def rigid_motions(
    positions: Float[Tensor, "atoms 3"],
) -> tuple[Float[Tensor, "coordinates 3"], Float[Tensor, "coordinates turns"]]:
    """Orthonormal shifts and turns of a body of equal masses; a line has 2 turns."""
    arms = positions - positions.mean(dim=0)
    axes = torch.eye(3).to(positions)
    shift = axes.repeat(len(arms), 1) / len(arms) ** 0.5
    turns = torch.stack([torch.linalg.cross(a.expand_as(arms), arms) for a in axes], -1)
    u, size, _ = torch.linalg.svd(turns.reshape(arms.numel(), 3), full_matrices=False)
    return shift, u[:, size > 1e-3]


def settled_move(
    every: Sequence[Float[Tensor, "_ 3 _"]],
    weights: Float[Tensor, " columns"],
    farthest: float,
) -> list[Float[Tensor, "_ 3"]]:
    """Displacements (Å) of the settled poses from the starts, below `farthest`."""
    moves = [x @ weights.to(x) for x in every]
    sizes = [x.square().sum(dim=-1, keepdim=True) for x in moves]
    return [
        x / (1 + size / farthest**2).sqrt()
        for x, size in zip(moves, sizes, strict=True)
    ]
