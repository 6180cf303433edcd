"""Hydrogens carried rigidly on the heavy atoms that move."""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.errors import InputError

_WEIGHT_PER_BOND = 0.1
"""How much less each bond further away says about where the hydrogens point."""

_FARTHEST = 6
"""Bonds; atoms beyond that say nothing about an orientation."""

_NO_TURN = 1e-8
"""Weight of "do not turn": decides only what no heavy atom can decide."""

_FRAMES_AT_ONCE = 10_000


def carry_hydrogens(
    molecule: Chem.Mol, heavy_positions: Float[Tensor, "frames heavy 3"]
) -> Float[Tensor, "frames atoms 3"]:
    """Positions of all atoms of a molecule whose heavy atoms have moved.

    The hydrogens on a heavy atom move as one rigid body with it. The body's turn since
    the molecule's own conformer is the rotation that best takes the directions to the
    other heavy atoms from there to here (Kabsch), each bond further away counting ten
    times less: the neighbours set the axis, the atoms behind them the turn about it.
    Where nothing sets that turn (two atoms, H3C-C≡N) the smallest rotation is taken; a
    lone heavy atom's hydrogens are only shifted. So X-H lengths and H-X-H angles stay
    exactly, the conformer's own heavy positions give back its own hydrogens, and
    turning conformer and frames together turns the result.

    Args:
        molecule: with a conformer and its hydrogens as atoms.
        heavy_positions: of the heavy atoms, in the molecule's order, Å.

    Returns:
        Positions in the molecule's atom order, Å.

    Raises:
        InputError: a hydrogen is bonded to no heavy atom.
    """
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    heavy = np.flatnonzero(numbers > 1)
    if heavy_positions.shape[1] != len(heavy):
        raise ValueError(
            f"{heavy_positions.shape[1]} positions for {len(heavy)} heavy atoms"
        )
    reference = torch.as_tensor(
        molecule.GetConformer().GetPositions(),
        dtype=heavy_positions.dtype,
        device=heavy_positions.device,
    )
    weights = _direction_weights(molecule, heavy)
    result = heavy_positions.new_empty((len(heavy_positions), len(numbers), 3))
    result[:, torch.as_tensor(heavy)] = heavy_positions
    for parent, hydrogens in _hydrogens_by_parent(molecule).items():
        centre = int(np.searchsorted(heavy, parent))
        offsets = (reference[hydrogens] - reference[parent]).double()
        for start in range(0, len(heavy_positions), _FRAMES_AT_ONCE):
            stop = start + _FRAMES_AT_ONCE
            turn = _turns(
                heavy_positions[start:stop], reference[heavy], centre, weights[centre]
            )
            # rows are vectors: x -> R x is x @ Rᵀ
            carried = (offsets @ turn.mT).to(result.dtype)
            result[start:stop, hydrogens] = (
                heavy_positions[start:stop, centre, None] + carried
            )
    return result


def _turns(
    positions: Float[Tensor, "frames heavy 3"],
    reference: Float[Tensor, "heavy 3"],
    centre: int,
    weights: Float[ndarray, " heavy"],
) -> Float[Tensor, "frames 3 3"]:
    """Rotation of the surroundings of one heavy atom since the reference.

    Maximises Σ w (u_t · R u_0) + ε tr R over rotations, u the unit vectors to the other
    atoms; the ε term makes the rotation unique and smooth where the atoms do not.
    """
    used = torch.as_tensor(np.flatnonzero(weights), device=positions.device)
    weight = torch.as_tensor(weights, device=positions.device)[used]
    now = _directions(positions[:, used].double(), positions[:, [centre]].double())
    then = _directions(reference[used].double(), reference[[centre]].double())
    covariance = torch.einsum("a,fai,aj->fij", weight, now, then)
    identity = torch.eye(3, dtype=torch.float64, device=positions.device)
    u, _, vh = torch.linalg.svd(covariance + _NO_TURN * identity)
    flip = torch.ones_like(u[:, 0])
    flip[:, 2] = torch.sign(torch.linalg.det(u @ vh))
    turn: Tensor = (u * flip[:, None]) @ vh
    return turn


def _directions(
    ends: Float[Tensor, "*frames atoms 3"], start: Float[Tensor, "*frames 1 3"]
) -> Float[Tensor, "*frames atoms 3"]:
    """Unit vectors from `start`; zero for an atom that lies on it."""
    vectors = ends - start
    unit: Tensor = vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return unit


def _direction_weights(
    molecule: Chem.Mol, heavy: Int[ndarray, " heavy"]
) -> Float[ndarray, "heavy heavy"]:
    """How much each heavy atom says about the local orientation at another."""
    bonds = Chem.GetDistanceMatrix(molecule)[np.ix_(heavy, heavy)]
    near = (bonds >= 1) & (bonds <= _FARTHEST)
    return np.where(near, _WEIGHT_PER_BOND ** (np.where(near, bonds, 1) - 1.0), 0.0)


def _hydrogens_by_parent(molecule: Chem.Mol) -> dict[int, list[int]]:
    """Hydrogens on each heavy atom; a bridging one rides on its first neighbour."""
    groups: dict[int, list[int]] = {}
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() != 1:
            continue
        parents = [n.GetIdx() for n in atom.GetNeighbors() if n.GetAtomicNum() > 1]
        if not parents:
            raise InputError(
                f"The ligand's hydrogen atom {atom.GetIdx() + 1} is bonded to no heavy "
                "atom, so nothing can carry it.",
                hint="Remove loose hydrogens and protons from the ligand file.",
            )
        groups.setdefault(parents[0], []).append(atom.GetIdx())
    return groups
