"""Where close contacts and strained bonds push a ligand, as columns to be weighted.

A start is one draw of thermal motion: its mean pose is unknown, but two atoms that are
too near each other were on average farther apart. Each column is a force of one kind;
what it moves is its answer from the network of ligand and pocket, apart for the ligand
as a whole (its position, its orientation) and for what is left. The weights of the
columns are learned.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.models.baselines.relaxed import relaxed
from neuralmd_cli.models.pocket.config import PocketConfig
from neuralmd_cli.models.pocket.network import N_PUSHES, network
from neuralmd_cli.models.pocket.surroundings import Surroundings

TETHERS = (1.0, 10.0, 100.0)
"""kcal mol⁻¹ Å⁻², of the relaxations that show a ligand's own strain."""
SHAPELY = 1
"""Which of them shows the ligand's bonds, angles and rings at rest."""
N_COLUMNS = 3 * (N_PUSHES + len(TETHERS))


def columns(
    around: Surroundings,
    relaxed_poses: Float[Tensor, "tethers atoms 3"],
    config: PocketConfig,
) -> Float[Tensor, "atoms 3 columns"]:
    """Displacements (Å per unit weight) that each kind of force brings about.

    Args:
        around: the ligand at the start.
        relaxed_poses: `relaxations` of it.
        config: of the springs, the cage and what of the pocket yields.
    """
    x = around.positions
    joint = network(around, config.yielding)
    tethers = torch.tensor(TETHERS, dtype=x.dtype)
    # What each relaxation ends with: the tether holds against the strain.
    strain = x.new_zeros(joint.n_free, 3, len(TETHERS))
    strain[: len(x)] = (tethers[:, None, None] * (relaxed_poses - x)).permute(1, 2, 0)
    forces = torch.cat([joint.pushes(), strain], dim=-1)
    factor = torch.linalg.cholesky(joint.stiffness(around, config))
    answer = torch.cholesky_solve(forces.flatten(0, 1), factor)[: x.numel()]
    shift, turn = rigid_motions(x)
    parts = [shift @ (shift.T @ answer), turn @ (turn.T @ answer)]
    parts.append(answer - parts[0] - parts[1])
    return torch.stack(parts, dim=-1).reshape(len(x), 3, -1)


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
