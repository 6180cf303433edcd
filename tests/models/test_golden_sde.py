"""The published SDE variants give the authors' numbers, the noise being theirs."""

from functools import partial

import numpy as np
import pytest
import torch

from neuralmd_cli.complex import collate
from neuralmd_cli.models.system import Start
from tests.golden import (
    SUFFIX,
    TOLERANCE,
    error,
    golden_batch,
    golden_complex,
    golden_model,
    golden_velocity,
)

CASES = [
    (f"{size}{model}", name)
    for size in ("", "tiny_")
    for model, names in (("binding02_multi", "ABC"), ("binding04_single", "A"))
    for name in names
]
SCHEMES = {
    "binding02_multi": ("euler_h1", 1.0),
    "binding04_single": ("euler_h1_scaling100", 0.01),
}
SLOW = pytest.mark.slow
"""Full-size networks in float32: the modules already show that precision."""
ROLLOUTS = [
    pytest.param(
        f"{size}{model}",
        dtype,
        marks=[SLOW] if not size and dtype == torch.float32 else [],
        id=f"{size}{model}-{SUFFIX[dtype]}",
    )
    for size in ("", "tiny_")
    for model in SCHEMES
    for dtype in SUFFIX
]
ROLLOUT_TOLERANCE = {torch.float64: 1e-7, torch.float32: 5e-5}


@pytest.fixture(scope="module")
def goldens(shared):
    return shared / "goldens"


def arrays(goldens, model_name, what):
    """The golden file of a model, and the model's name in it."""
    tiny = model_name.startswith("tiny_")
    names = {"modules": "golden", "rollouts": "rollouts"}
    file = f"tiny_{names[what]}.npz" if tiny else f"golden_{what}.npz"
    return np.load(goldens / file), model_name.removeprefix("tiny_")


@pytest.mark.parametrize("dtype", SUFFIX, ids=SUFFIX.values())
@pytest.mark.parametrize(("model_name", "name"), CASES)
def test_sigma_and_derivatives_are_the_authors(goldens, model_name, name, dtype):
    """sigma, dv/dt and dx/dt at the start, with the golden noise."""
    golden, key = arrays(goldens, model_name, "modules")
    noise = torch.from_numpy(golden[f"{key}.{name}.noise"]).to(dtype)
    model = golden_model(goldens, model_name, dtype)
    batch = golden_batch(goldens, name, dtype)
    velocities = golden_velocity(goldens, name, dtype)
    with torch.no_grad():
        ode = model.published_dynamics(batch, lambda: noise)
        acceleration, velocity = ode.derivative(
            torch.zeros((), dtype=dtype), (velocities, batch.positions)
        )
        ours = {
            "sigma": ode.force_field.sigma(batch.positions),
            "acceleration": acceleration,
            "velocity": velocity,
        }
    errors = {
        k: error(v, golden[f"{key}.{name}.{k}.{SUFFIX[dtype]}"])
        for k, v in ours.items()
    }
    assert max(errors.values()) < TOLERANCE[dtype], errors


def test_sigma_of_a_batch_is_the_authors(goldens):
    """The ligand module mixes no complexes, so the golden batch ABC holds for it."""
    golden = np.load(goldens / "golden_modules.npz")
    model = golden_model(goldens, "binding02_multi", torch.float64)
    batch = collate([golden_complex(goldens, x, torch.float64) for x in "ABC"])
    with torch.no_grad():
        noise = torch.zeros(1, dtype=torch.float64)
        sigma = model.published_dynamics(batch, lambda: noise).force_field.sigma
        ours = sigma(batch.positions)
    assert error(ours, golden["binding02_multi.ABC.sigma.f64"]) < 1e-9


@pytest.mark.parametrize(("model_name", "dtype"), ROLLOUTS)
def test_rollouts_are_the_authors(goldens, model_name, dtype):
    """20 snapshots with the golden noise, one draw per evaluation."""
    scheme, step = SCHEMES[model_name.removeprefix("tiny_")]
    golden, key = arrays(goldens, model_name, "rollouts")
    key = f"rollout.{key}.A.{scheme}"
    model = golden_model(goldens, model_name, dtype)
    batch = golden_batch(goldens, "A", dtype)
    velocities = golden_velocity(goldens, "A", dtype)
    if model.config.initial_velocity_network:
        start = Start(
            batch=batch,
            generators=[torch.Generator()],
            displacement=velocities,
            spacing_ps=1.0,
        )
        with torch.no_grad():
            velocities = model.initial_velocities(start, "learned")
    draws = iter(torch.from_numpy(golden[f"{key}.noise"]).to(dtype))
    with torch.no_grad():
        states = list(
            model.solve_published(
                batch,
                velocities,
                [k * step for k in range(21)],
                draw=partial(next, draws),
                step_ps=step,
            )
        )
    velocities, positions = map(torch.stack, zip(*states, strict=True))
    tolerance = ROLLOUT_TOLERANCE[dtype]
    assert error(positions, golden[f"{key}.pos.{SUFFIX[dtype]}"]) < tolerance
    assert error(velocities, golden[f"{key}.vel.{SUFFIX[dtype]}"]) < tolerance
