"""A training for every combination of a grid, and which of them validates best.

A grid is a TOML file: `preset` or `config` (a recipe to start from), and a table
`[grid]` of axes. An axis is a key as in --set with a list of values; or any name with a
list of tables, each of which sets several keys together.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from neuralmd_cli.errors import InputError, NeuralMDError, TrainingError
from neuralmd_cli.input_files import json_value
from neuralmd_cli.training.epoch import EpochResult, score
from neuralmd_cli.training.folder import RunFolder
from neuralmd_cli.training.recipe_file import (
    PRESETS,
    Setup,
    preset_content,
    read_preset,
    read_setup,
    read_toml,
    with_value,
)
from neuralmd_cli.training.request import Request
from neuralmd_cli.training.train import Trained
from neuralmd_cli.weights.checkpoint import write_whole

SUMMARY = "search.json"
MOST_CELLS = 10_000
"""Each is a training; a grid of more is a mistake in its file."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A recipe to start from, and the values to try."""

    base: Setup
    axes: Mapping[str, tuple[Mapping[str, Any], ...]]  # choices, each some settings

    def cells(self) -> Iterator[dict[str, Any]]:
        """The settings of every combination, the last axis fastest."""
        for choices in product(*self.axes.values()):
            yield {k: v for choice in choices for k, v in choice.items()}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One combination, and what came of it."""

    folder: str
    settings: Mapping[str, Any]
    score: float | None  # more is better; None: it failed
    best_epoch: int | None
    problem: str = ""


def read_grid(name_or_path: str) -> Grid:
    """A grid that comes with neuralmd, or a user's.

    Raises:
        InputError: not there, or not as described above.
    """
    if (PRESETS / f"{name_or_path}.toml").is_file():
        content, where, folder = preset_content(name_or_path), name_or_path, Path()
    else:
        path = Path(name_or_path)
        content, where, folder = read_toml(path), path.name, path.parent
    axes = content.get("grid")
    if not isinstance(axes, Mapping) or not axes:
        raise InputError(
            f"{where} has no table [grid] with values to try.",
            hint="docs/training.md shows one.",
        )
    base = Setup()
    for key in ("preset", "config"):
        if not isinstance(content.get(key, ""), str):
            raise InputError(
                f"{where}: {key} is not a text.", hint="Write it in quotes."
            )
    if "preset" in content:
        base = read_preset(content["preset"])
    if "config" in content:
        base = read_setup(folder / content["config"], base)
    grid = Grid(base=base, axes={k: _choices(k, v, where) for k, v in axes.items()})
    count = prod(len(x) for x in grid.axes.values())
    if count > MOST_CELLS:
        raise InputError(
            f"{where}: the grid has {count:,} combinations; at most "
            f"{MOST_CELLS:,} are tried.",
            hint="Try fewer values, or one axis after another.",
        )
    for settings in grid.cells():
        with_settings_of(base, settings, where)
    return grid


def with_settings_of(setup: Setup, settings: Mapping[str, Any], where: str) -> Setup:
    """The setup of one cell.

    Raises:
        InputError: an unknown key, or a value it cannot have.
    """
    for key, value in settings.items():
        setup = with_value(setup, key, value, where)
    return setup


def search(
    request: Request,
    grid: Grid,
    folder: Path,
    train_one: Callable[[Request, RunFolder], Trained],
    on_cell: Callable[[int, int, Mapping[str, Any]], None] = lambda k, n, x: None,
) -> list[Cell]:
    """Train every cell of a grid in a folder of its own; the best first.

    A cell that fails is a result like another. Cells are chosen among by validation
    alone. Going on after an interruption is calling it again: finished cells are read
    from `search.json`.

    Args:
        request: what to train on; its setup gives way to the cells'.
        grid: the cells.
        folder: where.
        train_one: trains a request in a folder, resuming what is there.
        on_cell: told of each cell's number, how many there are, and its settings.
    """
    cells = list(grid.cells())
    done = {x.folder: x for x in _finished(folder)}
    for number, settings in enumerate(cells, start=1):
        name = f"{number:03d}"
        if name in done and dict(done[name].settings) == settings:
            continue
        on_cell(number, len(cells), settings)
        setup = with_settings_of(grid.base, settings, name)
        done[name] = _trained(
            replace(request, setup=setup), folder / name, settings, train_one
        )
        content = [vars(x) for x in ranked(done.values())]
        text = json.dumps(content, indent=2, allow_nan=False) + "\n"
        write_whole(folder / SUMMARY, text.encode())
    return ranked(done.values())


def ranked(cells: Iterable[Cell]) -> list[Cell]:
    """The best first, failures last."""
    return sorted(cells, key=lambda x: (x.score is None, -(x.score or 0.0), x.folder))


def _trained(
    request: Request,
    path: Path,
    settings: Mapping[str, Any],
    train_one: Callable[[Request, RunFolder], Trained],
) -> Cell:
    best: EpochResult | None = None
    problem = ""
    try:
        best = train_one(request, RunFolder(path=path)).best
    except NeuralMDError as error:
        problem = error.message
    return Cell(
        folder=path.name,
        settings=settings,
        score=None if best is None else score(best, request.setup.recipe.keep),
        best_epoch=None if best is None else best.epoch,
        problem=problem,
    )


def _finished(folder: Path) -> list[Cell]:
    path = folder / SUMMARY
    if not path.is_file():
        return []
    try:
        return [Cell(**x) for x in json_value(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(
            f"{path}, which holds what was tried before, cannot be read ({error}).",
            hint="Delete it; trainings that are there are then read again.",
        ) from None


def _choices(axis: str, values: object, where: str) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(values, list) or not values:
        raise InputError(
            f"{where}: {axis} is no list of values to try.",
            hint=f"Write it as {axis} = [first, second].",
        )
    return tuple(x if isinstance(x, Mapping) else {axis: x} for x in values)
