"""Systems that map one snapshot to the next, and are then fed their own answer."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.dynamics.grid import State, walk
from neuralmd_cli.models.system import Window

TIME_TOLERANCE = 1e-6
"""Share of a step by which a snapshot may miss the time it is fitted to."""


def walk_moves(
    move: Callable[[Tensor], Tensor],
    positions: Float[Tensor, "atoms 3"],
    times: Sequence[float],
    step_ps: float,
) -> Iterator[State]:
    """Yield velocities (Å/ps) and positions (Å) at each of `times` (ps).

    The velocity is that of the last move, its displacement over its time.

    Args:
        move: from the positions of one snapshot to those of the next, Å.
        positions: at time 0, Å.
        times: as for `walk`.
        step_ps: what one move takes.
    """

    def advance(state: State, done: int) -> State:
        moved = move(state[1])
        return (moved - state[1]) / step_ps, moved

    return walk(advance, (torch.zeros_like(positions), positions), times, step_ps)


def next_snapshot(window: Window, step_ps: float) -> Float[Tensor, "1 atoms 3"]:
    """The snapshot that one move from the window's start should give, Å.

    Raises:
        ValueError: the window's first time is not one move after its start.
    """
    if abs(window.times[0] - step_ps) > TIME_TOLERANCE * step_ps:
        raise ValueError(
            f"the window begins after {window.times[0]} ps, a move takes {step_ps} ps"
        )
    return window.targets[:1]
