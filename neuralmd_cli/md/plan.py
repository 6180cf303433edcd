"""The stages of a simulation as one count of steps, so that it can go on anywhere."""

from dataclasses import dataclass

STEP_FS = 4.0
STEP_PS = STEP_FS / 1000
HEATING_PS = 5.0
"""At each of the temperatures below the wanted one."""
HEATING_SHARES = (0.5, 0.75)
MOST_EQUILIBRATION_PS = 2000.0
MINIMISATION_ITERATIONS = 500


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stretch of steps at one temperature."""

    name: str
    end: int  # step at which it ends, from the first of all
    temperature_k: float
    restraint: float  # scale of the restraints that only prepare


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is run, in steps."""

    stages: tuple[Stage, ...]
    every: int  # steps between two frames
    n_frames: int

    @property
    def production_begin(self) -> int:
        """Step at which the time of the frames begins."""
        return self.stages[-2].end

    @property
    def end(self) -> int:
        """Number of all steps."""
        return self.stages[-1].end

    def stage_at(self, step: int) -> Stage:
        """The stage that the next step belongs to."""
        return next((x for x in self.stages if step < x.end), self.stages[-1])

    def frames_at(self, step: int) -> int:
        """Frames that are due by a step."""
        return max(0, step - self.production_begin) // self.every


def default_equilibration(length_ps: float) -> float:
    """A quarter of the length, 2 ns at most: MISATO's 2 ns before 8 ns."""
    return min(MOST_EQUILIBRATION_PS, length_ps / 4)


def plan(
    n_frames: int,
    interval_ps: float,
    *,
    equilibration_ps: float,
    temperature_k: float,
    heating_ps: float,
) -> Plan:
    """Heat, equilibrate, produce.

    Args:
        n_frames: of the production.
        interval_ps: between frames; rounded to whole steps.
        equilibration_ps: at the wanted temperature, before the first frame.
        temperature_k: wanted.
        heating_ps: at each lower temperature.
    """
    every = max(1, round(interval_ps / STEP_PS))
    stages: list[Stage] = []
    end = 0
    for share in HEATING_SHARES:
        end += max(1, round(heating_ps / STEP_PS))
        stages.append(
            Stage(
                name="heating",
                end=end,
                temperature_k=share * temperature_k,
                restraint=1.0,
            )
        )
    for name, steps in (
        ("equilibration", max(1, round(equilibration_ps / STEP_PS))),
        ("production", every * n_frames),
    ):
        end += steps
        stages.append(
            Stage(name=name, end=end, temperature_k=temperature_k, restraint=0.0)
        )
    return Plan(stages=tuple(stages), every=every, n_frames=n_frames)
