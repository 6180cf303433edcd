"""Scores are fair: baselines mark the scale, nothing leaks, nothing goes missing."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.benchmark.contenders import Contender, baselines
from neuralmd_cli.benchmark.evaluate import evaluate
from neuralmd_cli.benchmark.protocol import PROTOCOLS, Protocol
from neuralmd_cli.benchmark.rollout import batches, roll_out, settings_for
from neuralmd_cli.benchmark.score import Score, skills
from neuralmd_cli.benchmark.table import make_rows
from neuralmd_cli.models.system import Settings
from tests.benchmark.recordings import cases, drifting, tumbling
from tests.benchmark.systems import Brittle, Fragile, Spy, Wanderer
from tests.toy import toy_model

CPU = torch.device("cpu")
WINDOW = Protocol(name="window", about="", observe=10, predict=12)
OURS = {"friction_per_ps": 0.025, "tether_per_ps2": 1.6e-4, "thermal_speed": 0.005}


def contender(system, row="model", **about) -> Contender:
    return Contender(row=row, system=system, **about)


def run(some, protocol=WINDOW, some_cases=None, **options):
    found = some_cases if some_cases is not None else cases(protocol)
    return evaluate(some, found, protocol, device=CPU, **options)


@pytest.mark.parametrize("name", ["multi", "multi-published"])
def test_frozen_has_skill_zero_and_mean_pose_one(name):
    """For each complex, and for the table, tumbling or not."""
    recordings = [drifting(0), tumbling(drifting(1))]
    scores = run(baselines(), PROTOCOLS[name], cases(PROTOCOLS[name], recordings))
    by_row = {}
    for score, skill in zip(scores, skills(scores), strict=True):
        by_row.setdefault(score.row, []).append(skill)
    assert by_row["frozen"] == [0.0, 0.0]
    assert by_row["mean-pose"] == [1.0, 1.0]
    rows = {x.name: x for x in make_rows(scores, "own")}
    assert rows["frozen"].cells["skill"].value == 0.0
    assert rows["mean-pose"].cells["skill"].value == 1.0


def test_mean_pose_is_the_best_pose_by_either_definition():
    """Where a complex tumbles, the mean as recorded is not that of the pocket."""
    scores = run(
        baselines(),
        PROTOCOLS["multi"],
        cases(PROTOCOLS["multi"], [tumbling(drifting(0))]),
    )
    found = {x.row: x for x in scores}
    assert found["mean-pose"].published.rmse < found["frozen"].published.rmse
    errors = {
        k: v.corrected["position_rmsd"] for k, v in found.items() if not v.failure
    }
    assert errors["mean-pose"] < 0.7 * errors["frozen"]


def test_corrected_scores_do_not_see_a_complex_tumble():
    """The published ones do."""
    some = [x for x in baselines() if x.row != "relaxed"]
    for still, moved in zip(
        run(some, some_cases=cases(WINDOW, [drifting(0)])),
        run(some, some_cases=cases(WINDOW, [tumbling(drifting(0))])),
        strict=True,
    ):
        assert moved.corrected == pytest.approx(
            still.corrected, rel=1e-3, abs=1e-3, nan_ok=True
        )
        assert moved.published.mae > 2 * still.published.mae


@pytest.mark.parametrize("system", ["thermal", "wanderer"])
def test_order_and_batch_size_do_not_change_results(system):
    """Random systems draw the same for a complex in any company."""
    made = toy_model(**OURS) if system == "thermal" else Wanderer()
    settings = Settings(v0="thermal")
    one = contender(made)
    together = run([one], settings=settings, seeds=[7])
    alone = run(
        [one],
        some_cases=cases(WINDOW)[::-1],
        settings=settings,
        seeds=[7],
        largest_batch=1,
    )
    assert [x.complex for x in alone] == [x.complex for x in together][::-1]
    for left, right in zip(together, alone[::-1], strict=True):
        assert left.published.mae == pytest.approx(right.published.mae, abs=1e-9)
        assert left.corrected == pytest.approx(right.corrected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", ["multi", "window", "multi-published"])
@pytest.mark.parametrize("row", ["frozen", "linear", "observed-mean", "model"])
def test_later_snapshots_do_not_change_a_prediction(name, row):
    """Whatever comes after what was seen; the paper's velocity sees one more."""
    protocol = WINDOW if name == "window" else PROTOCOLS[name]
    seen = protocol.observe + int(protocol.leak)
    system = toy_model(**OURS)
    if row != "model":
        (system,) = [x.system for x in baselines() if x.row == row]
    settled = settings_for(system, protocol, Settings())
    predictions = []
    for far in (0.0, 50.0):
        changed = drifting(0)
        changed = replace(changed, positions=changed.positions.clone())
        changed.positions[seen:] += far
        # What the paper's origin knows of the future is the origin alone.
        (case,) = cases(protocol, [changed])
        (found,) = roll_out(system, [case], protocol, settled, seed=0, device=CPU)
        predictions.append(case.to_recorded.of(found.positions))
    torch.testing.assert_close(*predictions, atol=1e-5, rtol=0)


def test_the_papers_velocity_leaks_the_first_scored_snapshot():
    """So that the test above can fail; and the corrected scores leave it out."""
    protocol = PROTOCOLS["multi-published"]
    (linear,) = [x for x in baselines() if x.row == "linear"]
    (score,) = run([linear], protocol, cases(protocol, [drifting(0)]))
    first = drifting(0)
    gone = replace(first, positions=first.positions.clone())
    gone.positions[1] += 5.0
    (other,) = run([linear], protocol, cases(protocol, [gone]))
    assert score.published.mae != pytest.approx(other.published.mae)
    still = [x for x in baselines() if x.row == "frozen"]
    before, after = (
        run(still, protocol, cases(protocol, [x]))[0] for x in (first, gone)
    )
    assert before.corrected["position_rmsd"] == after.corrected["position_rmsd"]
    assert before.published.mae < after.published.mae


def test_a_system_is_given_what_was_observed_and_no_future():
    """Snapshots, displacement and their spacing; the future goes to oracles only."""
    spy = Spy()
    run([contender(spy)], some_cases=cases(WINDOW, [drifting(0)]))
    assert spy.seen.observed.shape == (10, 9, 3)
    torch.testing.assert_close(spy.seen.observed[-1], spy.seen.batch.positions)
    step = spy.seen.observed[-1] - spy.seen.observed[-2]
    torch.testing.assert_close(spy.seen.displacement, step, atol=1e-5, rtol=0)
    assert spy.seen.spacing_ps == 10.0
    assert spy.seen.future is None
    run([contender(spy)], PROTOCOLS["multi"], cases(PROTOCOLS["multi"], [drifting(0)]))
    assert spy.seen.displacement is None
    assert spy.seen.spacing_ps is None


@pytest.mark.parametrize("system", [Fragile(), Brittle()], ids=lambda x: x.name)
def test_one_broken_complex_does_not_touch_the_others(system):
    """It is counted with its reason; the means are over the rest, and say so."""
    frozen = [x for x in baselines() if x.row in ("frozen", "mean-pose")]
    scores = run([*frozen, contender(system)])
    rows = {x.name: x for x in make_rows(scores, "own")}
    row = rows["model"]
    assert list(row.failed) == ["TOY1"]
    reason = "at 30 ps an atom" if system.name == "fragile" else "solver gave up"
    assert reason in row.failed["TOY1"]
    assert (row.complexes, row.rollouts) == (3, 3)
    assert row.cells["position_rmsd"].complexes == 2
    # It stays in place where it works: skill 0 on the complexes both have.
    assert row.cells["skill"].value == pytest.approx(0.0, abs=1e-6)
    assert rows["frozen"].cells["position_rmsd"].complexes == 3


def test_a_system_that_always_fails_keeps_its_row():
    """With dashes for numbers and all failures counted."""
    system = Brittle()
    system.atoms = 9
    scores = run([contender(system)], some_cases=cases(WINDOW, [drifting(0)]))
    (row,) = make_rows(scores, "own")
    assert len(row.failed) == row.rollouts == 1
    assert all(x.value != x.value for x in row.cells.values())


def test_relaxed_says_why_it_cannot():
    """Toy ligands have no bond orders; the baselines go on."""
    scores = run(baselines())
    failed = {x.row for x in scores if x.failure}
    assert failed == {"relaxed"}
    assert all("bond orders" in x.failure for x in scores if x.row == "relaxed")


def test_only_systems_that_draw_run_for_each_seed_and_draw():
    """Others run once, whatever the seeds."""
    some = [contender(Spy(), "still"), contender(Wanderer())]
    scores = run(some, seeds=[0, 42], draws=2)
    draws = {x.row: set() for x in scores}
    for score in scores:
        draws[score.row].add(score.draw)
    assert draws == {"still": {None}, "model": {"0.1", "0.2", "42.1", "42.2"}}


def test_batches_hold_like_times_and_no_more_than_asked():
    """Recordings of other spacing or length go apart."""
    protocol = PROTOCOLS["multi"]
    recordings = [drifting(0), drifting(1, 25), replace(drifting(2), spacing_ps=4.0)]
    found = batches(cases(protocol, [*recordings, drifting(3), drifting(4)]), 2)
    assert sorted(len(x) for x in found) == [1, 1, 1, 2]
    assert all(len({(y.spacing_ps, y.n_times) for y in x}) == 1 for x in found)


def test_published_weights_take_the_velocity_of_two_snapshots():
    """Ours start as they do for a user, and a user's choice goes before both."""
    published = toy_model("published")
    shown, hidden = PROTOCOLS["multi-published"], PROTOCOLS["multi"]
    assert settings_for(published, shown, Settings()).v0 == "displacement"
    assert settings_for(published, hidden, Settings()).v0 == "zero"
    assert settings_for(toy_model(**OURS), shown, Settings()).v0 == "zero"
    chosen = Settings(v0="displacement")
    assert settings_for(toy_model(**OURS), shown, chosen).v0 == "displacement"
    assert settings_for(Spy(), shown, chosen).v0 is None


def test_a_score_is_the_same_after_json():
    """Failures and curves too."""
    scores = run([*baselines(), contender(Fragile())])
    assert any(x.failure for x in scores)
    for score in scores:
        again = Score.from_dict(
            score.to_dict() | {"rmsf_windows": [*score.rmsf_windows]}
        )
        assert str(again) == str(score)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError])
def test_a_batch_that_does_not_fit_is_halved_and_nobody_skipped(monkeypatch, error):
    """Each complex is predicted as it is alone; only one too large alone fails."""
    model, rollout, tried = toy_model(**OURS), type(toy_model()).rollout, []
    some = cases(WINDOW, [drifting(k) for k in range(5)])
    settled = settings_for(model, WINDOW, Settings())

    def predicted(chosen):
        return roll_out(model, chosen, WINDOW, settled, seed=0, device=CPU)

    alone = [predicted([x])[0] for x in some]

    def limited(self, start, times, settings):
        tried.append(len(start.generators))
        if tried[-1] > most:
            raise error("CUDA out of memory.")
        yield from rollout(self, start, times, settings)

    monkeypatch.setattr(type(model), "rollout", limited)
    most = 2
    for one, two in zip(alone, predicted(some), strict=True):
        assert two.failure == ""
        torch.testing.assert_close(one.positions, two.positions, rtol=0, atol=1e-5)
    assert tried == [5, 3, 2, 1, 2]
    most = 0
    assert all("out of memory" in x.failure for x in predicted(some))
