"""The metrics of one rollout of one complex, or why it has none."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from neuralmd_cli.analysis.corrected_metrics import skill
from neuralmd_cli.analysis.published_metrics import PublishedScores


@dataclass(frozen=True, kw_only=True)
class Score:
    """One rollout of one complex: its metrics, or why there are none."""

    row: str  # of the table
    model: str
    weights: str | None
    training_seed: int | None
    draw: str | None  # which random draws: "42" or "42.1"; None if nothing is drawn
    complex: str
    failure: str
    published: PublishedScores | None
    corrected: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0  # of the rollout, its share of the batch's
    rmsf_windows: tuple[float, ...] = ()  # Å, over 5 snapshots each, from the pocket

    @property
    def run(self) -> tuple[int | None, str | None]:
        """What tells it from other runs of its row."""
        return self.training_seed, self.draw

    @property
    def draw_seed(self) -> str | None:
        """The seed of its draws, without the number of the draw."""
        return None if self.draw is None else self.draw.partition(".")[0]

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready dict that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Score":
        """Rebuild from `to_dict`."""
        content: dict[str, Any] = dict(values)
        own = content["published"]
        content["published"] = PublishedScores(**own) if isinstance(own, dict) else None
        curve = content["rmsf_windows"]
        content["rmsf_windows"] = tuple(curve) if isinstance(curve, list) else ()
        return cls(**content)


def skills(scores: Sequence[Score]) -> list[float]:
    """Skill of each score against the baselines among them; NaN where undefined."""
    errors = {
        (x.row, x.complex): x.corrected["position_rmsd"]
        for x in scores
        if x.row in ("frozen", "mean-pose") and not x.failure
    }
    nan = float("nan")
    return [
        nan
        if x.failure
        else skill(
            x.corrected["position_rmsd"],
            errors.get(("frozen", x.complex), nan),
            errors.get(("mean-pose", x.complex), nan),
        )
        for x in scores
    ]
