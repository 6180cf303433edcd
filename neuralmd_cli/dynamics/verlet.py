"""Newtonian dynamics by velocity Verlet, second order and stable over long times."""

from collections.abc import Iterator, Sequence

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.dynamics.grid import State, walk
from neuralmd_cli.dynamics.ode import ForceField


def velocity_verlet(
    force_field: ForceField,
    masses: Float[Tensor, " atoms"],
    state: State,
    times: Sequence[float],
    step_ps: float,
) -> Iterator[State]:
    """Yield velocities (Å/ps) and positions (Å) at each of `times` (ps).

    Half a kick, a drift, half a kick; the force is evaluated once per step. It must
    not depend on time.

    Args:
        force_field: forces, amu Å ps⁻².
        masses: amu.
        state: at time 0.
        times: as for `walk`.
        step_ps: h.
    """
    states = _states(force_field, masses, state, step_ps)
    return walk(lambda _state, _done: next(states), state, times, step_ps)


def _states(
    force_field: ForceField,
    masses: Float[Tensor, " atoms"],
    state: State,
    step_ps: float,
) -> Iterator[State]:
    """The states at h, 2h, ..., without end."""
    velocities, positions = state
    time = positions.new_zeros(())
    half = step_ps / (2 * masses[:, None])
    forces = force_field(time, positions)
    while True:
        velocities = velocities + half * forces
        positions = positions + step_ps * velocities
        forces = force_field(time, positions)
        velocities = velocities + half * forces
        yield velocities, positions
