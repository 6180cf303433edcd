"""Look up what the paper publishes for a data split, a model and a metric."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_FILES = (
    "multi_trajectory.toml",
    "single_trajectory.toml",
    "frames_per_second.toml",
)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A value of the paper, in the metric's unit, and the tables it stands in."""

    mean: float  # over the seeds 0, 42 and 123
    std: float | None  # 0.0 is one that rounds to it; None where none is printed
    source: str


def published(split: str, model: str, metric: str) -> Published | None:
    """The paper's value, or None where it publishes none.

    Args:
        split: `misato-100`, `misato-1000`, `misato-all`, or the PDB id of one of the
            ten single trajectories; for `fps` also `average`.
        model: `verletmd`, `gnnmd`, `denoisingld`, `neuralmd-ode` or `neuralmd-sde`.
        metric: a published metric's name in `analysis.metric_table`.
    """
    return _values().get((split, model, metric))


def published_keys() -> list[tuple[str, str, str]]:
    """All (split, model, metric) that `published` knows, in the paper's order."""
    return list(_values())


@cache
def _values() -> dict[tuple[str, str, str], Published]:
    values = {}
    for name in _FILES:
        text = files("neuralmd_cli.paper_tables").joinpath(name).read_text("utf-8")
        table: dict[str, Any] = tomllib.loads(text)
        models = table.pop("models")
        for split, rows in table.items():
            source = rows.pop("source")
            for metric, row in rows.items():
                stds = row.get("std", [None] * len(models))
                for model, mean, std in zip(models, row["mean"], stds, strict=True):
                    values[split, model, metric] = Published(
                        mean=float(mean), std=std, source=source
                    )
    return values
