"""Training lowers its loss, repeats itself, keeps the best, stops when it should."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.benchmark.starts import score_starts
from neuralmd_cli.errors import TrainingError
from neuralmd_cli.training.loop import StoppedOnRequestError, Trainer, Watch
from neuralmd_cli.training.recipe import Recipe
from tests.toy import toy_model
from tests.toy_data import recording, tiny_model, toy_parts

OURS = {
    "friction_per_ps": 0.025,
    "tether_per_ps2": 0.025**2 / 4,
    "thermal_speed": 0.005,
}
RECIPE = Recipe(
    pull_epochs=4,
    epochs=2,
    starts_per_epoch=8,
    batch_complexes=4,
    window=3.0,
    learning_rate=3e-3,
    validation_starts=(0, 1),
)
SHORT = replace(RECIPE, pull_epochs=2, epochs=1, window=1.0, starts_per_epoch=2)


def small_model():
    torch.manual_seed(0)
    model = toy_model(**OURS)
    model.binding_net.config.__dict__["force_scale"] = 12.0 * OURS["tether_per_ps2"]
    return model


def trained(recipe=SHORT, parts=None, **changes):
    trainer = Trainer(tiny_model(**OURS), parts or toy_parts(), recipe, seed=42)
    trainer.run(Watch(**changes))
    return trainer


def test_the_default_recipe_does_what_made_the_bundled_weights():
    """Losses and skills of the code that trained them, before it became a package."""
    parts = toy_parts(train=[recording(0), recording(1)], validation=[recording(2)])
    trainer = Trainer(small_model(), parts, RECIPE, seed=42)
    trainer.run(Watch())
    results = trainer.results
    losses = [
        0.3052719019951718,
        0.28680531033148365,
        0.3052129932979797,
        0.27901468659590783,
        0.3433366711395596,
        0.3220540742533729,
    ]
    skills = [
        -0.00019920522018541955,
        -0.00018852070153174694,
        -0.00012051890696016291,
        3.130444944995724e-05,
        0.00024460553892664594,
        0.0005038318322742251,
        0.0007911520848219384,
    ]
    assert [r.loss for r in results[1:]] == pytest.approx(losses, rel=1e-9)
    found = [r.validation_skill for r in results]
    assert found == pytest.approx(skills, rel=1e-6)
    assert results[4].loss < results[1].loss


def test_the_same_seed_gives_the_same_weights():
    """And another seed gives others."""
    one, again = trained(), trained()
    other = Trainer(tiny_model(**OURS), toy_parts(), SHORT, seed=1)
    other.run(Watch())
    weights = one.best_weights
    assert all(torch.equal(weights[k], again.best_weights[k]) for k in weights)
    assert any(not torch.equal(weights[k], other.best_weights[k]) for k in weights)


def test_the_best_epoch_is_kept():
    """The weights kept score what the best epoch scored."""
    trainer = trained()
    best = trainer.best
    assert best.validation_skill == max(r.validation_skill for r in trainer.results)
    model = tiny_model(**OURS)
    model.load_state_dict(trainer.best_weights)
    (held_out,) = toy_parts().validation
    scores = score_starts(model.eval(), held_out, SHORT.validation_starts)
    skill = sum(s.skill for s in scores) / len(scores)
    assert skill == pytest.approx(best.validation_skill)


@pytest.mark.parametrize("keep", ["mae", "loss", "last"])
def test_the_best_is_by_the_chosen_metric(keep):
    """Smallest error, smallest training loss, or simply the last."""
    trainer = trained(replace(SHORT, keep=keep))
    key = {
        "mae": lambda r: r.validation_mae,
        "loss": lambda r: float("inf") if r.loss is None else r.loss,
        "last": lambda r: -r.epoch,
    }[keep]
    assert trainer.best == min(trainer.results, key=key)


def test_validation_comes_every_k_epochs_and_at_the_end():
    """Epochs in between have no score."""
    recipe = replace(SHORT, pull_epochs=4, epochs=1, validate_every=3)
    scored = [r.epoch for r in trained(recipe).results if r.validation_skill]
    assert scored == [0, 3, 5]


def test_patience_ends_a_training_that_gets_no_better():
    """A rate of nearly 0 with an average that lags: no epoch beats the first."""
    recipe = replace(SHORT, pull_epochs=9, keep="loss", patience=2, learning_rate=1e-30)
    results = trained(recipe).results
    best = min((r for r in results if r.loss), key=lambda r: r.loss).epoch
    assert len(results) - 1 == best + 2 < 10


def test_without_averaging_the_weights_kept_are_the_last():
    """averaging = 0 leaves the current weights."""
    trainer = trained(replace(SHORT, averaging=0.0, keep="last"))
    now = trainer.model.state_dict()
    assert all(torch.equal(v, now[k]) for k, v in trainer.best_weights.items())


@pytest.mark.parametrize(
    ("optimiser", "schedule"),
    [("adam", "constant"), ("adamw", "onecycle"), ("sgd", "cosine")],
)
def test_every_optimiser_and_schedule_lowers_the_loss(optimiser, schedule):
    """On the force at the start, always of the same windows."""
    rate = 0.3 if optimiser == "sgd" else 3e-3
    recipe = replace(
        SHORT,
        optimiser=optimiser,
        schedule=schedule,
        learning_rate=rate,
        weight_decay=0.0,
        pull_epochs=10,
        epochs=0,
        starts="first",
        start_noise=0.0,
    )
    results = trained(recipe).results
    assert results[-1].loss < results[1].loss
    rates = [r.learning_rate for r in results]
    if schedule == "constant":
        assert len(set(rates)) == 1
    else:
        assert rates[-1] < 0.1 * max(rates)


def test_gradients_are_clipped_to_the_norm():
    """With SGD and a tiny norm, a step is rate times norm at most."""
    recipe = replace(
        SHORT,
        optimiser="sgd",
        schedule="constant",
        learning_rate=1.0,
        gradient_norm=1e-4,
        weight_decay=0.0,
        pull_epochs=1,
        epochs=0,
        averaging=0.0,
        keep="last",
    )
    before = tiny_model(**OURS).state_dict()
    after = trained(recipe).best_weights
    moved = sum((after[k] - before[k]).square().sum() for k in before).sqrt()
    assert 0.0 < moved <= 1.0001e-4


def broken_parts():
    broken = recording(0, frames=16)
    broken.positions[8:] = float("nan")
    return toy_parts(train=[broken, recording(1, frames=16)])


def test_a_loss_that_is_no_number_stops_the_run():
    """With the name of the complex that made it, not of its whole batch."""
    with pytest.raises(TrainingError, match="the batch held TOY0\\.") as error:
        trained(SHORT, broken_parts())
    assert "nonfinite=skip" in error.value.hint


def test_such_batches_are_skipped_where_that_is_asked():
    """The epoch says whose they were, and the weights stay finite."""
    recipe = replace(SHORT, nonfinite="skip", starts_per_epoch=4, batch_complexes=1)
    trainer = trained(recipe, broken_parts())
    assert {name for r in trainer.results for name in r.skipped} == {"TOY0"}
    assert all(bool(x.isfinite().all()) for x in trainer.best_weights.values())


def test_an_epoch_of_nothing_but_bad_losses_ends_the_run():
    """Skipping everything is no training."""
    broken = recording(0, frames=16)
    broken.positions[:] = float("nan")
    with pytest.raises(TrainingError, match="epoch 1 no loss was a finite number"):
        trained(replace(SHORT, nonfinite="skip"), toy_parts(train=[broken]))


def test_a_recipe_that_cannot_be_followed_is_refused():
    """No validation part to choose by; mixed precision on a CPU."""
    with pytest.raises(TrainingError, match="nothing is held out"):
        trained(SHORT, toy_parts(validation=[]))
    with pytest.raises(TrainingError, match="Mixed precision"):
        trained(replace(SHORT, precision="bf16"))


def test_a_request_to_stop_saves_and_stops():
    """Between two batches."""
    saved = []
    with pytest.raises(StoppedOnRequestError):
        trained(
            should_stop=lambda: len(saved) > 1,
            save=lambda trainer: saved.append((trainer.epoch, trainer.position)),
        )
    assert saved == [(0, 0), (1, 0), (1, 0)]


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
