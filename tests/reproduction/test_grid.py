"""A table is made cell by cell, once each, and set beside the paper."""

import json
from dataclasses import replace

import pytest

from neuralmd_cli.errors import InputError, OutputError, TrainingError
from neuralmd_cli.reproduction import cells
from neuralmd_cli.reproduction.grid import reproduce
from neuralmd_cli.reproduction.plan import Plan, data_sets
from tests.toy_data import TINY, write_set, write_toy_set


@pytest.fixture
def plan(tmp_path):
    """One model, two seeds, on a toy set."""
    data, split = write_toy_set(tmp_path)
    return Plan(
        table="table1",
        data=(data,),
        splits=(str(split),),
        models=("neuralmd-ode",),
        seeds=(0, 42),
        settings=TINY,
        epochs=1,
    )


def made(plan, folder):
    """The grid, and what was said of each cell."""
    said = []
    grid = reproduce(plan, folder, device="cpu", on_cell=said.append)
    return grid, said


def test_a_grid_is_resumed_cell_by_cell(plan, tmp_path, monkeypatch):
    """What is there is not made again; what is gone is, and is the same."""
    out = tmp_path / "out"
    grid, said = made(plan, out)
    assert len(said) == 3
    rows = {x.name: x for x in grid.parts[0].rows}
    assert rows["neuralmd-ode"].seeds == (0, 42)
    assert rows["frozen"].cells["skill"].value == 0.0
    lost = out / "multi" / "split" / "cells" / "neuralmd-ode-seed-42.json"
    before = json.loads(lost.read_text())
    lost.unlink()
    _, said = made(plan, out)
    assert ["there already" in x for x in said] == [True, True, False]
    after = json.loads(lost.read_text())
    for content in (before, after):
        for score in content["scores"]:
            score.pop("seconds")
    assert before == after

    def never(*arguments, **options):
        raise AssertionError

    monkeypatch.setattr(cells, "train", never)
    again, _ = made(plan, out)
    assert again.parts[0].rows[-1].cells["mae"] == rows["neuralmd-ode"].cells["mae"]
    assert "neuralmd-ode" in (out / "table1.md").read_text()


def test_cells_of_other_options_are_not_mixed_in(plan, tmp_path):
    """The file is named, and what differs."""
    out = tmp_path / "out"
    one = replace(plan, seeds=(0,))
    made(one, out)
    more = tmp_path / "more.hdf5"
    write_set(more, ["OTHER"])
    # A file that holds none of it changes nothing.
    _, said = made(replace(one, data=(*one.data, more)), out)
    assert all("there already" in x for x in said)
    with pytest.raises(OutputError, match=r"seed-0.json was made .* differ in request"):
        made(replace(one, epochs=2), out)


def test_a_training_that_fails_is_a_failure_in_the_table(plan, tmp_path, monkeypatch):
    """Divergence is kept as a result; what the user can mend is tried again."""
    out = tmp_path / "out"
    one = replace(plan, seeds=(0,))
    wrong = replace(one, settings=(*TINY, "neuralmd-ode:system.nosuch=1"))
    grid, _ = made(wrong, out)
    (reason,) = grid.parts[0].rows[-1].failed.values()
    assert "nosuch" in reason
    assert not list(out.rglob("neuralmd-ode*.json"))

    def diverges(*arguments, **options):
        raise TrainingError("the loss is no number")

    monkeypatch.setattr(cells, "train", diverges)
    grid, _ = made(one, out)
    (reason,) = grid.parts[0].rows[-1].failed.values()
    assert "no number" in reason
    _, said = made(one, out)
    assert all("there already" in x for x in said)


def test_the_figure_has_the_recording_and_each_model(tmp_path):
    """As PNG and SVG; windows begin with the first predicted snapshot."""
    pytest.importorskip("matplotlib")
    data = tmp_path / "toy.hdf5"
    write_set(data, ["AAA1"], frames=100)
    plan = Plan(
        table="fig3",
        data=(data,),
        trajectories=("AAA1",),
        models=("neuralmd-ode",),
        seeds=(0,),
        settings=TINY,
        epochs=1,
    )
    out = tmp_path / "out"
    grid, _ = made(plan, out)
    (part,) = grid.parts
    assert part.first_scored == 81
    assert {k: len(v[0]) for k, v in part.curves["AAA1"].items()} == {
        "recorded": 16,
        "neuralmd-ode": 16,
    }
    assert (out / "fig3.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (out / "fig3.svg").read_text()


def test_missing_data_are_named_with_the_command_that_fetches_them(plan, tmp_path):
    """All of the paper's, where nothing else is asked for."""
    bare = replace(plan, splits=(), models=())
    with pytest.raises(InputError, match="misato-100, misato-1000, misato-all") as one:
        made(bare, tmp_path / "out")
    assert "`neuralmd data fetch misato-100`" in one.value.hint
    single = replace(bare, table="table2")
    with pytest.raises(InputError, match="5WIJ, 4ZX0") as two:
        made(single, tmp_path / "out")
    assert "`neuralmd data fetch misato-single`" in two.value.hint


def test_what_is_there_is_made_and_the_rest_noted(plan, tmp_path):
    """One data set of two."""
    both = replace(plan, splits=(*plan.splits, "misato-100"), seeds=(0,))
    grid, _ = made(both, tmp_path / "out")
    assert [x.name for x in grid.parts] == ["split.toml"]
    (note,) = grid.notes
    assert "misato-100 is left out: 100 of its 100" in note


def test_the_papers_data_are_scored_by_its_protocols(plan):
    """And its own models; others by ours, with every model that can be trained."""
    paper = data_sets(replace(plan, splits=(), models=()))
    assert {x.protocol.name for x in paper} == {"multi-published"}
    assert len(paper[0].models) == 5
    single = data_sets(replace(plan, table="table3", splits=(), models=()))
    assert len(single) == 10
    assert {x.protocol.name for x in single} == {"single-published"}
    (own,) = data_sets(replace(plan, models=()))
    assert own.protocol.name == "multi"
    assert "cgmd" in own.models


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": ("frozen",)}, "no weights to train"),
        ({"trajectories": ("AAA1",)}, "means nothing for table1"),
        ({"splits": ("nosuch",)}, "no split or file named nosuch"),
    ],
)
def test_plans_that_make_no_sense_are_refused(plan, changes, message):
    """Before any work."""
    with pytest.raises(InputError, match=message):
        data_sets(replace(plan, **changes))
