"""The published variants of the paper's baselines give the authors' numbers."""

from functools import cache

import numpy as np
import pytest
import torch

from neuralmd_cli.models.system import Settings, Start
from tests.golden import (
    SUFFIX,
    TOLERANCE,
    error,
    golden_batch,
    golden_model,
    golden_velocity,
)

EVERY = pytest.mark.parametrize("name", ["A", "B", "C"])
SIZES = pytest.mark.parametrize("size", ["", "tiny_"], ids=["full", "tiny"])
DTYPES = pytest.mark.parametrize("dtype", SUFFIX, ids=SUFFIX.values())
ROLLOUT_TOLERANCE = {torch.float64: 1e-7, torch.float32: 5e-5}
LATE_TOLERANCE = {torch.float64: 1e-7, torch.float32: 2e-2}
"""After the second move: these random weights multiply any rounding error tenfold per
move, so that after five the authors' own float32 velocities are 8e-3 off."""


@pytest.fixture(scope="module")
def goldens(shared):
    return shared / "goldens"


@cache
def model_of(goldens, name, dtype):
    """Built and filled once; no test changes it."""
    return golden_model(goldens, name, dtype)


def modules(goldens, size):
    return np.load(goldens / ("tiny_golden.npz" if size else "golden_modules.npz"))


def start_of(goldens, name, dtype):
    """Complex A, B or C with its displacement; one snapshot is one unit of time."""
    return Start(
        batch=golden_batch(goldens, name, dtype),
        generators=[torch.Generator()],
        displacement=golden_velocity(goldens, name, dtype),
        spacing_ps=1.0,
    )


def moves(model, start, count, **settings):
    """The start and `count` moves from it: positions and velocities."""
    times = [float(k) for k in range(count + 1)]
    with torch.no_grad():
        states = list(model.rollout(start, times, Settings(**settings)))
    return torch.stack([x for _, x in states]), torch.stack([v for v, _ in states])


@DTYPES
@SIZES
@EVERY
def test_verletmd_is_the_authors(goldens, size, name, dtype):
    """Atom invariants, energy, force and one move of verletmd."""
    model = model_of(goldens, f"{size}verletmd", dtype)
    start = start_of(goldens, name, dtype)
    batch = start.batch
    field = model.force_field(batch)
    x, v = moves(model, start, 1, v0="displacement")
    net = model.binding_net
    ours = {
        f"complex_energy.{name}.repr": net.atom_scalars(
            batch, batch.positions, field.protein
        ),
        f"verletmd.{name}.energy": field.energy(batch.positions),
        f"verletmd.{name}.force": field(torch.zeros(()).to(dtype), batch.positions),
        f"verletmd.{name}.move_pos": x[1],
        f"verletmd.{name}.move_vel": v[1],
    }
    golden = modules(goldens, size)
    errors = {k: error(y, golden[f"{k}.{SUFFIX[dtype]}"]) for k, y in ours.items()}
    assert max(errors.values()) < TOLERANCE[dtype], errors


@DTYPES
@SIZES
@EVERY
@pytest.mark.parametrize(
    ("model_name", "key"), [("gnnmd", "delta"), ("denoisingld", "score")]
)
def test_a_move_is_the_authors(goldens, model_name, key, size, name, dtype):
    """gnnmd's displacement and denoisingld's score, by one move of either."""
    model = model_of(goldens, f"{size}{model_name}", dtype)
    x, v = moves(model, start_of(goldens, name, dtype), 1)
    golden = modules(goldens, size)[f"{model_name}.{name}.{key}.{SUFFIX[dtype]}"]
    assert error(x[1] - x[0], golden) < TOLERANCE[dtype]
    torch.testing.assert_close(v[1], x[1] - x[0])


@DTYPES
@SIZES
@pytest.mark.parametrize("model_name", ["gnnmd", "verletmd"])
def test_rollouts_are_the_authors(goldens, model_name, size, dtype):
    """Five moves of A from the same start, beside the authors' in float64."""
    model = model_of(goldens, f"{size}{model_name}", dtype)
    settings = {"v0": "displacement"} if model_name == "verletmd" else {}
    positions, velocities = moves(model, start_of(goldens, "A", dtype), 5, **settings)
    file = "tiny_rollouts.npz" if size else "golden_rollouts.npz"
    golden = np.load(goldens / file)
    ours = {"pos": positions}
    if model_name == "verletmd":
        ours["vel"] = velocities
    for what, values in ours.items():
        theirs = golden[f"rollout.{model_name}.A.{what}.f64"]
        assert error(values[:3], theirs[:3]) < ROLLOUT_TOLERANCE[dtype]
        assert error(values, theirs) < LATE_TOLERANCE[dtype]


@EVERY
def test_the_authors_denoising_loss_sees_no_noise(goldens, name):
    """Their loss compares the noise with the score of the UNPERTURBED positions.

    Ours does not (see `matching_loss`); this pins down what theirs is.
    """
    model = model_of(goldens, "denoisingld", torch.float64)
    x, _ = moves(model, start_of(goldens, name, torch.float64), 1)
    golden = modules(goldens, "")
    noise = torch.from_numpy(golden[f"denoisingld.{name}.train_noise"]).double()
    loss = (noise - (x[1] - x[0])).square().sum(dim=-1).mean()
    assert error(loss, golden[f"denoisingld.{name}.train_loss.f64"]) < 1e-9
