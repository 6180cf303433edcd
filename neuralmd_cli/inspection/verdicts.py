"""A measure over the snapshots, and what to think of each value."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

Verdict = Literal["ok", "odd", "broken"]
VERDICTS: tuple[Verdict, ...] = ("ok", "odd", "broken")
"""Odd: unlikely, look at it. Broken: physically or chemically impossible."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One check: its value in each snapshot and at the start, and its limits.

    A value beyond `odd` or `broken` (at or below it, where low is bad) has that
    verdict. A value that is not finite is broken.
    """

    name: str
    label: str
    unit: str
    values: Float[Tensor, " frames"]
    at_start: float
    odd: float | None = None
    broken: float | None = None
    low_is_bad: bool = False
    worst: str = ""  # which atoms, in the worst snapshot

    @property
    def verdicts(self) -> Int[Tensor, " frames"]:
        """Place in `VERDICTS` for each snapshot."""
        return self._judged(self.values)

    @property
    def start_verdict(self) -> int:
        """The start's."""
        return int(self._judged(torch.tensor([self.at_start]).double())[0])

    @property
    def overall(self) -> int:
        """The worst of all snapshots."""
        return int(self.verdicts.max())

    @property
    def worst_snapshot(self) -> int:
        """The snapshot of the worst value, from 0."""
        values = torch.where(self.values.isfinite(), self.values, self._impossible())
        return int(values.argmin() if self.low_is_bad else values.argmax())

    def first(self, verdict: Verdict) -> int | None:
        """The first snapshot, from 0, at least that bad; None if none is."""
        bad = (self.verdicts >= VERDICTS.index(verdict)).nonzero()
        return int(bad[0]) if len(bad) else None

    def _judged(self, values: Float[Tensor, " values"]) -> Int[Tensor, " values"]:
        judged = torch.zeros(len(values), dtype=torch.long)
        for place, limit in ((1, self.odd), (2, self.broken)):
            if limit is not None:
                over = values < limit if self.low_is_bad else values > limit
                judged = torch.where(over, place, judged)
        return torch.where(values.isfinite(), judged, 2)

    def _impossible(self) -> Tensor:
        return self.values.new_tensor(-torch.inf if self.low_is_bad else torch.inf)


def first_of(checks: tuple[Measured, ...], verdict: Verdict) -> int | None:
    """The first snapshot, from 0, in which any check is that bad; None if none is."""
    found = [k for k in (x.first(verdict) for x in checks) if k is not None]
    return min(found, default=None)
