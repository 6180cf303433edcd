"""Metrics we judge a predicted trajectory by: what the published ones overlook.

Each compares the predicted and the reference ligand of one complex, frame by frame or
as distributions over the frames. Both must be seen in the pocket: a prediction has a
rigid protein, so it is; a reference whose protein moves is brought there by
`reference_in_pocket`. Everything is computed in float64. NaN means undefined: a
degenerate case named in the docstring, or a prediction that is not finite. Which are
better low or high, and what each is for, is in `metric_table`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuralmd_cli.analysis.geometry import in_frame_of, superpose_onto
from neuralmd_cli.analysis.pairs import (
    atom_pairs,
    distance_blocks,
    pair_errors,
    pairs_within,
)
from neuralmd_cli.analysis.published_metrics import STABILITY_TOLERANCE, covalent_radii
from neuralmd_cli.analysis.rmsf import rmsf_per_atom
from neuralmd_cli.analysis.torsions import circular_wasserstein, torsion_angles

NO_FLUCTUATION = 1e-4
"""A spread of RMSF over atoms below this is rounding, not a profile, Å."""


def reference_in_pocket(
    positions: Float[Tensor, "frames atoms 3"],
    ca_positions: Float[Tensor, "frames residues 3"],
) -> Float[Tensor, "frames atoms 3"]:
    """The reference as seen from the pocket of its first frame, the start.

    Each frame is moved rigidly so that the CA atoms within 10 Å of the starting ligand
    lie best on where they started. Without a protein, or with one that does not move,
    positions stay as they are.

    Args:
        positions: heavy atoms of the ligand, the starting frame first, Å.
        ca_positions: of the protein in the same frames, Å.
    """
    return in_frame_of("pocket", positions, ca_positions)


def position_rmsd(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> Float[Tensor, " frames"]:
    """√(1/n Σ_i ‖Δ_i‖²), Å: RMSD without a fit of the ligand.

    From 0, lower is better.
    """
    squares = (predicted.double() - target.double()).square().sum(dim=2)
    return squares.mean(dim=1).sqrt()


def centre_of_mass_error(
    predicted: Float[Tensor, "frames atoms 3"],
    target: Float[Tensor, "frames atoms 3"],
    masses: Float[Tensor, " atoms"],
) -> Float[Tensor, " frames"]:
    """‖Σ_i m_i Δ_i‖ / Σ_i m_i, Å: how far off the ligand's place is.

    From 0, lower is better.

    Args:
        masses: amu.
    """
    weights = masses.double() / masses.double().sum()
    shift = (predicted.double() - target.double()) * weights[:, None]
    length: Tensor = shift.sum(dim=1).norm(dim=1)
    return length


def internal_rmsd(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> Float[Tensor, " frames"]:
    """√(min_{R,t} 1/n Σ_i ‖R x_i + t - x_i'‖²), Å, over rigid motions R, t.

    What is left of the RMSD after Kabsch's fit of the ligand on itself: its change of
    shape. From 0, lower is better. Never a reflection, and no relabelling: the halves
    of a flipped phenyl are different atoms. 0 for one atom.
    """
    ours, theirs = predicted.double(), target.double()
    return position_rmsd(superpose_onto(ours, ours, theirs), theirs)


def pair_matching(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> Float[Tensor, " frames"]:
    """√(2/(n(n-1)) Σ_{i<j} (d_ij - d_ij')²), Å: shape, over all pairs.

    From 0, lower is better. The paper's Matching over pairs of different atoms. NaN for
    one atom.
    """
    squares, _ = pair_errors(predicted, target, STABILITY_TOLERANCE)
    return (squares / _n_pairs(predicted)).sqrt()


def pair_stability(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> Float[Tensor, " frames"]:
    """100 · share of pairs i<j with |d_ij - d_ij'| ≤ 0.5 Å, %.

    0 to 100, higher is better. The paper's Stability over pairs of different atoms. NaN
    for one atom.
    """
    _, good = pair_errors(predicted, target, STABILITY_TOLERANCE)
    return 100 * good / _n_pairs(predicted)


def pair_collision(
    predicted: Float[Tensor, "frames atoms 3"],
    atomic_numbers: Int[Tensor, " atoms"],
    bonds: Int[Tensor, "bonds 2"],
) -> Float[Tensor, " frames"]:
    """100 · share of pairs i<j that are not bonded with d_ij < r_i + r_j, %.

    0 to 100, lower is better. The paper's ligand collision, with its covalent radii,
    over the pairs that can collide, so a sound ligand has 0. NaN if every pair is
    bonded.
    """
    n = predicted.shape[1]
    free = torch.ones(n, n, dtype=torch.bool, device=predicted.device)
    free[bonds[:, 0], bonds[:, 1]] = free[bonds[:, 1], bonds[:, 0]] = False
    pairs = atom_pairs(n).to(predicted.device)
    pairs = pairs[free[pairs[:, 0], pairs[:, 1]]]
    reach = covalent_radii(atomic_numbers)[pairs].sum(dim=1)
    return 100 * pairs_within(predicted, pairs, reach).double() / len(pairs)


def pair_distance_distance(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> float:
    """Mean over pairs i<j of the Wasserstein-1 distance of d_ij's samples, Å.

    From 0, lower is better. Whether each distance takes the right values, at whatever
    time. With as many frames
    on both sides it is mean_t |d_(t) - d'_(t)| of the sorted samples. NaN for one atom.
    """
    total, n = 0.0, 0
    for ours, theirs in distance_blocks(predicted, target):
        apart = (ours.sort(dim=0).values - theirs.sort(dim=0).values).abs()
        total, n = total + float(apart.mean(dim=0).sum()), n + apart.shape[1]
    return total / n if n else torch.nan


def torsion_distance(
    predicted: Float[Tensor, "frames atoms 3"],
    target: Float[Tensor, "frames atoms 3"],
    torsions: Int[Tensor, "torsions 4"],
) -> float:
    """Mean over torsions of the circular Wasserstein-1 distance, degrees.

    0 to 180, lower is better. Whether each rotatable bond takes the right angles, at
    whatever time. Samples are compared as they are: no histogram, no choice of bins.
    NaN without a rotatable bond.

    Args:
        torsions: four atoms each, as `torsions.rotatable_torsions` finds them.
    """
    ours, theirs = torsion_angles(predicted, torsions), torsion_angles(target, torsions)
    return float(circular_wasserstein(ours, theirs).mean())


def rmsf_error(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> float:
    """1/n Σ_i |RMSF_i - RMSF_i'|, Å: is each atom as mobile as it should be?

    From 0, lower is better. NaN for one frame, in which nothing fluctuates.
    """
    if len(predicted) < 2:
        return torch.nan
    return float((rmsf_per_atom(predicted) - rmsf_per_atom(target)).abs().mean())


def rmsf_correlation(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> float:
    """Pearson's r of RMSF over the atoms: are the right atoms the mobile ones?

    -1 to 1, higher is better. NaN where there is no profile to compare: one frame,
    fewer than three atoms, or all atoms equally mobile in one of the two, as in a
    ligand that never moves.
    """
    if len(predicted) < 2 or predicted.shape[1] < 3:
        return torch.nan
    profiles = torch.stack([rmsf_per_atom(predicted), rmsf_per_atom(target)])
    if not bool((profiles.std(dim=1, unbiased=False) > NO_FLUCTUATION).all()):
        return torch.nan
    return float(torch.corrcoef(profiles)[0, 1])


def skill(model: float, frozen: float, mean_pose: float) -> float:
    """(frozen - model) / (frozen - mean pose), all three by the same metric.

    Higher is better, without bounds. 1 is as good as the reference's own mean pose, the
    best a pose that never moves can do (exactly so for the mean square error); 0 is a
    ligand that stays at the start, below 0 is worse than that, above 1 takes the right
    motion at the right time. NaN if staying is as good as the mean pose.
    """
    room = frozen - mean_pose
    return (frozen - model) / room if room else torch.nan


def _n_pairs(positions: Float[Tensor, "frames atoms 3"]) -> int:
    """Number of pairs of different atoms."""
    n = positions.shape[1]
    return n * (n - 1) // 2
