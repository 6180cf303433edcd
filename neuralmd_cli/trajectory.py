"""What a simulation gives and what is said about it; no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

BLOCK = 500
"""Snapshots handled at once, of which memory holds no more when a run is written."""


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The first snapshot of a rollout that no molecule could be in, and why."""

    snapshot: int  # from 1; the start is none
    time_ps: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """Positions of a ligand's heavy atoms over time, one replica.

    Coordinates are those of the structure files the run started from.
    """

    times: Float[Tensor, " frames"]  # ps
    positions: Float[Tensor, "frames atoms 3"]  # Å
    velocities: Float[Tensor, "frames atoms 3"]  # Å/ps
    broken: Broken | None = None  # why it ends before its time; None: it does not

    @property
    def n_frames(self) -> int:
        """Number of frames, the starting one included."""
        return self.positions.shape[0]

    def blocks(self, first: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Times and positions from a frame on, a block of them at a time."""
        for k in range(first, self.n_frames, BLOCK):
            yield self.times[k : k + BLOCK], self.positions[k : k + BLOCK]

    @property
    def n_atoms(self) -> int:
        """Number of ligand heavy atoms."""
        return self.positions.shape[1]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One number a report states about a trajectory, with what it means."""

    name: str
    value: float
    unit: str
    meaning: str
