"""The paper's metrics, exactly as its authors compute them.

The paper's words and its code differ; these are the code's definitions, so that numbers
can stand beside the published ones. All reward a ligand that does not move: see
docs/metrics.md. `corrected_metrics` has what we judge by. Positions are those of one
complex, in the recording's own coordinates; everything is computed in float64.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.analysis.pairs import atom_pairs, pair_errors, pairs_within

STABILITY_TOLERANCE = 0.5
"""The paper's Δ, Å."""

_COVALENT_RADII = {
    **{1: 0.31, 5: 0.84, 6: 0.69, 7: 0.71, 8: 0.66, 9: 0.57, 12: 1.41, 13: 1.21},
    **{14: 1.11, 15: 1.07, 16: 1.05, 17: 1.02, 35: 1.20, 53: 1.39},
}
"""Å, by atomic number: the elements of the authors' list."""

_OBSTACLE_DISTANCES = 4_000_000


@dataclass(frozen=True, kw_only=True)
class PublishedScores:
    """The paper's metrics of one complex, or of a test set.

    `atoms` and `frames` say how much a complex weighs in a test set.
    """

    mae: float  # Å
    rmse: float  # Å
    matching: float  # Å
    stability: float  # %
    ligand_collision: float  # %
    binding_collision: float  # %; NaN without a protein
    atoms: int
    frames: int


def published_scores(
    predicted: Float[Tensor, "frames atoms 3"],
    target: Float[Tensor, "frames atoms 3"],
    atomic_numbers: Int[Tensor, " atoms"],
    backbone: Float[Tensor, "obstacles 3"],
    backbone_numbers: Int[Tensor, " obstacles"],
) -> PublishedScores:
    """All six for one complex: means over its frames.

    Args:
        predicted, target: heavy atoms of the ligand, the scored frames only, Å.
        backbone: N, CA and C of all residues in the starting frame, Å; may be empty.
    """
    collision = binding_collision(predicted, atomic_numbers, backbone, backbone_numbers)
    return PublishedScores(
        mae=float(l1_distances(predicted, target).mean()),
        rmse=float(euclidean_distances(predicted, target).mean()),
        matching=float(matching(predicted, target).mean()),
        stability=float(stability(predicted, target).mean()),
        ligand_collision=float(ligand_collision(predicted, atomic_numbers).mean()),
        binding_collision=float(collision.mean()),
        atoms=predicted.shape[1],
        frames=predicted.shape[0],
    )


def pooled(scores: Sequence[PublishedScores]) -> PublishedScores:
    """The paper's value for a test set of several complexes.

    MAE and RMSE are means over all atoms of all frames, so a ligand counts by its size.
    The others are means over all frames: every complex of the same length counts alike.
    """
    frames = torch.tensor([s.frames for s in scores], dtype=torch.double)
    atoms = torch.tensor([s.frames * s.atoms for s in scores], dtype=torch.double)

    def mean(name: str, weights: Tensor) -> float:
        values = torch.tensor([getattr(s, name) for s in scores], dtype=torch.double)
        return float((values * weights).sum() / weights.sum())

    return PublishedScores(
        mae=mean("mae", atoms),
        rmse=mean("rmse", atoms),
        matching=mean("matching", frames),
        stability=mean("stability", frames),
        ligand_collision=mean("ligand_collision", frames),
        binding_collision=mean("binding_collision", frames),
        atoms=sum(s.atoms for s in scores),
        frames=int(frames.sum()),
    )


def l1_distances(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> Float[Tensor, "frames atoms"]:
    """|Δx| + |Δy| + |Δz| of each atom, Å; the mean is the paper's "MAE".

    From 0, lower is better. Three times the mean absolute error of a coordinate, and
    dependent on the axes: a displacement d gives d to √3 d.
    """
    return (predicted.double() - target.double()).abs().sum(dim=-1)


def euclidean_distances(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> Float[Tensor, "frames atoms"]:
    """‖Δ‖ of each atom, Å; the mean is the paper's "MSE" (preprint) or "RMSE".

    From 0, lower is better. Neither a mean square nor a root of one.
    """
    length: Tensor = (predicted.double() - target.double()).norm(dim=-1)
    return length


def matching(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> Float[Tensor, " frames"]:
    """√(1/n² Σ_ij (d_ij - d_ij')²), Å: the paper's "Matching".

    From 0, lower is better. The n zeros of the diagonal are counted, which shrinks it
    by √((n-1)/n); blind to rigid motion; 0 for one atom.
    """
    n = predicted.shape[1]
    squares, _ = pair_errors(predicted, target, STABILITY_TOLERANCE)
    return (2 * squares / n**2).sqrt()


def stability(
    predicted: Float[Tensor, "frames atoms 3"], target: Float[Tensor, "frames atoms 3"]
) -> Float[Tensor, " frames"]:
    """100/n² · #{ij: |d_ij - d_ij'| ≤ 0.5 Å}, %: the paper's "Stability".

    100/n to 100, higher is better. The diagonal is counted and always good, so it never
    falls below 100/n; blind to rigid motion; 100 for one atom.
    """
    n = predicted.shape[1]
    _, good = pair_errors(predicted, target, STABILITY_TOLERANCE)
    return 100 * (n + 2 * good) / n**2


def ligand_collision(
    predicted: Float[Tensor, "frames atoms 3"], atomic_numbers: Int[Tensor, " atoms"]
) -> Float[Tensor, " frames"]:
    """100/n² · #{ij: d_ij < r_i + r_j}, with covalent radii, %.

    100/n to 100, lower is better. The diagonal always collides, and so do bonds that
    are shorter than the sum of the radii, as double bonds are.
    """
    n = predicted.shape[1]
    radii, pairs = covalent_radii(atomic_numbers), atom_pairs(n).to(predicted.device)
    near = pairs_within(predicted, pairs, radii[pairs].sum(dim=1))
    return 100 * (n + 2 * near.double()) / n**2


def binding_collision(
    predicted: Float[Tensor, "frames atoms 3"],
    atomic_numbers: Int[Tensor, " atoms"],
    obstacles: Float[Tensor, "obstacles 3"],
    obstacle_numbers: Int[Tensor, " obstacles"],
) -> Float[Tensor, " frames"]:
    """100/(n m) · #{ik: d_ik < r_i + r_k} of ligand and backbone atoms, %.

    0 to 100, lower is better; NaN without obstacles. Backbone only, so a ligand inside
    a side chain collides with nothing.

    Args:
        obstacles: m atoms that stand still, Å.
    """
    n, m = predicted.shape[1], len(obstacles)
    reach = covalent_radii(atomic_numbers)[:, None] + covalent_radii(obstacle_numbers)
    still = obstacles.double()
    step = max(1, _OBSTACLE_DISTANCES // max(1, n * m))
    exact, counts = predicted.double(), []
    for start in range(0, len(exact), step):
        block = exact[start : start + step]
        apart = torch.cdist(block, still, compute_mode="donot_use_mm_for_euclid_dist")
        counts.append((apart < reach).sum(dim=(1, 2)))
    return 100 * torch.cat(counts).double() / (n * m)


def published_batch_rows(
    residue_complex: Int[Tensor, " residues"], complex_: int
) -> Int[Tensor, " rows"]:
    """Backbone atoms the authors' code takes for a complex of a batch.

    Their atoms are stored N, CA, C residue by residue, but the vector that says whose
    an atom is repeats the residues' vector three times end to end. With one complex
    both agree; with more, atoms of other proteins are taken. Binding collisions were
    published with a batch of several.
    """
    return (residue_complex.repeat(3) == complex_).nonzero()[:, 0]


def published_fps(frames: int, complexes: int, seconds: float) -> float:
    """The paper's frames per second: F · (F · complexes) / seconds.

    The list they count holds one entry per complex and frame already, so this is F
    times the snapshots per second: 20 times in table 3.
    """
    return frames * frames * complexes / seconds


def covalent_radii(
    atomic_numbers: Int[Tensor, " atoms"],
) -> Float[Tensor, " atoms"]:
    """Radii of the authors' list, Å; of an element it lacks, RDKit's.

    Both are Cordero et al. 2008, RDKit with sp3 carbon where the list has sp.
    """
    table = Chem.GetPeriodicTable()
    radii = [
        _COVALENT_RADII.get(z) or table.GetRcovalent(z) for z in atomic_numbers.tolist()
    ]
    return torch.tensor(radii, dtype=torch.double, device=atomic_numbers.device)
