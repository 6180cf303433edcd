"""Rollouts of the published variant are the authors' rollouts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neuralmd_cli.models.system import Start
from tests.golden import (
    SUFFIX,
    TOLERANCE,
    error,
    golden_batch,
    golden_model,
    golden_velocity,
)

ROLLOUT_TOLERANCE = {torch.float64: 1e-9, torch.float32: 5e-5}
SCHEMES = {
    "euler_h1": ("euler", 1.0, 1.0),
    "euler_h0.5": ("euler", 0.5, 1.0),
    "euler_h0.25": ("euler", 0.25, 1.0),
    "rk4_h1": ("rk4", 1.0, 1.0),
    "euler_h1_scaling100": ("euler", 0.01, 0.01),
}
CASES = [
    ("binding01_multi", "euler_h1"),
    ("binding01_multi", "euler_h0.5"),
    ("binding01_multi", "euler_h0.25"),
    ("binding01_multi", "rk4_h1"),
    ("binding01_single", "euler_h1"),
    ("binding01_single", "euler_h1_scaling100"),
]


@pytest.fixture(scope="module")
def goldens(shared):
    return shared / "goldens"


def rollout(goldens, model_name, scheme, dtype):
    solver, step, spacing = SCHEMES[scheme]
    model = golden_model(goldens, model_name, dtype)
    batch = golden_batch(goldens, "A", dtype)
    velocities = golden_velocity(goldens, "A", dtype)
    if model_name == "binding01_single":
        golden = np.load(goldens / "golden_modules.npz")
        start = golden[f"{model_name}.A.velocity_init.{SUFFIX[dtype]}"]
        velocities = torch.from_numpy(start).to(dtype)
    times = [k * spacing for k in range(21)]
    with torch.no_grad():
        states = model.solve(batch, velocities, times, solver=solver, step_ps=step)
        velocities, positions = zip(*states, strict=True)
    return torch.stack(positions), torch.stack(velocities)


@pytest.mark.parametrize("dtype", SUFFIX, ids=SUFFIX.values())
@pytest.mark.parametrize(("model_name", "scheme"), CASES)
def test_rollouts_are_the_authors(goldens, model_name, scheme, dtype):
    """20 snapshots from the same start equal the golden positions and velocities."""
    positions, velocities = rollout(goldens, model_name, scheme, dtype)
    golden = np.load(goldens / "golden_rollouts.npz")
    key = f"rollout.{model_name}.A.{scheme}"
    tolerance = ROLLOUT_TOLERANCE[dtype]
    assert error(positions, golden[f"{key}.pos.{SUFFIX[dtype]}"]) < tolerance
    assert error(velocities, golden[f"{key}.vel.{SUFFIX[dtype]}"]) < tolerance


@pytest.mark.parametrize("dtype", SUFFIX, ids=SUFFIX.values())
@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_the_rules_of_two_snapshots_are_the_authors(goldens, name, dtype):
    """`learned` maps x1 - x0 by BindingNet-Ligand; `displacement` takes it unscaled.

    C is the golden of the default neighbour cap: its 42 displacements reach it.
    """
    model = golden_model(goldens, "binding01_single", dtype)
    unit, suffix = 8000.0, SUFFIX[dtype]
    model.config = replace(model.config, ps_per_time_unit=unit)
    displacement = golden_velocity(goldens, name, dtype)
    start = Start(
        batch=golden_batch(goldens, name, dtype),
        generators=[torch.Generator()],
        displacement=displacement,
        spacing_ps=80.0,
    )
    file, key = "golden_modules", f"binding01_single.{name}.velocity_init"
    if name == "C":
        file, key = "golden_neighbour_cap", "C.velocity_init.lowest33_with_self"
    with np.load(goldens / f"{file}.npz") as golden, torch.no_grad():
        learned = model.initial_velocities(start, "learned") * unit
        assert error(learned, golden[f"{key}.{suffix}"]) < TOLERANCE[dtype]
    unscaled = model.initial_velocities(start, "displacement") * unit
    assert error(unscaled, displacement.numpy()) < TOLERANCE[dtype]
