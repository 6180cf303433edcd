import math

import pytest
import torch
from scipy.stats import pearsonr, wasserstein_distance

from neuralmd_cli.analysis.corrected_metrics import (
    centre_of_mass_error,
    internal_rmsd,
    pair_collision,
    pair_distance_distance,
    pair_matching,
    pair_stability,
    position_rmsd,
    reference_in_pocket,
    rmsf_correlation,
    rmsf_error,
    skill,
    torsion_distance,
)
from neuralmd_cli.analysis.published_metrics import matching, stability
from neuralmd_cli.analysis.rmsf import rmsf_per_atom

SEEDS = pytest.mark.parametrize("seed", range(3))
NO_BONDS = torch.zeros(0, 2, dtype=torch.long)
NO_TORSIONS = torch.zeros(0, 4, dtype=torch.long)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.double)


def rotations(frames: int, seed: int = 0) -> torch.Tensor:
    q, _ = torch.linalg.qr(random(frames, 3, 3, seed=seed))
    return q * torch.linalg.det(q)[:, None, None]


def moved(frames: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Each frame after a rigid motion of its own."""
    shift = 5 * random(len(frames), 1, 3, seed=seed + 100)
    return frames @ rotations(len(frames), seed).mT + shift


@SEEDS
def test_errors_split_into_place_and_shape(seed):
    """Internal RMSD ≤ RMSD; for a pure shift the RMSD is the centre's error."""
    predicted, target = random(6, 9, 3, seed=seed), random(6, 9, 3, seed=seed + 10)
    masses = 1 + random(9, seed=seed).abs()
    assert (internal_rmsd(predicted, target) < position_rmsd(predicted, target)).all()
    shift = random(6, 1, 3, seed=seed + 20)
    length = shift[:, 0].norm(dim=1)
    torch.testing.assert_close(position_rmsd(target + shift, target), length)
    torch.testing.assert_close(
        centre_of_mass_error(target + shift, target, masses), length
    )
    assert internal_rmsd(target + shift, target).max() < 1e-9


@SEEDS
def test_shape_metrics_are_blind_to_rigid_motion(seed):
    """Internal RMSD, pair metrics and torsions do not change, frame by frame."""
    predicted, target = random(6, 9, 3, seed=seed), random(6, 9, 3, seed=seed + 10)
    turned = moved(predicted, seed)
    torsions = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7]])
    for metric in (internal_rmsd, pair_matching, pair_stability):
        torch.testing.assert_close(metric(turned, target), metric(predicted, target))
    assert pair_distance_distance(turned, target) == pytest.approx(
        pair_distance_distance(predicted, target)
    )
    assert torsion_distance(turned, target, torsions) == pytest.approx(
        torsion_distance(predicted, target, torsions)
    )


def test_a_mirrored_ligand_has_the_wrong_shape():
    """The fit never reflects, so the wrong enantiomer is seen; pairs do not see it."""
    target = random(1, 6, 3)
    mirrored = target * torch.tensor([-1.0, 1, 1])
    assert internal_rmsd(mirrored, target) > 0.1
    assert pair_matching(mirrored, target) < 1e-9


@SEEDS
def test_atoms_may_be_numbered_otherwise(seed):
    """The same permutation on both sides changes no metric."""
    predicted, target = random(5, 8, 3, seed=seed), random(5, 8, 3, seed=seed + 10)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
    other = predicted[:, order], target[:, order]
    for metric in (position_rmsd, internal_rmsd, pair_matching, pair_stability):
        torch.testing.assert_close(metric(*other), metric(predicted, target))
    for number in (rmsf_error, rmsf_correlation, pair_distance_distance):
        assert number(*other) == pytest.approx(number(predicted, target))


def test_pair_metrics_leave_out_the_diagonal():
    """They are the published ones times √(n/(n-1)), and without the floor of 100/n."""
    predicted, target = random(5, 4, 3), random(5, 4, 3, seed=1)
    torch.testing.assert_close(
        pair_matching(predicted, target), matching(predicted, target) * (4 / 3) ** 0.5
    )
    torch.testing.assert_close(
        pair_stability(predicted, target),
        (stability(predicted, target) * 16 - 400) / 12,
    )
    assert pair_stability(100 * predicted, target).min() == 0


def test_bonds_are_no_collisions():
    """Of C-C bonded at 1.2 Å and C-C not bonded at 1.2 Å, only the latter collides."""
    line = torch.tensor([0.0, 1.2, 2.4, 3.6])
    positions = torch.zeros(1, 4, 3)
    positions[0, :, 0] = line
    chain = torch.tensor([[0, 1], [1, 2], [2, 3]])
    carbons = torch.full((4,), 6)
    assert pair_collision(positions, carbons, chain).tolist() == [0]
    assert pair_collision(positions, carbons, chain[:2]).tolist() == [25]
    assert pair_collision(positions, carbons, NO_BONDS).tolist() == [50]


@SEEDS
def test_distributions_do_not_ask_when(seed):
    """Frames in another order: distribution distances 0, frame-wise errors not."""
    target = random(20, 6, 3, seed=seed)
    shuffled = target[torch.randperm(20, generator=torch.Generator().manual_seed(seed))]
    torsions = torch.tensor([[0, 1, 2, 3]])
    assert pair_distance_distance(shuffled, target) < 1e-12
    assert torsion_distance(shuffled, target, torsions) < 1e-9
    assert rmsf_error(shuffled, target) < 1e-12
    assert position_rmsd(shuffled, target).mean() > 0.5


@SEEDS
def test_pair_distance_distance_is_scipys(seed, monkeypatch):
    """Mean of scipy's distances, pair by pair, also when computed in blocks."""
    predicted, target = random(11, 5, 3, seed=seed), random(11, 5, 3, seed=seed + 10)
    each = [
        wasserstein_distance(
            (predicted[:, i] - predicted[:, j]).norm(dim=1),
            (target[:, i] - target[:, j]).norm(dim=1),
        )
        for i in range(5)
        for j in range(i)
    ]
    wanted = pytest.approx(sum(each) / 10)
    assert pair_distance_distance(predicted, target) == wanted
    monkeypatch.setattr("neuralmd_cli.analysis.pairs._VALUES_AT_ONCE", 40)
    assert pair_distance_distance(predicted, target) == wanted


@SEEDS
def test_rmsf_profiles_are_compared_atom_by_atom(seed):
    """Scipy's r; doubling every fluctuation keeps r at 1 and errs by the mean RMSF."""
    target, predicted = random(30, 7, 3, seed=seed), random(30, 7, 3, seed=seed + 10)
    ours, theirs = rmsf_per_atom(predicted), rmsf_per_atom(target)
    assert rmsf_correlation(predicted, target) == pytest.approx(
        pearsonr(ours, theirs).statistic
    )
    doubled = 2 * target
    assert rmsf_correlation(doubled, target) == pytest.approx(1)
    assert rmsf_error(doubled, target) == pytest.approx(float(theirs.mean()))


def test_a_frozen_ligand_has_no_rmsf_profile():
    """Its correlation is undefined, not 0 or 1; its error is the reference's RMSF."""
    target = random(10, 5, 3)
    frozen = target[:1].expand(10, -1, -1)
    assert math.isnan(rmsf_correlation(frozen, target))
    assert rmsf_error(frozen, target) == pytest.approx(
        float(rmsf_per_atom(target).mean())
    )


def test_one_frame_has_no_fluctuation():
    """RMSF metrics are undefined; those of positions and distributions are not."""
    predicted, target = random(1, 5, 3), random(1, 5, 3, seed=1)
    assert math.isnan(rmsf_error(predicted, target))
    assert math.isnan(rmsf_correlation(predicted, target))
    assert pair_distance_distance(predicted, target) > 0
    assert torsion_distance(predicted, target, torch.tensor([[0, 1, 2, 3]])) > 0


def test_one_atom_has_a_place_but_no_shape():
    """RMSD and centre agree, internal RMSD is 0, everything over pairs undefined."""
    predicted, target = random(4, 1, 3), random(4, 1, 3, seed=1)
    carbon = torch.tensor([6])
    torch.testing.assert_close(
        centre_of_mass_error(predicted, target, torch.ones(1)),
        position_rmsd(predicted, target),
    )
    assert internal_rmsd(predicted, target).max() < 1e-12
    assert pair_matching(predicted, target).isnan().all()
    assert pair_stability(predicted, target).isnan().all()
    assert pair_collision(predicted, carbon, NO_BONDS).isnan().all()
    assert math.isnan(pair_distance_distance(predicted, target))
    assert math.isnan(rmsf_correlation(predicted, target))


def test_a_stiff_ligand_has_no_torsions():
    """Without a rotatable bond there is nothing to compare."""
    target = random(4, 5, 3)
    assert math.isnan(torsion_distance(target, target, NO_TORSIONS))


def test_an_exploded_prediction_has_no_number():
    """Positions that are not finite give NaN, in their frames and in distributions."""
    target = random(4, 5, 3)
    broken = target.clone()
    broken[2, 1] = torch.nan
    for metric in (position_rmsd, internal_rmsd, pair_matching):
        assert metric(broken, target).isnan().tolist() == [False, False, True, False]
    for number in (rmsf_error, rmsf_correlation, pair_distance_distance):
        assert math.isnan(number(broken, target))


@SEEDS
def test_the_pockets_own_motion_is_taken_out_of_the_reference(seed):
    """A complex that tumbles as a whole: the ligand is seen to stay."""
    ligand, protein = random(1, 5, 3, seed=seed), 4 * random(1, 30, 3, seed=seed + 1)
    both = moved(torch.cat([ligand, protein], dim=1).expand(6, -1, -1), seed)
    both[0] = torch.cat([ligand, protein], dim=1)[0]
    seen = reference_in_pocket(both[:, :5], both[:, 5:])
    torch.testing.assert_close(seen, ligand.expand(6, -1, -1))


@SEEDS
def test_skill_counts_from_frozen_to_the_mean_pose(seed):
    """0 for the start, 1 for the mean, which is the best pose by mean square error."""
    target = 3 + random(20, 4, 3, seed=seed)
    start, mean = target[0], target.mean(dim=0)

    def error(pose):
        return float(position_rmsd(pose.expand_as(target), target).square().mean())

    others = [error(mean + 0.1 * random(4, 3, seed=k)) for k in range(5)]
    assert error(mean) < min(others)
    assert skill(error(start), error(start), error(mean)) == 0
    assert skill(error(mean), error(start), error(mean)) == 1
    assert skill(0.0, error(start), error(mean)) > 1
    assert math.isnan(skill(1.0, 2.0, 2.0))
