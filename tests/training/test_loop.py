"""Training lowers its loss, repeats itself, keeps the best, and sees no future."""

import pytest
import torch

from neuralmd_cli.benchmark import score_starts
from neuralmd_cli.errors import TrainingError
from neuralmd_cli.misato import Recording
from neuralmd_cli.training import TrainingConfig, fit
from tests.toy import toy_complex, toy_model

OURS = {
    "friction_per_ps": 0.025,
    "tether_per_ps2": 0.025**2 / 4,
    "thermal_speed": 0.005,
}
RECIPE = TrainingConfig(
    pull_epochs=4,
    epochs=2,
    starts_per_epoch=8,
    batch_complexes=4,
    steps=3,
    learning_rate=3e-3,
    validation_starts=(0, 1),
)


def recording(seed: int, frames: int = 30) -> Recording:
    """A ligand that shakes about a mean pose, 10 ps a snapshot."""
    pocket = toy_complex(seed)
    generator = torch.Generator().manual_seed(seed)
    protein = pocket.protein
    shape = (frames, *pocket.ligand.positions.shape)
    noise = 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    backbone = torch.stack([protein.n, protein.ca, protein.c], dim=1)
    return Recording(
        name=f"TOY{seed}",
        spacing_ps=10.0,
        atomic_numbers=pocket.ligand.atomic_numbers,
        bonds=pocket.ligand.bonds,
        positions=pocket.ligand.positions + noise,
        backbone=backbone.expand(frames, -1, -1, -1),
        residue_types=protein.residue_types,
        segments=protein.segments,
        obstacle_positions=protein.obstacle_positions.expand(frames, -1, -1),
        obstacle_numbers=protein.obstacle_numbers,
    )


def small_model():
    torch.manual_seed(0)
    model = toy_model(**OURS)
    model.binding_net.config.__dict__["force_scale"] = 12.0 * OURS["tether_per_ps2"]
    return model


def trained(recipe=RECIPE):
    model, results = small_model(), []
    weights, best = fit(
        model, [recording(0), recording(1)], [recording(2)], recipe, results.append
    )
    return model, weights, best, results


def test_training_lowers_the_loss_and_repeats_itself():
    """The loss falls in either stage; the same seed gives the same weights."""
    _, weights, _, results = trained()
    _, again, _, _ = trained()
    assert results[4].loss < results[1].loss
    assert all(torch.equal(weights[k], again[k]) for k in weights)


def test_the_best_epoch_is_kept():
    """The weights returned score what the best epoch scored."""
    model, weights, best, results = trained()
    assert best.validation_skill == max(r.validation_skill for r in results)
    model.load_state_dict(weights)
    scores = score_starts(model.eval(), recording(2), RECIPE.validation_starts)
    skill = sum(s.skill for s in scores) / len(scores)
    assert skill == pytest.approx(best.validation_skill)


def test_a_loss_that_is_no_number_stops_the_run():
    """With the names of the complexes in the batch."""
    broken = recording(0)
    broken.positions[20:] = float("nan")
    with pytest.raises(TrainingError, match="TOY0"):
        fit(small_model(), [broken], [recording(2)], RECIPE, lambda result: None)


def test_a_model_that_stands_still_has_skill_zero():
    """The frozen ligand is the zero of the scale, the mean pose its one."""
    model = small_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    for score in score_starts(model, recording(3), [0, 4]):
        assert score.skill == pytest.approx(0.0, abs=1e-9)
        assert score.mean_pose < score.frozen
        assert score.bonds_kept == 1.0


def test_a_rollout_does_not_see_later_snapshots():
    """Whatever comes after the start, the prediction is the same.

    With all later snapshots far off on one side, model minus frozen error is the mean
    of (start - prediction): equal if and only if the mean prediction is.
    """
    gaps = []
    for far in (100.0, 200.0):
        shifted = recording(3)
        shifted.positions[5:] += far
        (score,) = score_starts(small_model(), shifted, [4])
        gaps.append(score.model - score.frozen)
    assert abs(gaps[0]) > 1e-6
    assert gaps[0] == pytest.approx(gaps[1], abs=1e-9)
