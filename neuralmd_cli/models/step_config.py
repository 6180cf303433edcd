"""What the configs of systems that move in steps of one snapshot have in common."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from neuralmd_cli.bindingnet.config import BindingNetConfig

Config = TypeVar("Config", bound="StepConfig")


@dataclass(frozen=True, kw_only=True)
class StepConfig:
    """Network, step and what was seen in training; JSON there and back."""

    binding_net: BindingNetConfig = field(default_factory=BindingNetConfig)
    step_ps: float = 80.0  # one move; MISATO's snapshots are this far apart
    trained_elements: tuple[int, ...] = ()  # Z of every ligand element seen

    def __post_init__(self) -> None:
        self.check_positive("step_ps")

    def check_positive(self, *names: str) -> None:
        """Refuse what is not a positive number.

        Raises:
            ValueError: naming the first.
            TypeError: one is no number at all.
        """
        for name in names:
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)!r}")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[Config], values: dict[str, Any]) -> Config:
        """Rebuild from `to_dict`; unknown or missing names raise TypeError."""
        binding_net = BindingNetConfig(**values["binding_net"])
        elements = tuple(values["trained_elements"])
        rest = values | {"binding_net": binding_net, "trained_elements": elements}
        return cls(**rest)
