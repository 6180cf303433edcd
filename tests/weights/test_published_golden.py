"""An imported checkpoint gives the authors' numbers, from their file to a rollout."""

from functools import cache

import numpy as np
import pytest
import torch

from neuralmd_cli.graph import slots
from neuralmd_cli.weights.model import load_model
from neuralmd_cli.weights.published import import_published
from tests.golden import (
    SUFFIX,
    TOLERANCE,
    error,
    golden_batch,
    golden_model,
    golden_state,
    golden_velocity,
)
from tests.published import write_published

MODELS = [
    "binding01_multi",
    "binding01_single",
    "tiny_binding01_multi",
    "tiny_binding01_single",
]
ROLLOUT_TOLERANCE = {torch.float64: 1e-7, torch.float32: 5e-5}
FLAGS = (
    "--NeuralMD_step_size={} --NeuralMD_scaling={} --ODE_method={} "
    "--NeuralMD_velocity_refined_value_coefficient={}"
)
SCHEMES = {  # step and scaling as training flags, and the solver
    "euler_h1": (1, 1, "euler"),
    "euler_h0.5": (0.5, 1, "euler"),
    "euler_h0.25": (0.25, 1, "euler"),
    "rk4_h1": (1, 1, "rk4"),
    "euler_h1_scaling100": (1, 100, "euler"),
}
HALVES = ("euler_h1", "euler_h0.5", "euler_h0.25")
# Full size takes seconds: models/test_golden_rollouts.py has every scheme, and
# bindingnet/test_golden.py complexes B and C, with the same tensors (tested below).
MODULES = [
    (name, complex_name)
    for name in MODELS
    for complex_name in "ABC"
    if name.startswith("tiny") or complex_name == "A"
]
ROLLOUTS = [
    ("binding01_multi", "euler_h1"),
    ("binding01_single", "euler_h1_scaling100"),
    *(("tiny_binding01_multi", x) for x in (*HALVES, "rk4_h1")),
    *(("tiny_binding01_single", x) for x in (*HALVES, "euler_h1_scaling100")),
]


@pytest.fixture(scope="module")
def goldens(shared):
    return shared / "goldens"


@pytest.fixture(scope="module")
def model_of(goldens, tmp_path_factory):
    """Write an authors' file, import it, load the result."""

    @cache
    def make(name, scheme, dtype):
        folder = tmp_path_factory.mktemp(name)
        alpha = float("multi" in name)
        model, flags = write_published(
            folder, golden_state(goldens, name), FLAGS.format(*SCHEMES[scheme], alpha)
        )
        output = folder / "imported.safetensors"
        import_published(model, output, hyperparameters=flags)
        return load_model(output).system.to(dtype)

    return make


def golden_of(goldens, name, kind):
    file = {"modules": "tiny_golden", "rollouts": "tiny_rollouts"}[kind]
    if not name.startswith("tiny_"):
        file = f"golden_{kind}"
    return np.load(goldens / f"{file}.npz")


@pytest.mark.parametrize("name", ["binding01_multi", "binding01_single"])
def test_imported_tensors_are_those_of_the_other_golden_tests(goldens, model_of, name):
    """Bit for bit, so what they show holds for an imported checkpoint."""
    found = model_of(name, "euler_h1_scaling100", torch.float32).state_dict()
    expected = golden_model(goldens, name, torch.float32).state_dict()
    assert set(found) == set(expected)
    assert all(torch.equal(found[k], expected[k]) for k in expected)


@pytest.mark.parametrize("dtype", SUFFIX, ids=SUFFIX.values())
@pytest.mark.parametrize(("name", "complex_name"), MODULES)
def test_modules_and_derivatives_are_the_authors(
    goldens, model_of, name, complex_name, dtype
):
    """Each module alone, and d(v, x)/dt in the authors' units."""
    model = model_of(name, "euler_h1_scaling100", dtype)
    batch = golden_batch(goldens, complex_name, dtype)
    rows, unit = slots(batch.atom_complex, 1), model.config.ps_per_time_unit
    velocities = golden_velocity(goldens, complex_name, dtype)
    net = model.binding_net
    with torch.no_grad():
        ligand = net.ligand(batch.atomic_numbers, batch.positions, rows)
        protein = net.encode_protein(batch)
        acceleration, velocity = model.dynamics(batch).derivative(
            torch.zeros((), dtype=dtype), (velocities / unit, batch.positions)
        )
        ours = {
            f"ligand.{complex_name}.energy": net.ligand.energies(
                ligand, batch.atom_complex, 1
            ),
            f"ligand.{complex_name}.forces": ligand.forces,
            f"ligand.{complex_name}.repr": ligand.scalars,
            f"protein.{complex_name}.repr": protein.features,
            f"complex.{complex_name}.forces": net.forces(
                batch, batch.positions, protein
            ),
        }
        system = name.removeprefix("tiny_")
        ours |= {
            f"{system}.{complex_name}.acceleration": acceleration * unit**2,
            f"{system}.{complex_name}.velocity": velocity * unit,
        }
        # Velocities lie closer than the cutoff: C's 42 atoms hit the authors' cap.
        if "single" in name and complex_name != "C":
            initial = model.initial_velocity(batch.atomic_numbers, velocities, rows)
            ours[f"{system}.{complex_name}.velocity_init"] = initial.forces
    golden = golden_of(goldens, name, "modules")
    errors = {k: error(v, golden[f"{k}.{SUFFIX[dtype]}"]) for k, v in ours.items()}
    assert max(errors.values()) < TOLERANCE[dtype], errors


@pytest.mark.parametrize("dtype", SUFFIX, ids=SUFFIX.values())
@pytest.mark.parametrize(("name", "scheme"), ROLLOUTS)
def test_rollouts_are_the_authors(goldens, model_of, name, scheme, dtype):
    """20 snapshots with the checkpoint's own step and solver, 80 ps apart."""
    model = model_of(name, scheme, dtype)
    system, unit = name.removeprefix("tiny_"), model.config.ps_per_time_unit
    velocities = golden_velocity(goldens, "A", dtype)
    if "single" in name:
        modules = golden_of(goldens, name, "modules")
        start = modules[f"{system}.A.velocity_init.{SUFFIX[dtype]}"]
        velocities = torch.from_numpy(start).to(dtype)
    batch = golden_batch(goldens, "A", dtype)
    with torch.no_grad():
        states = list(
            model.solve(batch, velocities / unit, [80.0 * k for k in range(21)])
        )
    golden = golden_of(goldens, name, "rollouts")
    key, tolerance = f"rollout.{system}.A.{scheme}", ROLLOUT_TOLERANCE[dtype]
    positions = torch.stack([x for _, x in states])
    speeds = torch.stack([v for v, _ in states]) * unit
    assert error(positions, golden[f"{key}.pos.{SUFFIX[dtype]}"]) < tolerance
    assert error(speeds, golden[f"{key}.vel.{SUFFIX[dtype]}"]) < tolerance
