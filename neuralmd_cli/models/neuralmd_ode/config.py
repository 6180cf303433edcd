"""What a neuralmd-ode checkpoint holds beside its tensors."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.dynamics.ode import SOLVERS, Solver
from neuralmd_cli.models.pocket.config import PocketConfig
from neuralmd_cli.models.system import VELOCITY_RULES, VelocityRule


@dataclass(frozen=True, kw_only=True)
class NeuralODEConfig:
    """Everything but the tensors of a neuralmd-ode checkpoint.

    Two time conventions exist. `consistent`: velocity, force and time share one unit,
    1 ps. `published`: one unit is `ps_per_time_unit` and the velocity from two
    snapshots is not scaled to it, as in the authors' release.

    With a pocket, its springs hold the ligand where it settles, friction and thermal
    speed are of that motion, which is solved exactly, and the tether is only the scale
    of the network's force.
    """

    binding_net: BindingNetConfig = field(default_factory=BindingNetConfig)
    time_convention: Literal["consistent", "published"] = "consistent"
    ps_per_time_unit: float = 1.0
    solver: Solver = "euler"
    step_ps: float = 40.0
    friction_per_ps: float = 0.0
    tether_per_ps2: float = 0.0  # 0: no tether
    reach: float = 2.0  # Å, of the tether
    velocity_rule: VelocityRule = "zero"
    initial_velocity_network: bool = False
    velocity_refinement: float = 0.0  # the paper's alpha; 0: no network
    thermal_speed: float = 0.0  # Å/ps; 0: not known for this checkpoint
    trained_elements: tuple[int, ...] = ()  # Z of every ligand element seen
    pocket: PocketConfig | None = None  # None: a tether alone holds the ligand

    def __post_init__(self) -> None:
        known = {
            "solver": SOLVERS,
            "velocity_rule": VELOCITY_RULES,
            "time_convention": ("consistent", "published"),
        }
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} is {getattr(self, name)!r}")
        for name in ("ps_per_time_unit", "step_ps", "reach"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)!r}")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "NeuralODEConfig":
        """Rebuild from `to_dict`; unknown or missing names raise TypeError."""
        binding_net = BindingNetConfig(**values["binding_net"])
        elements = tuple(values["trained_elements"])
        rest = values | {"binding_net": binding_net, "trained_elements": elements}
        if values.get("pocket") is not None:
            rest["pocket"] = PocketConfig.from_dict(values["pocket"])
        return cls(**rest)
