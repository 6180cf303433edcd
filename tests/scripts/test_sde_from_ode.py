"""The SDE that scripts/sde_from_ode.py makes is the ODE's force, made warm."""

import runpy
from pathlib import Path

import pytest
import torch

from neuralmd_cli.complex import collate
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from neuralmd_cli.weights.model import load_model
from tests.toy import toy_complex, toy_model

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "sde_from_ode.py"
DAMPED = {"friction_per_ps": 0.025, "tether_per_ps2": 0.025**2 / 4}


@pytest.fixture
def convert(tmp_path):
    """Save a toy ODE, convert it; both as loaded models."""

    def run(**options):
        ode = toy_model(**options)
        source, output = tmp_path / "ode.safetensors", tmp_path / "sde.safetensors"
        metadata = CheckpointMetadata(
            name="ode", model=ode.name, config=ode.config.to_dict()
        )
        save_checkpoint(source, ode.state_dict(), metadata)
        runpy.run_path(str(SCRIPT))["convert"](source, output)
        return load_model(source).system.double(), load_model(output).system.double()

    return run


def test_force_and_constants_are_the_odes(convert):
    """Same drift at any positions, same friction and thermal speed; random at 300 K."""
    options = DAMPED | {"thermal_speed": 0.004, "initial_velocity_network": True}
    ode, sde = convert(**options)
    batch = collate([toy_complex(0)])
    moved = batch.positions + 0.1
    with torch.no_grad():
        mean = sde.mean_dynamics(batch)
        ours = mean.force_field(moved.new_zeros(()), moved) / batch.masses[:, None]
        ours = ours - mean.stiffness_per_ps2 * (moved - mean.reference)
        rest = (torch.zeros_like(moved), moved)
        theirs, _ = ode.dynamics(batch).derivative(moved.new_zeros(()), rest)
    torch.testing.assert_close(ours, theirs)
    for field in ("friction_per_ps", "tether_per_ps2", "thermal_speed", "step_ps"):
        assert getattr(sde.config, field) == getattr(ode.config, field)
    assert sde.is_random(sde.defaults)


@pytest.mark.parametrize("options", [DAMPED, {"thermal_speed": 0.004}])
def test_an_ode_that_cannot_be_warm_is_refused(convert, options):
    """Without a thermal speed, or without friction, there is no such SDE."""
    with pytest.raises(ValueError, match=r"thermal_speed|friction_per_ps"):
        convert(**options)
