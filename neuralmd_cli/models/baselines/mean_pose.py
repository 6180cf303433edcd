"""mean-pose: the best fixed pose, read from the reference itself."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.baselines.baseline import SHRUNKEN, Baseline, at_rest
from neuralmd_cli.models.system import Settings, Start


class MeanPose(Baseline):
    """x(t) = mean of the snapshots that will come."""

    name: ClassVar[str] = "mean-pose"
    summary: ClassVar[str] = "The reference's own mean: a bound for scores, no forecast"
    oracle: ClassVar[bool] = True

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """The mean of the future at every time.

        Raises:
            InputError: there is no reference.
        """
        if start.future is None:
            raise InputError(
                "The model mean-pose is the mean of a recorded future, and there is no "
                "recording here.",
                hint="Score it against recordings, or predict with another model.",
            )
        return at_rest(start.future.mean(dim=0), times)

    def remarks(self, settings: Settings, observed: int) -> list[str]:
        """A mean is no molecule."""
        return [SHRUNKEN]
