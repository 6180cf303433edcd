"""What a neuralmd-sde checkpoint holds beside its tensors."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.dynamics.ode import FIXED_STEP, Solver
from neuralmd_cli.models.pocket.config import PocketConfig
from neuralmd_cli.models.system import VELOCITY_RULES, VelocityRule

Noise = Literal["langevin", "published-scalar", "published-coordinate"]
NOISES = ("langevin", "published-scalar", "published-coordinate")


@dataclass(frozen=True, kw_only=True)
class NeuralSDEConfig:
    """Everything but the tensors of a neuralmd-sde checkpoint.

    `langevin` is our own equation. The two published ones, which need BindingNet's
    published variant, add noise inside the drift: one number per atom, or one per
    coordinate. They use no friction, tether, thermal speed or amplitude limit;
    Langevin dynamics uses no solver and no `noise_rows`. With a pocket, its springs
    take the place of the tether, and what each atom swings by is their answer.
    """

    noise: Noise = "langevin"
    binding_net: BindingNetConfig = field(default_factory=BindingNetConfig)
    time_convention: Literal["consistent", "published"] = "consistent"
    ps_per_time_unit: float = 1.0
    solver: Solver = "euler"
    step_ps: float = 40.0
    velocity_rule: VelocityRule = "zero"
    initial_velocity_network: bool = False
    noise_rows: int = 1  # of the authors' gamma; over 1: one per atom of one ligand
    friction_per_ps: float = 0.0
    tether_per_ps2: float = 0.0
    reach: float = 2.0  # Å, of the tether
    thermal_speed: float = 0.0  # Å/ps at 300 K
    noise_network: bool = True  # False: every atom as warm as the temperature says
    amplitude_limit: float = 2.0  # largest factor of the network on the noise
    trained_elements: tuple[int, ...] = ()  # Z of every ligand element seen
    pocket: PocketConfig | None = None  # None: a tether alone holds the ligand

    def __post_init__(self) -> None:
        known = {
            "noise": NOISES,
            "solver": FIXED_STEP,
            "velocity_rule": VELOCITY_RULES,
            "time_convention": ("consistent", "published"),
        }
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}")
        positive = ["ps_per_time_unit", "step_ps", "reach", "amplitude_limit"]
        if not self.is_published:
            positive += ["friction_per_ps", "tether_per_ps2", "thermal_speed"]
        for name in positive:
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)!r}")
        if self.is_published != self.binding_net.is_published:
            raise ValueError(f"noise {self.noise!r} goes with another BindingNet")
        if self.amplitude_limit < 1:
            raise ValueError(f"amplitude_limit is {self.amplitude_limit!r}")
        if self.pocket is not None and (self.is_published or self.noise_network):
            raise ValueError("a pocket needs Langevin noise without a network")
        if self.noise_rows < 1:
            raise ValueError(f"noise_rows is {self.noise_rows!r}")

    @property
    def is_published(self) -> bool:
        """True for the two ways of the authors' checkpoints."""
        return self.noise != "langevin"

    @property
    def noise_columns(self) -> int:
        """Random numbers per atom and evaluation, in the published ways."""
        return 1 if self.noise == "published-scalar" else 3

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "NeuralSDEConfig":
        """Rebuild from `to_dict`; unknown or missing names raise TypeError."""
        binding_net = BindingNetConfig(**values["binding_net"])
        elements = tuple(values["trained_elements"])
        rest = values | {"binding_net": binding_net, "trained_elements": elements}
        if values.get("pocket") is not None:
            rest["pocket"] = PocketConfig.from_dict(values["pocket"])
        return cls(**rest)
