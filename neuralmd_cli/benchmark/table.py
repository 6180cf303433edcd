"""Scores of many complexes and seeds to one table: means, spreads and intervals."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from neuralmd_cli.analysis.bootstrap import Interval, mean_interval, skill_interval
from neuralmd_cli.analysis.metric_table import METRICS
from neuralmd_cli.analysis.published_metrics import pooled, published_fps
from neuralmd_cli.benchmark.score import Score
from neuralmd_cli.paper_tables.read import Published, published

NAN = math.nan
POOLED = ("mae", "rmse", "matching", "stability") + (
    "ligand_collision",
    "binding_collision",
)
"""The published metrics that are taken over a test set at once."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One metric of one row.

    `low` and `high` bound the mean over complexes (95 %, bootstrap), for the corrected
    metrics; `std` is over seeds (n - 1 in the denominator). NaN where there is none.
    """

    value: float
    low: float = NAN
    high: float = NAN
    std: float = NAN
    complexes: int = 0  # with a value


@dataclass(frozen=True, kw_only=True)
class Row:
    """One system, all its seeds together."""

    name: str
    model: str
    weights: tuple[str, ...]
    seeds: tuple[int | str, ...]
    complexes: int  # asked of it
    rollouts: int
    failed: Mapping[str, str]  # by complex and run: why
    cells: Mapping[str, Cell]  # by metric
    paper: Mapping[str, Published]  # the paper's values for this split, by metric


def make_rows(scores: Sequence[Score], split: str) -> list[Row]:
    """One row per system, in the order of the scores.

    The value of a corrected metric is a mean over the complexes that have one, each the
    mean of its runs. A published metric is pooled over the test set as the paper does,
    in each run, and the value is the mean over runs. Complexes that failed are in no
    mean; a row says how many these are.

    Args:
        scores: of `evaluate`, the baselines among them.
        split: whose published values to put beside; a split's name or a PDB id.
    """
    by_row: dict[str, list[Score]] = {}
    for score in scores:
        by_row.setdefault(score.row, []).append(score)
    errors = {
        name: _per_complex(by_row.get(name, []), _corrected("position_rmsd"))
        for name in ("frozen", "mean-pose")
    }
    return [_row(name, own, errors, split) for name, own in by_row.items()]


def _row(
    name: str,
    scores: Sequence[Score],
    errors: Mapping[str, Mapping[str, float]],
    split: str,
) -> Row:
    done = [x for x in scores if not x.failure]
    cells = {metric: _pooled_cell(done, metric) for metric in POOLED}
    for metric in METRICS:
        if metric.name not in cells and metric.definition == "corrected":
            cells[metric.name] = _mean_cell(done, _corrected(metric.name))
    cells["skill"] = _skill_cell(done, errors)
    cells |= _speeds(done)
    model = scores[0].model
    seeds = dict.fromkeys(map(_seed_of(scores), scores))
    paper = {m.name: published(split, model, m.name) for m in METRICS}
    return Row(
        name=name,
        model=model,
        weights=tuple(dict.fromkeys(x.weights for x in scores if x.weights)),
        seeds=tuple(x for x in seeds if x is not None),
        complexes=len({x.complex for x in scores}),
        rollouts=len(scores),
        failed={_label(x): x.failure for x in scores if x.failure},
        cells={m.name: cells[m.name] for m in METRICS},
        paper={k: v for k, v in paper.items() if v is not None},
    )


def _label(score: Score) -> str:
    """The complex, and which run of it."""
    runs = [
        f"{what} {x}"
        for what, x in (("seed", score.training_seed), ("draw", score.draw))
        if x is not None
    ]
    return ", ".join([score.complex, *runs])


def _corrected(metric: str) -> Callable[[Score], float]:
    return lambda score: score.corrected.get(metric, NAN)


def _per_complex(
    scores: Sequence[Score], value: Callable[[Score], float]
) -> dict[str, float]:
    """Mean over the runs of each complex; NaN where one of them has none."""
    found: dict[str, list[float]] = {}
    for score in scores:
        if not score.failure:
            found.setdefault(score.complex, []).append(value(score))
    return {name: fmean(values) for name, values in found.items()}


def _seed_of(scores: Sequence[Score]) -> Callable[[Score], int | str | None]:
    """What the spread of a row is over: training seeds, or else those of its draws."""
    if len({x.training_seed for x in scores}) > 1:
        return lambda score: score.training_seed
    if all(x.draw is None for x in scores):
        return lambda score: score.training_seed
    return lambda score: score.draw_seed


def _by(scores: Sequence[Score], key: Callable[[Score], object]) -> list[list[Score]]:
    groups: dict[object, list[Score]] = {}
    for score in scores:
        groups.setdefault(key(score), []).append(score)
    return list(groups.values())


def _spread(values: Sequence[float]) -> float:
    known = [x for x in values if not math.isnan(x)]
    return stdev(known) if len(known) > 1 else NAN


def _pooled_cell(scores: Sequence[Score], metric: str) -> Cell:
    """A published metric: pooled in each run, then the mean over runs."""
    if not scores:
        return Cell(value=NAN)

    def over(group: Sequence[Score]) -> float:
        runs = _by(group, lambda x: x.run)
        return fmean(
            getattr(pooled([x.published for x in run if x.published]), metric)
            for run in runs
        )

    return Cell(
        value=over(scores),
        std=_spread([over(x) for x in _by(scores, _seed_of(scores))]),
        complexes=len({x.complex for x in scores}),
    )


def _mean_cell(scores: Sequence[Score], value: Callable[[Score], float]) -> Cell:
    """A corrected metric: its mean over complexes, with the interval."""
    interval = mean_interval(list(_per_complex(scores, value).values()))
    by_seed = [
        mean_interval(list(_per_complex(x, value).values())).value
        for x in _by(scores, _seed_of(scores))
    ]
    return _with_interval(interval, _spread(by_seed))


def _skill_cell(
    scores: Sequence[Score], errors: Mapping[str, Mapping[str, float]]
) -> Cell:
    """Skill of the mean errors, over the complexes that all three have."""

    def over(group: Sequence[Score]) -> Interval:
        own = _per_complex(group, _corrected("position_rmsd"))
        frozen, best = errors["frozen"], errors["mean-pose"]
        return skill_interval(
            list(own.values()),
            [frozen.get(x, NAN) for x in own],
            [best.get(x, NAN) for x in own],
        )

    by_seed = [over(x).value for x in _by(scores, _seed_of(scores))]
    return _with_interval(over(scores), _spread(by_seed))


def _with_interval(interval: Interval, std: float) -> Cell:
    return Cell(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        std=std,
        complexes=interval.complexes,
    )


def _speeds(scores: Sequence[Score]) -> dict[str, Cell]:
    """Snapshots per second of rollout, and what the paper's formula makes of it."""
    own = [x for x in scores if x.published is not None]
    seconds = sum(x.seconds for x in own)
    if not own or not seconds:
        return {"snapshots_per_s": Cell(value=NAN), "fps": Cell(value=NAN)}
    frames = [x.published.frames for x in own if x.published is not None]
    n = len({x.complex for x in own})
    return {
        "snapshots_per_s": Cell(value=sum(frames) / seconds, complexes=n),
        "fps": Cell(
            value=published_fps(round(fmean(frames)), len(own), seconds), complexes=n
        ),
    }
