"""observed-mean: the ligand is where it was on average."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.models.baselines.baseline import SHRUNKEN, Baseline, at_rest
from neuralmd_cli.models.system import Settings, Start


class ObservedMean(Baseline):
    """x(t) = mean of the snapshots observed."""

    name: ClassVar[str] = "observed-mean"
    summary: ClassVar[str] = "The mean of the observed snapshots, unmoved"

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """Their mean at every time."""
        return at_rest(start.snapshots.mean(dim=0), times)

    def remarks(self, settings: Settings, observed: int) -> list[str]:
        """The mean of one structure is that structure; of more, no molecule."""
        if observed > 1:
            return [SHRUNKEN]
        return [
            "One structure is its own mean, so the model observed-mean is the same as "
            "frozen here."
        ]
