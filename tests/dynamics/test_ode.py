"""Solvers converge at their order and keep what they should, on a spring."""

import math

import pytest
import torch

from neuralmd_cli.dynamics.ode import ForceField, NewtonianODE, integrate

OMEGA = 0.5  # rad/ps


def spring(time, positions):
    return -2.0 * OMEGA**2 * positions


def springs(friction: float = 0.0, correction=None) -> NewtonianODE:
    return NewtonianODE(
        force_field=spring,
        masses=torch.full((1,), 2.0, dtype=torch.float64),
        friction_per_ps=friction,
        velocity_correction=correction,
    )


def start() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.tensor([[1.0, 0.5, -0.2]], dtype=torch.float64)
    return torch.zeros_like(x), x


def at(time: float, solver: str, step: float, ode=None) -> torch.Tensor:
    ode = ode or springs()
    (state,) = integrate(ode.derivative, start(), [time], solver=solver, step_ps=step)
    return state[1]


def exact(time: float) -> torch.Tensor:
    return start()[1] * math.cos(OMEGA * time)


def test_a_function_is_a_force_field():
    """Any callable from time and positions to forces will do."""
    assert isinstance(spring, ForceField)


@pytest.mark.parametrize(
    ("solver", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)]
)
def test_each_solver_converges_at_its_order(solver, order):
    """Halving the step divides the error by 2 to the order."""
    errors = [
        float((at(4.0, solver, step) - exact(4.0)).abs().max())
        for step in (0.05, 0.025)
    ]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.15)


def test_adaptive_solver_meets_the_exact_solution():
    """dopri5 needs no step and is accurate to its tolerance."""
    assert (at(10.0, "dopri5", 1.0) - exact(10.0)).abs().max() < 1e-5


def test_friction_damps_the_energy():
    """With friction a spring comes to rest."""
    assert at(60.0, "rk4", 0.1, springs(friction=1.0)).abs().max() < 1e-5


def test_velocity_correction_moves_positions_only():
    """dx/dt gains u(x), dv/dt does not (the paper's velocity refinement)."""
    ode = springs(correction=lambda x: torch.ones_like(x))
    acceleration, velocity = ode.derivative(torch.zeros(()), start())
    torch.testing.assert_close(velocity, torch.ones(1, 3, dtype=torch.float64))
    torch.testing.assert_close(acceleration, -(OMEGA**2) * start()[1])


@pytest.mark.parametrize("solver", ["euler", "midpoint", "rk4"])
def test_the_times_asked_for_do_not_change_the_path(solver):
    """The states at 1, 2, 3 ps are the same whether or not others are asked for."""
    sparse = list(
        integrate(springs().derivative, start(), [1.0, 3.0], solver=solver, step_ps=0.3)
    )
    dense = list(
        integrate(
            springs().derivative,
            start(),
            [0.0, 0.1, 0.25, 1.0, 2.2, 3.0],
            solver=solver,
            step_ps=0.3,
        )
    )
    torch.testing.assert_close(sparse[0][1], dense[3][1], rtol=0, atol=1e-14)
    torch.testing.assert_close(sparse[1][1], dense[5][1], rtol=0, atol=1e-14)
    torch.testing.assert_close(dense[0][1], start()[1])


def test_one_evaluation_per_euler_step():
    """No step is done twice because of rounding in the time grid."""
    calls = []

    def counted(time, positions):
        calls.append(float(time))
        return spring(time, positions)

    ode = NewtonianODE(force_field=counted, masses=torch.full((1,), 2.0))
    state = tuple(x.float() for x in start())
    times = [0.01 * k for k in range(1, 101)]
    list(integrate(ode.derivative, state, times, solver="euler", step_ps=0.01))
    assert len(calls) == 100


@pytest.mark.parametrize(
    ("times", "step"), [([1.0, 1.0], 0.1), ([2.0, 1.0], 0.1), ([1.0], 0.0)]
)
def test_impossible_requests_are_refused(times, step):
    """Times that do not increase and steps of no length raise ValueError."""
    with pytest.raises(ValueError, match="times|step_ps"):
        integrate(springs().derivative, start(), times, step_ps=step)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_our_own_euler_step_is_that_of_torchdiffeq(dtype):
    """Bit by bit, with friction, at steps that binary numbers cannot hold."""
    from torchdiffeq import odeint

    ode = springs(friction=0.1)
    state = tuple(x.to(dtype) for x in start())
    ode = NewtonianODE(
        force_field=spring, masses=ode.masses.to(dtype), friction_per_ps=0.1
    )
    times = [0.1 * k for k in range(1, 30)]
    with torch.no_grad():
        (ours,) = integrate(ode.derivative, state, times[-1:], step_ps=0.1)
    for k in range(29):
        grid = torch.tensor([k * 0.1, (k + 1) * 0.1], dtype=torch.float64)
        solution = odeint(
            ode.derivative,
            state,
            grid,
            method="euler",
            options={"grid_constructor": lambda _f, _y, t: t},
        )
        state = tuple(x[-1] for x in solution)
    assert all(map(torch.equal, ours, state))
