"""linear: the ligand goes on as it last moved."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.models.baselines.baseline import Baseline, at_rest
from neuralmd_cli.models.system import Settings, Start


class Linear(Baseline):
    """x(t) = x(0) + v t, v from the last two snapshots."""

    name: ClassVar[str] = "linear"
    summary: ClassVar[str] = "Constant velocity, from the last two snapshots observed"

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """Straight on; where one structure is all there is, it stays."""
        positions = start.batch.positions
        if start.displacement is None or start.spacing_ps is None:
            return at_rest(positions, times)
        velocities = start.displacement / start.spacing_ps
        return ((velocities, positions + velocities * t) for t in times)

    def remarks(self, settings: Settings, observed: int) -> list[str]:
        """One structure has no velocity."""
        if observed > 1:
            return []
        return [
            "One structure holds no velocity, so the model linear is the same as "
            "frozen here."
        ]
