"""A table's numbers are those of its scores, pooled and spread as it says."""

import math
from dataclasses import replace
from statistics import fmean, stdev

import pytest

from neuralmd_cli.analysis.metric_table import METRICS
from neuralmd_cli.analysis.published_metrics import PublishedScores
from neuralmd_cli.benchmark.layout import (
    CORRECTED,
    PUBLISHED,
    number,
    paper_cell,
    rest,
    with_interval,
    with_spread,
)
from neuralmd_cli.benchmark.score import Score
from neuralmd_cli.benchmark.table import Cell, make_rows


def score(row, name, error, *, seed=None, draw=None, failure="", atoms=10) -> Score:
    """A complex with 20 snapshots whose every error is `error`, in two seconds."""
    own = PublishedScores(
        mae=error,
        rmse=error,
        matching=error,
        stability=100 - error,
        ligand_collision=5.0,
        binding_collision=0.0,
        atoms=atoms,
        frames=20,
    )
    return Score(
        row=row,
        model="neuralmd-ode" if row == "ours" else row,
        weights="w" if row == "ours" else None,
        training_seed=seed,
        draw=draw,
        complex=name,
        failure=failure,
        published=None if failure else own,
        corrected={} if failure else {"position_rmsd": error},
        seconds=2.0,
    )


def scale(names=("A", "B")):
    """The two baselines that mark the scale: 2 Å and 1 Å."""
    return [
        score(row, name, error)
        for row, error in (("frozen", 2.0), ("mean-pose", 1.0))
        for name in names
    ]


def test_values_are_means_over_complexes_and_spreads_over_seeds():
    """Skill too; the interval holds the value."""
    errors = {0: (1.0, 2.0), 42: (1.4, 2.2), 123: (1.1, 2.4)}
    scores = scale() + [
        score("ours", name, error, seed=seed)
        for seed, pair in errors.items()
        for name, error in zip("AB", pair, strict=True)
    ]
    ours = make_rows(scores, "own")[-1]
    cell = ours.cells["position_rmsd"]
    by_seed = [fmean(x) for x in errors.values()]
    assert cell.value == pytest.approx(fmean(by_seed))
    assert cell.std == pytest.approx(stdev(by_seed))
    assert cell.low <= cell.value <= cell.high
    assert ours.cells["skill"].value == pytest.approx(2 - fmean(by_seed))
    assert ours.cells["skill"].std == pytest.approx(stdev(by_seed))
    assert ours.cells["mae"].value == pytest.approx(fmean(by_seed))
    assert ours.seeds == (0, 42, 123)


def test_published_errors_count_atoms_and_matching_complexes():
    """As the authors pool them: a ligand of 30 atoms weighs three times in MAE."""
    scores = [score("ours", "A", 1.0), score("ours", "B", 2.0, atoms=30)]
    (row,) = make_rows(scores, "own")
    assert row.cells["mae"].value == pytest.approx(1.75)
    assert row.cells["matching"].value == pytest.approx(1.5)


def test_draws_of_one_seed_are_no_spread():
    """The spread is over seeds; each seed's draws are averaged first."""
    draws = ["0.1", "0.2", "42.1", "42.2"]
    for trained in (None, 7):
        scores = [
            score("ours", "A", 1.0 + k, seed=trained, draw=draw)
            for k, draw in enumerate(draws)
        ]
        (row,) = make_rows(scores[:2], "own")
        assert row.cells["mae"].value == pytest.approx(1.5)
        assert math.isnan(row.cells["mae"].std)
        (row,) = make_rows(scores, "own")
        assert row.cells["mae"].std == pytest.approx(stdev([1.5, 3.5]))
        assert row.seeds == ("0", "42")


def test_failures_are_counted_and_compared_like_with_like():
    """Skill is against the baselines on the complexes that are left."""
    scores = [
        *scale("A"),
        score("frozen", "B", 9.0),
        score("mean-pose", "B", 1.0),
        score("ours", "A", 1.5),
        score("ours", "B", 0.0, failure="lost"),
    ]
    ours = make_rows(scores, "own")[-1]
    assert dict(ours.failed) == {"B": "lost"}
    assert ours.cells["skill"].value == pytest.approx(0.5)
    assert ours.cells["skill"].complexes == 1


def test_speed_counts_each_snapshot_once_and_fps_as_theirs():
    """20 snapshots in 2 s; their formula has 20 times as many."""
    (row,) = make_rows([score("ours", x, 1.0) for x in "ABC"], "own")
    assert row.cells["snapshots_per_s"].value == pytest.approx(10)
    assert row.cells["fps"].value == pytest.approx(200)


def test_the_papers_values_stand_beside_ours():
    """For its splits, models and metrics; for no other."""
    ours = [replace(x, model="neuralmd-ode") for x in (score("ours", "A", 1.0),)]
    (row,) = make_rows(ours, "misato-100")
    assert paper_cell(row, "mae") == "5.867 ± 0.00"
    assert paper_cell(row, "position_rmsd") == "-"
    (row,) = make_rows(ours, "own")
    assert not row.paper


def test_every_metric_is_in_the_columns_once():
    """Main ones and the rest."""
    columns = [*PUBLISHED, *CORRECTED, *rest("published"), *rest("corrected")]
    assert sorted(columns) == sorted(m.name for m in METRICS)


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (0.12345, "mae", "0.123"),
        (-23.456, "skill", "-23.46"),
        (97.25, "stability", "97.2"),
        (123.456, "mae", "123.5"),
        (math.nan, "mae", "-"),
        (12345.6, "fps", "12346"),
    ],
)
def test_numbers_have_the_digits_worth_reading(value, name, text):
    """By size and unit."""
    assert number(value, name) == text


def test_spreads_and_intervals_are_left_out_where_there_are_none():
    """One seed has no spread, one complex no interval."""
    assert with_spread(Cell(value=1.0), "mae") == "1.000"
    assert with_spread(Cell(value=1.0, std=0.5), "mae") == "1.000 ± 0.500"
    assert with_interval(Cell(value=1.0), "skill") == "1.000"
    cell = Cell(value=1.0, low=0.5, high=1.5)
    assert with_interval(cell, "skill") == "1.00 [0.50, 1.50]"
