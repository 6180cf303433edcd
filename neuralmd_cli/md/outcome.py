"""How far a numerical simulation is, and how it went."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    stage: str
    done_ps: float
    total_ps: float
    ns_per_day: float  # of this session


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What is read off at each frame."""

    time_ps: float
    temperature_k: float
    potential_kj: float
    kinetic_kj: float
    volume_nm3: float | None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run went."""

    measured: tuple[Measured, ...]
    continued: int  # times it went on from what was kept
    exact: bool  # each time from a checkpoint of the same platform
    seconds: float  # of all sessions
    ns_per_day: float
