import math

import numpy as np
import pytest
import scipy.stats

from neuralmd_cli.analysis.bootstrap import mean_interval, skill_interval


def test_the_same_seed_gives_the_same_interval():
    """And another seed a slightly different one."""
    values = np.random.default_rng(0).normal(size=20).tolist()
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert mean_interval(values, seed=3) != mean_interval(values, seed=4)


def test_interval_is_scipys():
    """The percentile bootstrap of scipy, up to the noise of resampling."""
    values = np.random.default_rng(1).exponential(size=30)
    ours = mean_interval(values.tolist())
    theirs = scipy.stats.bootstrap((values,), np.mean, method="percentile")
    assert ours.value == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.05)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.05)
    assert ours.high - ours.low > 0.5


def test_interval_covers_the_truth_about_as_often_as_it_says():
    """Of 200 samples of 25 draws, the interval holds the mean in some 93 %."""
    rng = np.random.default_rng(2)
    intervals = [mean_interval(rng.normal(size=25).tolist()) for _ in range(200)]
    covered = np.mean([x.low <= 0 <= x.high for x in intervals])
    assert 0.87 < covered < 0.98


def test_equal_values_leave_no_doubt():
    """Zero variance: the interval is the value."""
    interval = mean_interval([2.5] * 8)
    assert (interval.low, interval.value, interval.high) == (2.5, 2.5, 2.5)


def test_undefined_complexes_are_left_out():
    """A ligand without rotatable bonds says nothing about torsions."""
    some, all_ = mean_interval([1.0, math.nan, 3.0]), mean_interval([1.0, 3.0])
    assert some == all_
    assert some.complexes == 2


@pytest.mark.parametrize("values", [[], [math.nan], [1.0], [1.0, math.nan]])
def test_one_complex_tells_nothing_of_the_spread(values):
    """No interval with fewer than two; without any, no value."""
    interval = mean_interval(values)
    known = [x for x in values if not math.isnan(x)]
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert interval.complexes == len(known)
    assert math.isnan(interval.value) == (not known)


def test_skill_is_of_the_means_and_its_interval_joint():
    """A model always halfway has skill 1/2 without doubt, however complexes differ."""
    rng = np.random.default_rng(3)
    mean_pose = rng.uniform(1, 2, size=12)
    frozen = mean_pose + rng.uniform(0, 3, size=12)
    halfway = (frozen + mean_pose) / 2
    interval = skill_interval(halfway.tolist(), frozen.tolist(), mean_pose.tolist())
    assert interval.value == pytest.approx(0.5)
    assert interval.low == pytest.approx(0.5)
    assert interval.high == pytest.approx(0.5)


def test_a_complex_that_hardly_moves_does_not_decide_the_skill():
    """Errors 2, 1.1 and 1, and one complex where all three are within 0.001."""
    interval = skill_interval([1.1, 1.01], [2.0, 1.001], [1.0, 1.0])
    assert interval.value == pytest.approx((3.001 - 2.11) / 1.001)


def test_skill_without_room_is_undefined():
    """No complex moves: no number, and no interval."""
    interval = skill_interval([1.0, 1.0], [1.0, 1.0], [1.0, 1.0])
    assert math.isnan(interval.value)
    assert math.isnan(interval.low)
