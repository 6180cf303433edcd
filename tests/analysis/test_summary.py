import dataclasses
import math

import pytest
import torch

from neuralmd_cli.analysis.summary import summarise
from neuralmd_cli.complex import Complex, Ligand, Protein
from neuralmd_cli.trajectory import Trajectory


@pytest.fixture
def pocket() -> Complex:
    """Two bonded carbons, and one oxygen 4 Å from the first."""
    ligand = Ligand(
        positions=torch.tensor([[0.0, 0, 0], [0, 1.5, 0]]),
        atomic_numbers=torch.tensor([6, 6]),
        masses=torch.tensor([12.0, 12.0]),
        bonds=torch.tensor([[0, 1]]),
    )
    protein = Protein(
        n=torch.zeros(1, 3),
        ca=torch.zeros(1, 3),
        c=torch.zeros(1, 3),
        residue_types=torch.zeros(1, dtype=torch.long),
        segments=torch.zeros(1, dtype=torch.long),
        obstacle_positions=torch.tensor([[4.0, 0, 0]]),
        obstacle_numbers=torch.tensor([8]),
    )
    return Complex(ligand=ligand, protein=protein)


def drifting(complex_: Complex) -> Trajectory:
    """Steps of 1 Å towards the oxygen, 80 ps each."""
    steps = torch.tensor([[1.0, 0, 0]]) * torch.arange(4.0)[:, None]
    positions = complex_.ligand.positions + steps[:, None]
    return Trajectory(
        times=80 * torch.arange(4.0),
        positions=positions,
        velocities=torch.zeros_like(positions),
    )


def test_summary_states_motion_and_contact(pocket):
    """A ligand drifting by 1 Å a frame towards an atom 4 Å away."""
    checks = {c.name: c for c in summarise(drifting(pocket), pocket)}
    assert checks["rmsd_at_240_ps"].value == pytest.approx(3.0)
    assert checks["rmsd_mean"].value == pytest.approx(2.0)
    assert checks["rmsd_max"].value == pytest.approx(3.0)
    assert checks["rmsf_mean"].value == pytest.approx(math.sqrt(2 / 3))
    assert checks["bonds_intact"].value == pytest.approx(100.0)
    assert checks["contact_min"].value == pytest.approx(1.0)
    assert "240 ps" in checks["contact_min"].meaning
    # 0.75 x (1.7 + 1.55) = 2.4 Å: frames at 2 and 1 Å clash
    assert checks["frames_clashing"].value == pytest.approx(50.0)


def test_summary_without_surroundings_states_no_contact(pocket):
    """No obstacles, no contact: an infinite number would be no number."""
    empty = dataclasses.replace(
        pocket.protein,
        obstacle_positions=torch.zeros(0, 3),
        obstacle_numbers=torch.zeros(0, dtype=torch.long),
    )
    bare = Complex(ligand=pocket.ligand, protein=empty)
    checks = summarise(drifting(bare), bare)
    assert all(math.isfinite(check.value) for check in checks)
    assert not any(check.name.startswith("contact") for check in checks)
