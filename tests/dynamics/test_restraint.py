"""The tether bounds how far a ligand settles, whatever the force field says."""

import pytest
import torch

from neuralmd_cli.dynamics.ode import NewtonianODE, integrate
from neuralmd_cli.dynamics.restraint import Tethered

STIFFNESS = 0.025**2 / 4


def settled(force: float, reach: float = 1.5) -> torch.Tensor:
    reference = torch.zeros(1, 3, dtype=torch.float64)
    masses = torch.full((1,), 12.0, dtype=torch.float64)
    pull = torch.tensor([[force, 0.0, 0.0]], dtype=torch.float64)
    field = Tethered(
        force_field=lambda time, positions: pull,
        reference=reference,
        masses=masses,
        stiffness_per_ps2=STIFFNESS,
        reach=reach,
    )
    ode = NewtonianODE(force_field=field, masses=masses, friction_per_ps=0.025)
    (state,) = integrate(ode.derivative, (reference, reference), [8000.0], step_ps=40.0)
    return state[1]


def test_a_small_force_settles_where_the_spring_holds_it():
    """x = F / (m k) to first order."""
    force = 1e-3 * 12.0 * STIFFNESS
    torch.testing.assert_close(settled(force)[0, 0].item(), 1e-3, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("force", [1.0, 1e3, 1e9])
def test_no_force_pulls_beyond_the_reach(force):
    """The displacement stays below the reach, however wrong the force field is."""
    x = settled(force)
    assert 1.0 < x.norm() <= 1.5
