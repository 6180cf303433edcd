"""Which frames of a trajectory are taken, and the time between them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from neuralmd_cli.errors import InputError

UNEVEN = 1e-3
"""Share of the spacing by which a step may differ from it: what rounding makes."""
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Time between the frames that are taken, and which is the last, from 1."""

    spacing_ps: float
    last: int
    notes: tuple[str, ...] = ()


def sampling(
    times: Float[ndarray, " frames"] | None,
    *,
    spacing_ps: float | None,
    frames: tuple[int, int] | None,
    source: str,
    n_frames: int,
) -> Sampling:
    """The time between frames: the user's word, else the file's times.

    Args:
        times: of all frames of the file, ps; None if it has none.
        spacing_ps: what the user says.
        frames: first and last to take, from 1.
        source: name of the file.
        n_frames: in the file.

    Raises:
        InputError: fewer than two frames, no times, or times that are not even.
    """
    first, last = frames or (1, n_frames)
    last = min(last, n_frames)
    if last <= first:
        raise InputError(
            f"{source}: {last - first + 1} frame is taken, so nothing moves.",
            hint="Take two frames or more.",
        )
    if times is None:
        if spacing_ps is None:
            raise InputError(
                f"{source} does not say when its frames are.",
                hint="Give the time between two frames with --spacing-ps.",
            )
        return Sampling(spacing_ps=spacing_ps, last=last)
    steps = np.diff(times[first - 1 : last])
    spacing = float(np.median(steps))
    even = _is_even(times[first - 1 : last], steps, spacing)
    if spacing_ps is not None:
        return Sampling(
            spacing_ps=spacing_ps,
            last=last,
            notes=_differences(times, steps, spacing, spacing_ps, even, first, source),
        )
    if even:
        return Sampling(spacing_ps=float(f"{spacing:.6g}"), last=last)
    raise _uneven(times[first - 1 : last], steps, spacing, first, source)


def _is_even(
    times: Float[ndarray, " frames"], steps: Float[ndarray, " steps"], spacing: float
) -> bool:
    # XTC holds float32: seven digits of a time.
    tolerance = UNEVEN * spacing + 2e-7 * np.abs(times).max()
    return spacing > 0 and bool((np.abs(steps - spacing) <= tolerance).all())


def _breaks(
    steps: Float[ndarray, " steps"], spacing: float, first: int
) -> list[tuple[int, int]]:
    """Runs of frames with growing times, first and last from 1."""
    ends = np.flatnonzero((steps <= 0) | (steps > 1.5 * spacing)) + 1
    borders = [0, *ends.tolist(), len(steps) + 1]
    return [
        (first + a, first + b - 1)
        for a, b in zip(borders[:-1], borders[1:], strict=True)
    ]


def _uneven(
    times: Float[ndarray, " frames"],
    steps: Float[ndarray, " steps"],
    spacing: float,
    first: int,
    source: str,
) -> InputError:
    """What keeps frames from being one run, and how to take the runs there are."""
    runs = _breaks(steps, spacing, first)
    shown = ", ".join(f"{a}-{b}" for a, b in runs[:_SHOWN])
    more = f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else ""
    tolerance = UNEVEN * abs(spacing) + 2e-7 * np.abs(times).max()
    k = (
        int(np.flatnonzero(np.abs(steps - spacing) > tolerance)[0])
        if spacing > 0
        else 0
    )
    hint = "Write the frames at even times, or say what they are with --spacing-ps."
    if 1 < len(runs) <= len(steps) // 2:
        hint = (
            f"Runs joined end to end? Frames {shown}{more} each go on without a break: "
            "add each under a name of its own with --frames and --name."
        )
    return InputError(
        f"{source}: times are not even: {times[k]:g} ps at frame {first + k}, "
        f"{times[k + 1]:g} ps at the next, where most are {spacing:g} ps apart.",
        hint=hint,
    )


def _differences(
    times: Float[ndarray, " frames"],
    steps: Float[ndarray, " steps"],
    spacing: float,
    given: float,
    even: bool,
    first: int,
    source: str,
) -> tuple[str, ...]:
    """What the file says other than the user."""
    if even:
        if abs(given - spacing) <= UNEVEN * given:
            return ()
        return (
            f"{source} says {spacing:g} ps between frames; {given:g} ps were taken.",
        )
    runs = _breaks(steps, spacing, first)
    if len(runs) > 1:
        return (
            f"{source}: times break off {len(runs) - 1} times (first after frame "
            f"{runs[0][1]}); the frames were taken as one run all the same.",
        )
    return (f"{source}: its times are not even; {given:g} ps were taken.",)
