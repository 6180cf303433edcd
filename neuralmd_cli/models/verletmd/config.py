"""What a verletmd checkpoint holds beside its tensors."""

import math
from dataclasses import dataclass
from typing import Literal

from neuralmd_cli.models.step_config import StepConfig
from neuralmd_cli.models.system import VelocityRule

RULES = ("zero", "thermal", "displacement")


@dataclass(frozen=True, kw_only=True)
class VerletMDConfig(StepConfig):
    """Everything but the tensors of a verletmd checkpoint.

    Two conventions exist. `consistent`: the energy is in kcal/mol, time in ps, and the
    integrator is velocity Verlet. `published`: energy, force and velocity are in units
    of which one of time is `ps_per_time_unit`, and a move is the authors' (see
    docs/models/verletmd.md).
    """

    time_convention: Literal["consistent", "published"] = "consistent"
    ps_per_time_unit: float = 1.0
    velocity_rule: VelocityRule = "zero"
    temperature_k: float = 300.0  # of the thermal rule
    energy_mean: float = 0.0  # kcal/mol, of the data it was trained on
    energy_deviation: float = 1.0  # kcal/mol

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_positive("ps_per_time_unit", "temperature_k", "energy_deviation")
        if not math.isfinite(self.energy_mean):
            raise ValueError(f"energy_mean is {self.energy_mean!r}")
        if self.time_convention not in ("consistent", "published"):
            raise ValueError(f"time_convention is {self.time_convention!r}")
        if self.velocity_rule not in RULES:
            raise ValueError(f"velocity_rule is {self.velocity_rule!r}")
