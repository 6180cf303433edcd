"""A checkpoint gives back the model it was made from, or says why not."""

import pytest
import torch

from neuralmd_cli.errors import WeightsError
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from neuralmd_cli.weights.model import load_model
from tests.toy import toy_model


def saved(path, *, kind="neuralmd-ode", config=None, tensors=None):
    model = toy_model(
        initial_velocity_network=True, thermal_speed=0.01, trained_elements=(6, 7)
    )
    metadata = CheckpointMetadata(
        name="toy", model=kind, config=config or model.config.to_dict()
    )
    save_checkpoint(path, tensors or model.state_dict(), metadata)
    return model


def test_a_saved_model_comes_back_whole(tmp_path):
    """Config and every tensor, and in eval mode."""
    model = saved(tmp_path / "toy.safetensors")
    loaded = load_model(tmp_path / "toy.safetensors")
    assert loaded.system.config == model.config
    assert not loaded.system.training
    assert loaded.name == "toy"
    for key, value in loaded.system.state_dict().items():
        assert torch.equal(value.double(), model.state_dict()[key].double())


def test_config_round_trip_with_every_field_changed():
    """to_dict and from_dict lose nothing."""
    config = NeuralODEConfig(
        solver="rk4", step_ps=20.0, trained_elements=(6, 8), velocity_rule="thermal"
    )
    assert NeuralODEConfig.from_dict(config.to_dict()) == config


def test_other_kinds_of_model_are_refused(tmp_path):
    """By name, with what this version runs."""
    path = tmp_path / "toy.safetensors"
    saved(path, kind="neuralmd-flexible")
    with pytest.raises(WeightsError, match="neuralmd-flexible.*does not know"):
        load_model(path)


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"solver": "leapfrog"},
        {"velocity_rule": "fast"},
        {"time_convention": "stellar"},
        {"step_ps": 0.0},
        {"binding_net": {"variant": "other"}},
    ],
)
def test_a_config_that_says_something_else_is_refused(tmp_path, change):
    """Unknown names and values in the config are not ignored."""
    path = tmp_path / "toy.safetensors"
    config = toy_model().config.to_dict() | change
    saved(path, config=config)
    with pytest.raises(WeightsError, match="config inside does not describe"):
        load_model(path)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_tensors_that_do_not_fit_are_refused(tmp_path, change):
    """Missing, additional or wrongly shaped: the first is named."""
    path = tmp_path / "toy.safetensors"
    tensors = dict(saved(path).state_dict())
    key = "binding_net.ligand.edge.weight"
    if change == "missing":
        del tensors[key]
    elif change == "shape":
        tensors[key] = tensors[key][:-1]
    else:
        key = "binding_net.surplus"
        tensors[key] = torch.zeros(1)
    saved(path, tensors=tensors)
    with pytest.raises(WeightsError, match=f"1 tensors are.*{key}"):
        load_model(path)
