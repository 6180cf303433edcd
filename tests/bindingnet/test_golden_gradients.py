"""Training steps and odd geometry of the published variant are the authors'."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neuralmd_cli.bindingnet.published import published_name
from neuralmd_cli.graph import slots
from tests.golden import SUFFIX, TOLERANCE, error, golden_batch, golden_model


@pytest.fixture(scope="module")
def goldens(shared):
    return shared / "goldens"


def snapshots(goldens) -> torch.Tensor:
    """The synthetic trajectory of complex A, [snapshots, atoms, 3]."""
    trajectory = np.load(goldens / "inputs.npz")["A.traj"]
    return torch.from_numpy(trajectory).double().transpose(0, 1)


def multi_loss(model, batch, x) -> torch.Tensor:
    """Mean squared error of snapshots 1 to 5, Euler steps of one snapshot."""
    states = model.solve(batch, x[1] - x[0], [1.0, 2.0, 3.0, 4.0, 5.0], step_ps=1.0)
    predicted = torch.stack([positions for _, positions in states])
    return (predicted - x[1:6]).square().mean()


def single_loss(model, batch, x) -> torch.Tensor:
    """L1 error of snapshot 5, one Euler step from 4, mapped initial velocity."""
    rows = slots(batch.atom_complex, 1)
    mapped = model.initial_velocity(batch.atomic_numbers, x[4] - x[3], rows)
    start = replace(batch, positions=x[4])
    (state,) = model.solve(start, mapped.forces, [0.01], step_ps=0.01)
    return (state[1] - x[5]).abs().mean()


@pytest.mark.parametrize(
    ("name", "loss_of"),
    [("binding01_multi", multi_loss), ("binding01_single", single_loss)],
)
def test_a_training_step_has_the_authors_gradients(goldens, name, loss_of):
    """Loss, the norm of every parameter's gradient, and which have none."""
    golden = np.load(goldens / "golden_gradients.npz")
    model = golden_model(goldens, name, torch.float64)
    x = snapshots(goldens)
    batch = replace(golden_batch(goldens, "A", torch.float64), positions=x[0])
    loss = loss_of(model, batch, x)
    golden_loss = float(golden[f"{name}.loss.f64"])
    assert float(loss.detach()) == pytest.approx(golden_loss, rel=1e-12)
    loss.backward()
    checked = 0
    for ours, parameter in model.named_parameters():
        expected = float(golden[f"{name}.gradnorm.{published_name(ours)}.f64"])
        norm = 0.0 if parameter.grad is None else float(parameter.grad.norm())
        assert norm == pytest.approx(max(expected, 0.0), rel=1e-7, abs=1e-12), ours
        checked += expected > 0
    assert checked > 50


@pytest.mark.parametrize("dtype", SUFFIX, ids=SUFFIX.values())
def test_degenerate_geometry_gives_the_authors_numbers(goldens, dtype):
    """An atom at the origin, atoms on a line and on a point, an isolated one."""
    golden = np.load(goldens / "golden_degenerate.npz")
    ligand = golden_model(goldens, "binding01_multi", dtype).binding_net.ligand
    positions = torch.from_numpy(golden["pos"]).to(dtype)
    one = torch.zeros(5, dtype=torch.long)
    numbers = torch.from_numpy(golden["z"]) + 1
    features = ligand(numbers, positions, slots(one, 1))
    ours = {
        "energy": ligand.energies(features, one, 1),
        "forces": features.forces,
        "repr": features.scalars,
    }
    errors = {k: error(v, golden[f"{k}.{SUFFIX[dtype]}"]) for k, v in ours.items()}
    assert max(errors.values()) < TOLERANCE[dtype], errors
