"""Constants of the pocket, as they stand in a checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from neuralmd_cli.complex import NEAR
from neuralmd_cli.models.pocket.seen import Seen


@dataclass(frozen=True, kw_only=True)
class SpringConstants:
    """Springs within the ligand and to the heavy atoms around it.

    Stiffnesses are in kT/Å² at 300 K (an elastic network model): the inverse of what a
    rigid molecule feels of them (`springs.swing`) is the covariance of its positions.
    Springs of bonds, angles and stiff parts yield to a push and do not swing.
    """

    bond: float = 136.0
    angle: float = 54.0  # two bonds apart
    stiff_part: float = 27.0  # rings, double bonds, amides: `stiff_parts`
    torsion: float = 52.0  # three bonds apart, free to turn
    contact: float = 1.4  # to a heavy atom of the pocket, were it here
    contact_cutoff: float = 6.2  # Å, where a contact's stiffness has fallen to 0
    polar: float = 3.9  # factor on contacts of N or O with N or O below 3.6 Å
    isotropy: float = 0.1  # share of a contact that acts in all directions
    background: float = 0.02

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value!r}")
        if not 0 < self.contact_cutoff <= NEAR:
            raise ValueError(f"contact_cutoff is {self.contact_cutoff!r}")
        if not self.background or self.isotropy > 1:
            raise ValueError("springs that leave the ligand free")


@dataclass(frozen=True, kw_only=True)
class PocketConfig:
    """The springs, and how a ligand finds its place among them."""

    springs: SpringConstants = field(default_factory=SpringConstants)
    cage: float = 20.0  # kT/Å²; of close contacts, which yield only in time
    cage_range: float = 0.5  # Å
    yielding: float = 7.0  # Å from the ligand: pocket atoms that a push moves as well
    farthest: float = 1.0  # Å that the push moves an atom at most
    anchor_spread: float = 1.2  # of a random settled pose, in units of the swing
    slow_share: float = 0.25  # of an atom's variance, forgotten slowly: `kriging`
    slow: float = 40.0  # snapshots, over which that falls by a factor e
    force_steps: int = 10  # steps between two evaluations of the network
    seen: Seen | None = None  # what it was fitted to

    def __post_init__(self) -> None:
        values = {k: v for k, v in vars(self).items() if k not in ("springs", "seen")}
        for name, value in values.items():
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is {value!r}")
        for name in ("cage_range", "farthest", "slow"):
            if not values[name]:
                raise ValueError(f"{name} is 0")
        if self.slow_share >= 1:
            raise ValueError(f"slow_share is {self.slow_share!r}")
        if self.force_steps < 1:
            raise ValueError(f"force_steps is {self.force_steps!r}")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PocketConfig":
        """Rebuild from `to_dict`; unknown names raise TypeError."""
        springs = SpringConstants(**values["springs"])
        found = values.get("seen")
        seen = None if found is None else Seen.from_dict(found)
        return cls(**{**values, "springs": springs, "seen": seen})
