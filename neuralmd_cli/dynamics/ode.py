"""Newtonian dynamics of the ligand as a second-order ODE (eq. 10, 12, 14)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.dynamics.grid import State, walk

Solver = Literal["euler", "midpoint", "rk4", "dopri5"]
FIXED_STEP = ("euler", "midpoint", "rk4")
SOLVERS = (*FIXED_STEP, "dopri5")


@runtime_checkable
class ForceField(Protocol):
    """Anything that gives forces from time (ps) and positions (Å)."""

    def __call__(
        self, time: Float[Tensor, ""], positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        """Return forces, amu Å ps⁻²."""
        ...


@dataclass(frozen=True, kw_only=True)
class NewtonianODE:
    """d(x, v)/dt = (v + u(x), F(x)/m - γ v), eq. 14 with eq. 34's friction.

    `velocity_correction` is u, the paper's optional velocity refinement; it moves the
    positions but does not feed back into the velocities.
    """

    force_field: ForceField
    masses: Float[Tensor, " atoms"]  # amu
    friction_per_ps: float = 0.0
    velocity_correction: Callable[[Tensor], Tensor] | None = None

    def derivative(self, time: Float[Tensor, ""], state: State) -> State:
        """Accelerations (Å ps⁻²) and velocities (Å/ps) at a state."""
        velocities, positions = state
        forces = self.force_field(time, positions)
        acceleration = forces / self.masses[:, None]
        if self.friction_per_ps:
            acceleration = acceleration - self.friction_per_ps * velocities
        if self.velocity_correction is not None:
            velocities = velocities + self.velocity_correction(positions)
        return acceleration, velocities


def integrate(
    derivative: Callable[[Tensor, State], State],
    state: State,
    times: Sequence[float],
    *,
    solver: Solver = "euler",
    step_ps: float,
) -> Iterator[State]:
    """Solve an ODE and yield the state at each of `times`, one by one.

    Fixed-step solvers walk the grid 0, h, 2h, ... whatever the output times are;
    states between grid points are interpolated linearly, as torchdiffeq does. dopri5
    chooses its steps between output times itself and ignores `step_ps`.

    Args:
        derivative: d(state)/dt.
        state: at time 0.
        times: ps, increasing, the first 0 or later.
        solver: euler, midpoint, rk4 (the 3/8 rule) or dopri5.
        step_ps: step h of the fixed-step solvers.

    Raises:
        ValueError: non-positive step, or times not increasing.
    """
    if solver not in FIXED_STEP:
        return _adaptive(derivative, state, times, solver)

    def advance(now: State, done: int) -> State:
        start, end = done * step_ps, (done + 1) * step_ps
        return _advance(derivative, now, start, end, solver)

    return walk(advance, state, times, step_ps)


def _adaptive(
    derivative: Callable[[Tensor, State], State],
    state: State,
    times: Sequence[float],
    solver: Solver,
) -> Iterator[State]:
    now = 0.0
    for time in times:
        if time > now:
            state = _advance(derivative, state, now, time, solver)
            now = time
        yield state


def _advance(
    derivative: Callable[[Tensor, State], State],
    state: State,
    start: float,
    end: float,
    solver: Solver,
) -> State:
    device = state[0].device
    dtype = torch.float32 if device.type == "mps" else torch.float64  # MPS has no f64
    grid = torch.tensor([start, end], dtype=dtype, device=device)
    if solver == "euler":
        # The library's joint state would have slopes, all of them 0, for positions
        # that do not depend on the weights, and for a force that moves nothing more.
        return _euler(derivative, state, grid[0], end - start)
    # With SciPy behind it, it takes longer to import than a rollout's first steps.
    from torchdiffeq import odeint

    if solver not in FIXED_STEP:
        velocities, positions = odeint(
            derivative, state, grid, method=solver, rtol=1e-6, atol=1e-8
        )
    else:
        # One step per call: a step size rounded below the interval would cost a
        # second evaluation for nothing.
        velocities, positions = odeint(
            derivative,
            state,
            grid,
            method=solver,
            options={"grid_constructor": lambda _f, _y, t: t},
        )
    return velocities[-1], positions[-1]


def _euler(
    derivative: Callable[[Tensor, State], State],
    state: State,
    time: Float[Tensor, ""],
    step_ps: float,
) -> State:
    """One step as torchdiffeq makes it, bit by bit."""
    slopes = derivative(time, state)
    return state[0] + step_ps * slopes[0], state[1] + step_ps * slopes[1]
