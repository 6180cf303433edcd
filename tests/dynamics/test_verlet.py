"""Velocity Verlet on a spring: order, energy, reversal, one force per step."""

import pytest
import torch

from neuralmd_cli.dynamics.verlet import velocity_verlet

MASS, STIFFNESS = 3.0, 0.7
MASSES = torch.full((1,), MASS, dtype=torch.float64)
START = (
    torch.tensor([[0.1, -0.4, 0.0]], dtype=torch.float64),
    torch.tensor([[1.0, 0.0, -0.5]], dtype=torch.float64),
)


def spring(time, positions):
    return -STIFFNESS * positions


def final(step, end=8.0, state=START, field=spring):
    (last,) = velocity_verlet(field, MASSES, state, [end], step)
    return last


def energy(velocities, positions):
    kinetic = 0.5 * MASS * velocities.square().sum()
    return float(kinetic + 0.5 * STIFFNESS * positions.square().sum())


def exact(time):
    rate = (STIFFNESS / MASS) ** 0.5
    angle = torch.tensor(rate * time, dtype=torch.float64)
    velocities, positions = START
    return positions * angle.cos() + velocities * angle.sin() / rate


def test_the_error_falls_with_the_square_of_the_step():
    """Half the step, a quarter of the error."""
    errors = [float((final(h)[1] - exact(8.0)).abs().max()) for h in (0.4, 0.2, 0.1)]
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.05)


def test_the_energy_error_is_bounded_and_of_second_order():
    """Over 500 periods the energy swings about its start and does not drift."""
    swings = []
    for step in (0.4, 0.2):
        times = [step * k for k in range(1, int(6500 / step), 37)]
        states = velocity_verlet(spring, MASSES, START, times, step)
        errors = [abs(energy(*s) - energy(*START)) for s in states]
        half = len(errors) // 2
        assert max(errors[half:]) < 1.01 * max(errors[:half])
        swings.append(max(errors))
    assert swings[0] / swings[1] == pytest.approx(4.0, rel=0.1)


def test_it_runs_backwards_to_where_it_came_from():
    """With the velocities turned round, the same steps lead back."""
    velocities, positions = final(0.3, end=6.0)
    back = final(0.3, end=6.0, state=(-velocities, positions))
    torch.testing.assert_close(back[1], START[1], rtol=0, atol=1e-12)
    torch.testing.assert_close(-back[0], START[0], rtol=0, atol=1e-12)


def test_the_force_is_evaluated_once_per_step():
    """And once at the start."""
    calls = []

    def counted(time, positions):
        calls.append(1)
        return spring(time, positions)

    final(0.5, end=5.0, field=counted)
    assert len(calls) == 11


def test_the_times_asked_for_change_nothing():
    """A state on the grid is the same whether others are asked for or not."""
    times = [0.0, 0.3, 0.75, 2.0]
    states = list(velocity_verlet(spring, MASSES, START, times, 0.5))
    torch.testing.assert_close(states[0][1], START[1])
    torch.testing.assert_close(states[-1][1], final(0.5, end=2.0)[1])
