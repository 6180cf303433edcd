"""Thermal velocities are warm, seeded, and tear no bond."""

import torch

from neuralmd_cli.dynamics.velocities import thermal_velocities
from tests.toy import toy_complex


def draw(seed: int, speed: float = 1.0) -> torch.Tensor:
    ligand = toy_complex(0).ligand
    generator = torch.Generator().manual_seed(seed)
    return thermal_velocities(
        ligand.positions, ligand.masses, ligand.bonds, speed, generator
    )


def test_bonds_and_angles_keep_their_length_to_first_order():
    """v_i - v_j is normal to x_i - x_j for atoms one or two bonds apart."""
    x = toy_complex(0).ligand.positions
    v = draw(0)
    for apart in (1, 2):
        dx, dv = x[apart:] - x[:-apart], v[apart:] - v[:-apart]
        assert (dx * dv).sum(-1).abs().max() < 1e-9


def test_the_same_seed_draws_the_same():
    """Bitwise; another seed draws differently."""
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_speed_sets_the_size_and_rigid_motion_survives():
    """Kinetic energy per free direction is that of the unprojected draw."""
    ligand = toy_complex(0).ligand
    squares = [float((ligand.masses[:, None] * draw(s) ** 2).sum()) for s in range(300)]
    freedom = 3 * 9 - (8 + 7)
    expected = freedom * float(ligand.masses.mean())
    assert abs(sum(squares) / len(squares) / expected - 1) < 0.1


def test_one_atom_moves_freely():
    """Without bonds nothing is projected out."""
    generator = torch.Generator().manual_seed(0)
    v = thermal_velocities(
        torch.zeros(1, 3),
        torch.ones(1),
        torch.zeros(0, 2, dtype=torch.long),
        1.0,
        generator,
    )
    assert v.shape == (1, 3)
    assert v.abs().max() > 0
