"""A grid is trained cell by cell, and ranked by validation."""

import json

import pytest

from neuralmd_cli.errors import InputError, TrainingError
from neuralmd_cli.training.epoch import EpochResult
from neuralmd_cli.training.recipe_file import Setup
from neuralmd_cli.training.request import Request
from neuralmd_cli.training.search import read_grid, search
from neuralmd_cli.training.train import Trained

GRID = """
preset = "quick"
[grid]
learning_rate = [1e-3, 1e-4]
both = [{ optimiser = "sgd", momentum = 0.9 }, { optimiser = "adam" }]
"""


def request_(tmp_path):
    return Request(
        model="neuralmd-ode",
        data=(tmp_path / "x.hdf5",),
        split="own-md",
        trajectory=None,
        seed=42,
        setup=Setup(),
    )


def grid_file(tmp_path, text=GRID):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    return str(path)


def scored(calls, fails=()):
    """A training whose skill is its learning rate, plus 1 for adam."""

    def train_one(request, folder):
        recipe = request.setup.recipe
        calls.append(folder.path.name)
        if folder.path.name in fails:
            raise TrainingError("it diverged")
        skill = recipe.learning_rate + (recipe.optimiser == "adam")
        best = EpochResult(
            epoch=3,
            stage="rollout",
            loss=1.0,
            learning_rate=recipe.learning_rate,
            validation_skill=skill,
            seconds=0.0,
        )
        return Trained(best=best, results=[best], weights=folder.path, test_names=())

    return train_one


def test_every_combination_is_trained_and_ranked(tmp_path):
    """The last axis fastest; the best score first, failures last."""
    calls = []
    grid = read_grid(grid_file(tmp_path))
    cells = search(request_(tmp_path), grid, tmp_path, scored(calls, fails=["002"]))
    assert calls == ["001", "002", "003", "004"]
    assert [x.folder for x in cells] == ["004", "001", "003", "002"]
    assert cells[-1].problem == "it diverged"
    assert cells[1].settings == {
        "learning_rate": 1e-3,
        "optimiser": "sgd",
        "momentum": 0.9,
    }
    assert len(json.loads((tmp_path / "search.json").read_text())) == 4


def test_a_search_goes_on_where_it_stopped(tmp_path):
    """Finished cells are not trained again; a cell that was changed is."""
    calls = []
    grid = read_grid(grid_file(tmp_path))

    def until_third(request, folder):
        if folder.path.name == "003":
            raise KeyboardInterrupt
        return scored(calls)(request, folder)

    with pytest.raises(KeyboardInterrupt):
        search(request_(tmp_path), grid, tmp_path, until_third)
    assert len(search(request_(tmp_path), grid, tmp_path, scored(calls))) == 4
    assert calls == ["001", "002", "003", "004"]
    other = read_grid(grid_file(tmp_path, GRID.replace("1e-4", "1e-5")))
    search(request_(tmp_path), other, tmp_path, scored(calls))
    assert calls[4:] == ["003", "004"]


def test_the_papers_grid_is_its_table_5():
    """Two mappings, three alphas, three steps, two rates, two optimisers."""
    cells = list(read_grid("paper_grid").cells())
    assert len(cells) == 72 == len({json.dumps(x) for x in cells})
    for key, values in {
        "system.initial_velocity_network": {True, False},
        "system.velocity_refinement": {0.0, 0.01, 0.001},
        "system.step_ps": {20.0, 40.0, 80.0},
        "learning_rate": {1e-3, 1e-4},
        "optimiser": {"sgd", "adam"},
    }.items():
        assert {x[key] for x in cells} == values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('preset = "quick"', "no table \\[grid\\]"),
        ("[grid]\nlearning_rate = 1e-3", "learning_rate is no list"),
        ("[grid]\nlearning_rate = [0]", "learning_rate is 0.0, not above 0"),
        ("[grid]\nspeed = [1, 2]", "no key 'speed'"),
    ],
)
def test_wrong_grids_are_refused_before_any_training(tmp_path, text, message):
    """Every cell is checked when the grid is read."""
    with pytest.raises(InputError, match=message):
        read_grid(grid_file(tmp_path, text))
