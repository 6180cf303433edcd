"""Walking a fixed grid of times, whatever times are asked for."""

import math
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

State = tuple[Tensor, Tensor]
"""Velocities and positions, in this order."""
GRID_TOLERANCE = 1e-9
"""Share of a step by which an output time may miss the grid and still be on it."""


def walk(
    advance: Callable[[State, int], State],
    state: State,
    times: Sequence[float],
    step_ps: float,
) -> Iterator[State]:
    """Yield the state at each of `times`, one by one.

    The grid is 0, h, 2h, ... whatever the output times are, so asking for more of
    them changes nothing; states between grid points are interpolated linearly, as
    torchdiffeq does.

    Args:
        advance: from the state at k h to the one at (k + 1) h, given k.
        state: at time 0.
        times: ps, increasing, the first 0 or later.
        step_ps: h.

    Raises:
        ValueError: non-positive step, or times not increasing.
    """
    if not step_ps > 0:
        raise ValueError("step_ps must be positive")
    if any(b <= a for a, b in zip([-1.0, *times], times, strict=False)):
        raise ValueError("times must increase and start at 0 or later")
    return _walk(advance, state, times, step_ps)


def _walk(
    advance: Callable[[State, int], State],
    state: State,
    times: Sequence[float],
    step_ps: float,
) -> Iterator[State]:
    done, following = 0, state
    for time in times:
        place = time / step_ps
        nearest = round(place)
        on_grid = abs(place - nearest) <= GRID_TOLERANCE * max(1.0, place)
        target = nearest if on_grid else math.ceil(place)
        while done < target:
            state = following
            following = advance(state, done)
            done += 1
        yield following if on_grid else _between(state, following, place - target + 1)


def _between(a: State, b: State, share: float) -> State:
    return (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))
