"""The numbers of a row, on trajectories whose numbers are known."""

import pytest
import torch

from neuralmd_cli.screen.measures import contacts_kept, measure
from neuralmd_cli.screen.placing import TouchedResidues
from neuralmd_cli.trajectory import Trajectory
from tests.toy import toy_complex


def moved(complex_, shifts: list[float]) -> Trajectory:
    """The ligand as a whole, shifted along x by so many Å in each snapshot."""
    x = complex_.ligand.positions
    along = torch.tensor([1.0, 0.0, 0.0], dtype=x.dtype)
    positions = torch.stack([x + shift * along for shift in shifts])
    times = torch.arange(1, len(shifts) + 1, dtype=torch.float64)
    return Trajectory(times=times, positions=positions, velocities=0 * positions)


def residues(complex_) -> TouchedResidues:
    """All obstacles, two to a residue."""
    positions = complex_.protein.obstacle_positions
    half = len(positions) // 2
    return TouchedResidues(
        positions=positions, residues=torch.arange(half).repeat(2), count=half
    )


def test_the_end_is_the_last_tenth_over_all_replicas():
    """Twenty snapshots: two count; the RMSD of a shift is the shift."""
    complex_ = toy_complex(0)
    first = moved(complex_, [9.0] * 18 + [1.0, 3.0])
    second = moved(complex_, [0.0] * 18 + [4.0, 4.0])
    found = measure([first, second], complex_, residues(complex_))
    assert found["rmsd_end_angstrom"] == pytest.approx(3.0)
    assert found["rmsd_end_sd_angstrom"] == pytest.approx(2**0.5)
    assert found["rmsd_max_angstrom"] == pytest.approx(9.0)
    assert found["bonds_intact_percent"] == 100


def test_one_snapshot_is_its_own_end():
    """Less than ten snapshots still have an end."""
    complex_ = toy_complex(0)
    found = measure([moved(complex_, [0.5])], complex_, residues(complex_))
    assert found["rmsd_end_angstrom"] == pytest.approx(0.5)
    assert found["rmsd_end_sd_angstrom"] == 0


def test_contacts_are_counted_by_residue():
    """One of two residues is left behind: half of the contacts are kept."""
    touched = TouchedResidues(
        positions=torch.tensor([[0.0, 0, 4], [0, 0, -4], [30, 0, 0]]),
        residues=torch.tensor([0, 1, 1]),
        count=2,
    )
    stay, go = torch.zeros(1, 1, 3), torch.tensor([[[0.0, 0, 2]]])
    assert contacts_kept(stay, touched) == 100
    assert contacts_kept(go, touched) == 50
    assert contacts_kept(torch.cat([stay, go]), touched) == 75
    nothing = TouchedResidues(
        positions=torch.zeros(0, 3), residues=torch.zeros(0, dtype=torch.long), count=0
    )
    assert contacts_kept(stay, nothing) == 100
