"""Recipes say what they mean, and wrong ones say what is wrong."""

from dataclasses import fields
from pathlib import Path

import pytest

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import Statistics
from neuralmd_cli.training.recipe import Recipe
from neuralmd_cli.training.recipe_file import (
    Setup,
    preset_content,
    preset_names,
    read_preset,
    read_setup,
    settings_of,
    with_settings,
)

STATISTICS = Statistics(
    elements=(6, 7, 8), fluctuation=0.5, displacement=0.5, spacing_ps=80.0
)


def test_the_default_preset_lists_every_key_with_its_default():
    """So that it can be copied; and it is what an empty recipe means."""
    content = preset_content("default")["training"]
    assert set(content) == {x.name for x in fields(Recipe)}
    assert read_preset("default").recipe == Recipe()


def test_the_published_settings_are_presets():
    """The three checkpoints of the authors, as FACTS.md has their settings."""
    names = preset_names()
    assert {"default", "quick", "published/misato-100-ode"} <= set(names)
    assert "paper_grid" not in names
    small = read_preset("published/misato-100-ode")
    large = read_preset("published/misato-1000-ode")
    sde = read_preset("published/misato-1000-sde")
    assert (small.recipe.window, large.recipe.window) == (20, 10)
    for setup in (small, large, sde):
        recipe = setup.recipe
        assert (recipe.optimiser, recipe.learning_rate) == ("adam", 1e-4)
        assert (recipe.batch_complexes, recipe.epochs) == (8, 100)
        assert recipe.window_unit == "snapshots"
        assert setup.binding_net().is_published
        assert setup.binding_net().radial_functions == 100
    assert small.system["velocity_refinement"] == 0.0
    assert large.system["velocity_refinement"] == 0.01
    assert [x.system["step_ps"] for x in (small, large, sde)] == [400, 400, 800]


@pytest.mark.parametrize(
    "name", [x for x in preset_names() if read_preset(x).model in (None, *SYSTEMS)]
)
def test_every_preset_makes_a_model(name):
    """Its options are ones the system has."""
    setup = read_preset(name)
    kind = SYSTEMS[setup.model or "neuralmd-ode"]
    model = kind.for_data(STATISTICS, setup.binding_net(), setup.system)
    for key, value in setup.system.items():
        assert getattr(model.config, key) == value
    if setup.binding_net().is_published:
        assert model.config.binding_net.force_scale == 1.0


def test_a_file_is_read_over_the_default(tmp_path):
    """Every table and key it has; numbers may be whole where they need not be."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'model = "neuralmd-ode"\n[network]\nchannels = 64\n[system]\nstep_ps = 80.0\n'
        '[training]\nerror = "mae"\nwindow = 5\nvelocity_rules = ["zero"]\n'
    )
    setup = read_setup(path)
    assert setup.recipe == Recipe(error="mae", window=5.0, velocity_rules=("zero",))
    assert setup.binding_net() == BindingNetConfig(channels=64)
    assert setup.model == "neuralmd-ode"
    assert setup.system == {"step_ps": 80.0}


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("[training]\nlerning_rate = 1", "no key 'lerning_rate'", "learning_rate?"),
        ("[network]\nchanels = 1", "no key 'network.chanels'", "channels?"),
        ("[trainings]\n", "no key 'trainings'", "training?"),
        ("training = 1", "training is not a table", "[training]"),
        ('[training]\nerror = "rmse"', "one of mae, mse", "docs"),
        ("[training]\nepochs = 1.5", "epochs is 1.5; it must be a whole", "docs"),
        ("[training]\nepochs = true", "epochs is True", "docs"),
        ("[training]\nlearning_rate = 0", "learning_rate is 0.0, not above 0", "docs"),
        ("[training]\nweight_decay = -1", "weight_decay is -1.0, below 0", "docs"),
        ("[training]\naveraging = 1.0", "averaging is 1.0, not below 1", "docs"),
        ("[training]\nvelocity_rules = []", "a list, each item one of zero", "docs"),
        ("[training]\nvalidation_starts = [-1]", "holds a number below 0", "docs"),
        ("[training]\nwindow = 2.5", "2.5 steps, not a whole", "ps"),
        ("[training]\nepochs = 0\npull_epochs = 0", "nothing to do", "--epochs"),
        ("[training", "mine.toml is not TOML", "key = value"),
    ],
)
def test_wrong_files_are_refused(tmp_path, content, message, hint):
    """With the file's name, the key, and what it may be."""
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as error:
        read_setup(path)
    assert "mine.toml" in error.value.message
    assert hint in error.value.hint


def test_unknown_presets_and_files_are_refused(tmp_path):
    """With the names there are."""
    with pytest.raises(InputError) as error:
        read_preset("fast")
    assert "published/misato-100-ode" in error.value.hint
    with pytest.raises(InputError, match="cannot be read"):
        read_setup(tmp_path / "none.toml")


def test_single_keys_are_set_as_typed():
    """TOML values, text without quotes, lists with commas, tables with a dot."""
    setup = with_settings(
        Setup(),
        [
            "learning_rate=1e-3",
            "error=mae",
            "velocity_rules=zero,thermal,learned",
            "validation_starts=0,5",
            "network.channels=64",
            "system.solver=rk4",
            "random_length=true",
        ],
    )
    assert setup.recipe == Recipe(
        learning_rate=1e-3,
        error="mae",
        velocity_rules=("zero", "thermal", "learned"),
        validation_starts=(0, 5),
        random_length=True,
    )
    assert setup.network == {"channels": 64}
    assert setup.system == {"solver": "rk4"}


@pytest.mark.parametrize("text", ["learning_rate", "=3", "rate=1", "net.channels=1"])
def test_settings_that_mean_nothing_are_refused(text):
    """With the text as it was typed."""
    with pytest.raises(InputError, match=f"--set {text}"):
        with_settings(Setup(), [text])


def test_a_network_that_cannot_be_is_refused():
    """The reason is the network's own."""
    with pytest.raises(InputError, match="multiple of 4"):
        with_settings(Setup(), ["network.channels=6"]).binding_net()


@pytest.mark.parametrize("name", preset_names())
def test_settings_of_a_recipe_make_it_again(name):
    """So the command in a checkpoint's metadata says all."""
    setup = read_preset(name)
    again = with_settings(Setup(model=setup.model), settings_of(setup))
    assert again.to_dict() == setup.to_dict()


def test_presets_say_what_they_are_for():
    """Each in one line."""
    for name in preset_names():
        assert preset_content(name)["about"]


def test_the_docs_explain_every_key_and_preset():
    """One row each in docs/training.md, with the default there is."""
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    rows = {x.split("`")[1]: x for x in page.splitlines() if x.startswith("| `")}
    assert {x.name for x in fields(Recipe)} | set(preset_names()) <= set(rows)
    for key, value in preset_content("default")["training"].items():
        shown = rows[key].split("|")[2].strip()
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        same = float(shown) == value if isinstance(value, float) else False
        assert same or shown == text.lower(), key
