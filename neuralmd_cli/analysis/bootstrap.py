"""Confidence intervals of means over complexes, by resampling the complexes.

Complexes are the independent draws, frames of one complex are not: so a whole complex
is drawn, with all its frames. The percentile method (Efron & Tibshirani 1993).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from neuralmd_cli.analysis.corrected_metrics import skill

RESAMPLES = 10_000
LEVEL = 0.95
_DRAWS_AT_ONCE = 500_000


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value, its confidence interval, and over how many complexes it is.

    With fewer than two complexes nothing is known of their spread: low and high are
    NaN. Complexes for which a metric is undefined are left out and not counted.
    """

    value: float
    low: float
    high: float
    complexes: int


def mean_interval(
    values: Sequence[float], *, seed: int = 0, level: float = LEVEL
) -> Interval:
    """The mean over complexes; NaN where no complex has a value.

    Args:
        values: one per complex; NaN where undefined.
        seed: of the resampling; the same gives the same interval.
        level: share of resampled means inside the interval.
    """
    known = np.array([x for x in values if not np.isnan(x)], dtype=float)
    value = float(known.mean()) if len(known) else np.nan
    means = _resampled_means(known[:, None], seed)[:, 0]
    return _interval(value, means, len(known), level)


def skill_interval(
    model: Sequence[float],
    frozen: Sequence[float],
    mean_pose: Sequence[float],
    *,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """Skill of the means over complexes; the three are resampled together.

    Not the mean of skills, which one complex that hardly moves would decide. Complexes
    in which one of the three is NaN are left out.

    Args:
        model, frozen, mean_pose: the same metric for the same complexes, in one order.
    """
    rows = np.array([model, frozen, mean_pose], dtype=float).T
    rows = rows[~np.isnan(rows).any(axis=1)]
    value = skill(*rows.mean(axis=0).tolist()) if len(rows) else np.nan
    ours, still, best = _resampled_means(rows, seed).T
    known = still != best
    skills = (still - ours)[known] / (still - best)[known]
    return _interval(value, skills, len(rows), level)


def _resampled_means(
    rows: Float[ndarray, "complexes columns"], seed: int
) -> Float[ndarray, "resamples columns"]:
    """Means over complexes drawn with replacement; none with fewer than two."""
    if len(rows) < 2:
        return np.empty((0, rows.shape[1]))
    rng, parts = np.random.default_rng(seed), []
    at_once = max(1, _DRAWS_AT_ONCE // len(rows))
    for done in range(0, RESAMPLES, at_once):
        shape = (min(at_once, RESAMPLES - done), len(rows))
        parts.append(rows[rng.integers(len(rows), size=shape)].mean(axis=1))
    return np.concatenate(parts)


def _interval(
    value: float, resampled: Float[ndarray, " resamples"], complexes: int, level: float
) -> Interval:
    """Percentiles of the resampled values."""
    if not len(resampled):
        return Interval(value=value, low=np.nan, high=np.nan, complexes=complexes)
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=value, low=float(low), high=float(high), complexes=complexes)
