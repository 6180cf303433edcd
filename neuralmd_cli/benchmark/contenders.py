"""What is scored: systems with their weights, and the baselines always among them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neuralmd_cli.errors import InputError
from neuralmd_cli.models.names import DEFAULT_MODEL
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import System, TrainableSystem
from neuralmd_cli.transfer import Progress
from neuralmd_cli.weights.checkpoint import load_checkpoint
from neuralmd_cli.weights.fetch import resolve
from neuralmd_cli.weights.model import load_model

BASELINES = ("frozen", "linear", "observed-mean", "relaxed", "mean-pose")
"""Rows of every table, in this order."""
_SEED = re.compile(r"-seed-\d+$")


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One system to score; several may share a row, one per training seed."""

    row: str
    system: System
    weights: str | None = None
    sha256: str | None = None
    training_seed: int | None = None


def baselines() -> list[Contender]:
    """The predictors without weights that every model is judged against."""
    return [
        Contender(row=name, system=SYSTEMS[name].from_config({}).eval())
        for name in BASELINES
    ]


def contenders(
    models: Sequence[str],
    weights: Sequence[str],
    *,
    url: str | None = None,
    progress: Progress | None = None,
) -> list[Contender]:
    """The baselines, and what the user names; without a name, the default model.

    A model named without weights of its own gets its default weights. Weights that
    differ by their training seed alone share a row.

    Raises:
        InputError: a model that does not exist.
        WeightsError: weights that cannot be had or used.
    """
    unknown = [x for x in models if x not in SYSTEMS]
    if unknown:
        raise InputError(
            f"--model {unknown[0]}: there is no such model.",
            hint=f"Known are {', '.join(SYSTEMS)}.",
        )
    paths = [(x, resolve(x, url=url, progress=progress)) for x in weights]
    given = {load_checkpoint(path).metadata.model for _, path in paths}
    asked = [x for x in models if issubclass(SYSTEMS[x], TrainableSystem)]
    if not models and not weights:
        asked = [DEFAULT_MODEL]
    for model in dict.fromkeys(x for x in asked if x not in given):
        path = resolve(None, model=model, url=url, progress=progress)
        paths.append((model, path))
    trained = _distinct([(text, trained_contender(path)) for text, path in paths])
    return [*baselines(), *trained]


def trained_contender(path: Path, row: str | None = None) -> Contender:
    """A system from a checkpoint file; its row is its name without the seed.

    Raises:
        WeightsError: the file cannot be used.
    """
    loaded = load_model(path)
    metadata = load_checkpoint(path).metadata
    return Contender(
        row=row or _SEED.sub("", loaded.name),
        system=loaded.system,
        weights=loaded.name,
        sha256=loaded.sha256,
        training_seed=metadata.training_seed,
    )


def _distinct(named: Sequence[tuple[str, Contender]]) -> list[Contender]:
    """One row per recipe: where two have one name and seed, what was typed."""
    counts = Counter((x.row, x.training_seed) for _, x in named)
    clashing = {row for (row, _), n in counts.items() if n > 1} | set(BASELINES)
    models = Counter(row for row, _ in {(x.row, x.system.name) for _, x in named})
    clashing |= {row for row, n in models.items() if n > 1}
    return [replace(x, row=text) if x.row in clashing else x for text, x in named]
