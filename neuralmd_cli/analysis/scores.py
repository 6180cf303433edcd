"""All metrics of one prediction at once, by name."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuralmd_cli.analysis.corrected_metrics import (
    centre_of_mass_error,
    internal_rmsd,
    pair_collision,
    pair_distance_distance,
    pair_matching,
    pair_stability,
    position_rmsd,
    rmsf_correlation,
    rmsf_error,
    torsion_distance,
)
from neuralmd_cli.analysis.torsions import rotatable_torsions
from neuralmd_cli.analysis.validity import contacts, internal_clashes
from neuralmd_cli.complex import Ligand, Protein

BACKBONE_NUMBERS = (7, 6, 6)
"""Elements of N, CA and C."""


@dataclass(frozen=True, kw_only=True)
class Obstacles:
    """Heavy atoms a predicted ligand can run into, as they stand at the start."""

    positions: Float[Tensor, "obstacles 3"]  # Å
    atomic_numbers: Int[Tensor, " obstacles"]


def corrected_scores(
    predicted: Float[Tensor, "frames atoms 3"],
    target: Float[Tensor, "frames atoms 3"],
    ligand: Ligand,
    obstacles: Obstacles,
) -> dict[str, float]:
    """Each corrected metric of one complex, by its name in `metric_table`.

    Those taken frame by frame are means over the frames. Skill and speed need more than
    one prediction, and are not here.

    Args:
        predicted, target: the scored frames as seen from the pocket, Å. Frames known
            to the predictor (snapshot 1, where the velocity was taken from it) must
            not be among them.
        ligand: its bonds and masses, and the start, which says what can turn.
        obstacles: of the predictor; none means collisions are undefined.
    """
    numbers, bonds = ligand.atomic_numbers, ligand.bonds
    torsions = rotatable_torsions(ligand.positions, bonds)
    inside = internal_clashes(predicted, numbers, bonds) > 0
    return {
        "position_rmsd": _mean(position_rmsd(predicted, target)),
        "centre_of_mass_error": _mean(
            centre_of_mass_error(predicted, target, ligand.masses)
        ),
        "internal_rmsd": _mean(internal_rmsd(predicted, target)),
        "pair_matching": _mean(pair_matching(predicted, target)),
        "pair_stability": _mean(pair_stability(predicted, target)),
        "pair_distance_distance": pair_distance_distance(predicted, target),
        "torsion_distance": torsion_distance(predicted, target, torsions),
        "rmsf_error": rmsf_error(predicted, target),
        "rmsf_correlation": rmsf_correlation(predicted, target),
        "pair_collision": _mean(pair_collision(predicted, numbers, bonds)),
        "frames_clashing_inside": 100 * _mean(inside),
        "frames_clashing": _share_clashing(predicted, numbers, obstacles),
    }


def backbone_atoms(
    protein: Protein,
) -> tuple[Float[Tensor, "atoms 3"], Int[Tensor, " atoms"]]:
    """N, CA and C of all residues, as the published binding collision takes them."""
    positions = torch.stack([protein.n, protein.ca, protein.c], dim=1).reshape(-1, 3)
    numbers = torch.tensor(BACKBONE_NUMBERS, device=positions.device)
    return positions, numbers.repeat(protein.n_residues)


def _share_clashing(predicted: Tensor, numbers: Tensor, obstacles: Obstacles) -> float:
    """Frames with a clash, %; NaN with nothing to clash with, or broken positions."""
    if not len(obstacles.positions) or not predicted.isfinite().all():
        return torch.nan
    touch = contacts(predicted, numbers, obstacles.positions, obstacles.atomic_numbers)
    return 100 * _mean(touch.clashing_atoms > 0)


def _mean(values: Tensor) -> float:
    """Mean over frames."""
    return float(values.double().mean())
