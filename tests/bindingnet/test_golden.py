"""The published variant gives the authors' numbers."""

import numpy as np
import pytest
import torch

from neuralmd_cli.graph import slots
from tests.golden import (
    SUFFIX,
    TOLERANCE,
    error,
    golden_batch,
    golden_model,
    golden_velocity,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
DTYPES = [torch.float64, torch.float32]


@pytest.fixture(scope="module")
def goldens(shared):
    return shared / "goldens"


@pytest.mark.parametrize("dtype", DTYPES, ids=SUFFIX.values())
@pytest.mark.parametrize("name", ["A", "B", "C"])
def test_every_module_gives_the_authors_numbers(goldens, name, dtype):
    """Ligand, protein and complex outputs equal the goldens, complex by complex."""
    model = golden_model(goldens, "binding01_multi", dtype).binding_net
    batch = golden_batch(goldens, name, dtype)
    rows = slots(batch.atom_complex, 1)
    ligand = model.ligand(batch.atomic_numbers, batch.positions, rows)
    protein = model.encode_protein(batch)
    ours = {
        f"ligand.{name}.energy": model.ligand.energies(ligand, batch.atom_complex, 1),
        f"ligand.{name}.forces": ligand.forces,
        f"ligand.{name}.repr": ligand.scalars,
        f"protein.{name}.repr": protein.features,
        f"complex.{name}.forces": model.forces(batch, batch.positions, protein),
    }
    golden = np.load(goldens / "golden_modules.npz")
    errors = {k: error(v, golden[f"{k}.{SUFFIX[dtype]}"]) for k, v in ours.items()}
    assert max(errors.values()) < TOLERANCE[dtype], errors


@pytest.mark.parametrize("dtype", DTYPES, ids=SUFFIX.values())
@pytest.mark.parametrize("name", ["A", "B", "C"])
@pytest.mark.parametrize("model_name", ["binding01_multi", "binding01_single"])
def test_ode_derivatives_are_the_authors(goldens, model_name, name, dtype):
    """dv/dt and dx/dt at the start equal the goldens."""
    model = golden_model(goldens, model_name, dtype)
    batch = golden_batch(goldens, name, dtype)
    velocities = golden_velocity(goldens, name, dtype)
    time = torch.zeros((), dtype=dtype)
    acceleration, velocity = model.dynamics(batch).derivative(
        time, (velocities, batch.positions)
    )
    golden = np.load(goldens / "golden_modules.npz")
    key, suffix = f"{model_name}.{name}", SUFFIX[dtype]
    assert (
        error(acceleration, golden[f"{key}.acceleration.{suffix}"]) < TOLERANCE[dtype]
    )
    assert error(velocity, golden[f"{key}.velocity.{suffix}"]) < TOLERANCE[dtype]
