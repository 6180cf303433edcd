"""One cell of the grid: a model trained with one seed and scored, kept in a file."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from neuralmd_cli.benchmark.cases import Case
from neuralmd_cli.benchmark.contenders import Contender, trained_contender
from neuralmd_cli.benchmark.evaluate import evaluate
from neuralmd_cli.benchmark.score import Score
from neuralmd_cli.errors import (
    InputError,
    NeuralMDError,
    OutputError,
    TrainingError,
)
from neuralmd_cli.input_files import json_value
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.reproduction.plan import DataSet, Plan
from neuralmd_cli.training.epoch import EpochResult
from neuralmd_cli.training.folder import RunFolder
from neuralmd_cli.training.request import Request, make_request
from neuralmd_cli.training.train import train
from neuralmd_cli.writers import atomic_path


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What a cell gave."""

    scores: list[Score]
    systems: Mapping[str, Any]  # by row: what it ran with
    sha256: str  # of the weights; empty for baselines, and where training failed
    curves: Mapping[str, Sequence[float]]  # RMSF windows of the recordings, Å
    unusable: Mapping[str, str] = field(default_factory=dict)  # complexes, and why
    is_kept: bool = True  # False: the next run is to try again


def request_of(plan: Plan, one: DataSet, model: str, seed: int) -> Request:
    """The training of a cell.

    Raises:
        InputError: the recipe does not exist or does not fit.
    """
    return make_request(
        model=model,
        data=one.data,
        split=one.split,
        trajectory=one.trajectory,
        seed=seed,
        preset=plan.preset,
        settings=_settings_of(plan, model),
        epochs=plan.epochs,
    )


def _settings_of(plan: Plan, model: str) -> list[str]:
    """The settings that are for all models, and this one's: `gnnmd:epochs=9`."""
    chosen = []
    for text in plan.settings:
        owner, colon, rest = text.partition(":")
        if not colon or owner not in SYSTEMS:
            chosen.append(text)
        elif owner == model:
            chosen.append(rest)
    return chosen


def trained_cell(
    request: Request,
    folder: Path,
    cases: Sequence[Case],
    one: DataSet,
    plan: Plan,
    *,
    device: torch.device,
    on_epoch: Callable[[EpochResult], None],
) -> Cell:
    """Train, or go on with it, and score; a training that breaks down is a failure.

    Where the loss diverged, that is a result and kept. What the user can mend, such as
    a recipe that does not fit the model, is a failure until the next run tries again.

    Args:
        request: the training.
        folder: of the training.
        cases: to score on.
        one: the data set.
        plan: seeds and batches.
        device: where to compute.
        on_epoch: told of each epoch.
    """
    run = RunFolder(path=folder)
    try:
        trained = train(
            request,
            run,
            resume=run.state.exists(),
            device=str(device),
            on_epoch=on_epoch,
        )
    except NeuralMDError as error:
        failure = f"training: {error.message}"
        scores = [_failed(request, x.name, failure) for x in cases]
        kept = isinstance(error, TrainingError)
        return Cell(scores=scores, systems={}, sha256="", curves={}, is_kept=kept)
    contender = trained_contender(trained.weights, row=request.model)
    scores = score([contender], cases, one, plan, request.seed, device)
    constants = {"system": request.model, **contender.system.constants()}
    return Cell(
        scores=scores,
        systems={request.model: constants},
        sha256=contender.sha256 or "",
        curves={},
    )


def score(
    contenders: Sequence[Contender],
    cases: Sequence[Case],
    one: DataSet,
    plan: Plan,
    seed: int,
    device: torch.device,
) -> list[Score]:
    """The scores of a cell; what is drawn is drawn by the cell's seed."""
    return evaluate(
        contenders,
        cases,
        one.protocol,
        seeds=[seed],
        draws=plan.draws,
        largest_batch=plan.batch,
        device=device,
    )


def _failed(request: Request, name: str, failure: str) -> Score:
    return Score(
        row=request.model,
        model=request.model,
        weights=None,
        training_seed=request.seed,
        draw=None,
        complex=name,
        failure=failure,
        published=None,
    )


def save_cell(path: Path, cell: Cell, made_with: Mapping[str, Any]) -> None:
    """Write a cell, whole or not at all; NaN as JSON's dialect of Python has it.

    Raises:
        OutputError: it cannot be written.
    """
    content = {
        "made_with": made_with,
        "sha256": cell.sha256,
        "systems": cell.systems,
        "curves": cell.curves,
        "unusable": cell.unusable,
        "scores": [asdict(x) for x in cell.scores],
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")


def load_cell(path: Path, made_with: Mapping[str, Any]) -> Cell | None:
    """A cell that is there already; None where it is not.

    Raises:
        OutputError: it was made with other options, or is damaged.
    """
    if not path.exists():
        return None
    try:
        content = json_value(path.read_text(encoding="utf-8"))
        old = content["made_with"]
        cell = Cell(
            scores=[Score.from_dict(x) for x in content["scores"]],
            systems=content["systems"],
            sha256=content["sha256"],
            curves=content["curves"],
            unusable=content["unusable"],
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise OutputError(
            f"{path} cannot be read as a cell ({error}).",
            hint="Delete it; the next run makes it anew.",
        ) from None
    new = json.loads(json.dumps(made_with))
    if old != new:
        keys = sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
        raise OutputError(
            f"{path} was made with other options (they differ in {', '.join(keys)}).",
            hint="Choose another folder with -o, or delete the file.",
        )
    return cell


def check_models(plan: Plan, sets: Sequence[DataSet]) -> None:
    """Refuse a recipe that does not exist before hours of work.

    Raises:
        InputError: with what is wrong.
    """
    for one in sets:
        if not one.models or not plan.seeds:
            raise InputError("There is nothing to train.", hint="Give --model.")
        request_of(plan, one, one.models[0], plan.seeds[0])
