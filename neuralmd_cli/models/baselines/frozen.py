"""frozen: the ligand stays where it was last seen."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.models.baselines.baseline import Baseline, at_rest
from neuralmd_cli.models.system import Settings, Start


class Frozen(Baseline):
    """x(t) = x(0)."""

    name: ClassVar[str] = "frozen"
    summary: ClassVar[str] = "The last observed pose, unmoved: what a model must beat"

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """The last snapshot at every time."""
        return at_rest(start.batch.positions, times)
