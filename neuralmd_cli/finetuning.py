"""A model of one complex: trained on its own short MD, judged on the held-out end."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neuralmd_cli.benchmark.contenders import baselines, trained_contender
from neuralmd_cli.benchmark.protocol import Protocol
from neuralmd_cli.benchmark.run import choose_target, evaluate_files
from neuralmd_cli.benchmark.table import Row
from neuralmd_cli.dataset.own.add import add, place_for
from neuralmd_cli.dataset.own.system import OwnFiles
from neuralmd_cli.dataset.own.trajectory import read_own
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.models.system import Settings, System, TrainableSystem
from neuralmd_cli.recording import Recording
from neuralmd_cli.run_record import hashed
from neuralmd_cli.training.data import ALL_SNAPSHOTS, KNOWN_SNAPSHOTS
from neuralmd_cli.training.epoch import EpochResult
from neuralmd_cli.training.folder import RunFolder
from neuralmd_cli.training.refit import refitted
from neuralmd_cli.training.request import make_request
from neuralmd_cli.training.train import request_parts, train, trainable
from neuralmd_cli.transfer import Progress
from neuralmd_cli.weights.fetch import resolve
from neuralmd_cli.weights.model import load_model

FEWEST = 20
"""Snapshots below which nothing is left to learn from or to judge by."""
STILL = 0.02
"""Å; in MD a ligand's atoms spread by some tenths about their means."""
HELD_SHARE = 0.16
"""Of all snapshots, for validation: the last of the known 80 %."""
USUAL_WINDOW_PS = 160.0
"""Length of a rollout in training: four steps of 40 ps."""
BEFORE, ROW, ALL_SHOWN = "before", "fine-tuned", "fine-tuned, all shown"
"""Rows of the models."""


@dataclass(frozen=True, kw_only=True)
class FineTuned:
    """What fine-tuning gave."""

    weights: Path
    rows: tuple[Row, ...]  # errors on the last fifth, which nothing saw
    refit: bool  # the pocket's push was fitted to this complex
    known: int  # snapshots learned from or validated on
    total: int
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train; what is not said is as in the preset."""

    model: str | None = None
    weights: str | None = None  # to begin with; "none" begins untrained
    weights_url: str | None = None
    preset: str | None = None
    config: Path | None = None
    settings: tuple[str, ...] = ()
    epochs: int | None = None
    seed: int = 42


def finetune(
    files: OwnFiles,
    output: Path,
    recipe: Recipe,
    *,
    ligand_index: int | None = None,
    ligand_residue: str | None = None,
    spacing_ps: float | None = None,
    device: str = "auto",
    command: Sequence[str] = (),
    progress: Progress | None = None,
    on_epoch: Callable[[EpochResult], None] = lambda result: None,
    on_batch: Callable[[int, int], None] = lambda done, of: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> FineTuned:
    """Train on the first 80 % of a trajectory, and score what continues it.

    A stopped training goes on from OUTPUT.work when asked again for the same.

    Args:
        files: protein, ligand and trajectory, as `data add` takes them.
        output: weights to write, .safetensors.
        recipe: how to train.
        ligand_index: which molecule of the ligand's file, from 1.
        ligand_residue: which residue is the ligand, where that is not clear.
        spacing_ps: time between frames; the trajectory's own without it.
        device: where to compute.
        command: as typed, for the record.
        progress: of downloads.
        on_epoch: told of each epoch.
        on_batch: told of batches done.
        should_stop: asked between two batches.

    Raises:
        NeuralMDError: anything the user can mend.
    """
    _check_output(output, files)
    before, start = _begun(recipe, progress)
    work = output.with_name(f"{output.name}.work")
    own = read_own(
        files,
        name="OWN",
        spacing_ps=spacing_ps,
        ligand_index=ligand_index,
        ligand_residue=ligand_residue,
    )
    laid = _to_learn_from(own.reading.recording, files.trajectory.name)
    total = laid.n_frames
    known = total * KNOWN_SNAPSHOTS // ALL_SNAPSHOTS
    work.mkdir(exist_ok=True)
    store = work / "own.h5"
    # Each start in the protein of its own snapshot, as a user's structure is.
    add(
        place_for(store, "OWN", all_atom=True, replace=True),
        replace(own.reading, recording=laid),
        source=files.trajectory.name,
    )
    held = max(2, round(HELD_SHARE * total))
    learned_ps = (known - held) * laid.spacing_ps
    request = make_request(
        model=recipe.model if start is None else start.name,
        data=[store],
        trajectory="OWN",
        seed=recipe.seed,
        preset=recipe.preset,
        config=recipe.config,
        settings=[
            f"held_snapshots={held}",
            *_window(learned_ps, start),
            *recipe.settings,
        ],
        epochs=recipe.epochs,
    )
    refit = False
    if start is not None and start.sees_pocket:
        start, refit = refitted(start, request_parts(request, pocket=True))
    folder = RunFolder(path=work / "training")
    trained = train(
        request,
        folder,
        resume=folder.state.exists(),
        start=start,
        device=device,
        on_epoch=on_epoch,
        on_batch=on_batch,
        should_stop=should_stop,
    )
    rows = _judged(store, trained.weights, before, (known, total), device)
    shutil.copyfile(trained.weights, work / output.name)
    (work / output.name).replace(output)
    shutil.rmtree(work, ignore_errors=True)
    return FineTuned(
        weights=output,
        rows=rows,
        refit=refit,
        known=known,
        total=total,
        notes=(*own.notes, *_said(rows, refit=refit)),
    )


def _to_learn_from(recording: Recording, name: str) -> Recording:
    """A recording laid on its pocket.

    Raises:
        InputError: there is too little in it to learn from.
    """
    if recording.n_frames < FEWEST:
        raise InputError(
            f"{name} holds {recording.n_frames} snapshots; at least {FEWEST} are "
            "needed to learn from and to judge by.",
            hint="Run a longer simulation, or write snapshots more often.",
        )
    laid = recording.superposed("pocket")
    if float(laid.positions.std(dim=0).mean()) < STILL:
        raise InputError(
            f"{name}: the ligand does not move, so there is nothing to learn.",
            hint="Give a trajectory of numerical MD, as `neuralmd md` writes it.",
        )
    return laid


def _begun(
    recipe: Recipe, progress: Progress | None
) -> tuple[Path | None, TrainableSystem | None]:
    """The weights to begin with, if any.

    Raises:
        InputError: they are of another model than the one asked for, or that one has
            no weights.
        WeightsError: they cannot be had or used.
    """
    if recipe.model is not None:
        trainable(recipe.model)
    if recipe.weights == "none":
        return None, None
    path = resolve(
        recipe.weights,
        model=recipe.model or "neuralmd-ode",
        url=recipe.weights_url,
        progress=progress,
    )
    loaded = load_model(path)
    if recipe.model not in (None, loaded.system.name):
        raise InputError(
            f"--model {recipe.model}: the weights {loaded.name} are of "
            f"{loaded.system.name}.",
            hint=f"Leave --model out, or give --weights of {recipe.model}.",
        )
    return path, loaded.system


def _judged(
    store: Path, weights: Path, before: Path | None, shown: tuple[int, int], device: str
) -> tuple[Row, ...]:
    """Errors on the snapshots that nothing saw, from the last one that was seen.

    The models start from that snapshot alone, as `simulate` does. Those that can make
    use of all that was seen, as `eval --protocol single` shows it, are in a row more.

    Args:
        store: with the trajectory.
        weights: after the training.
        before: weights it began with.
        shown: snapshots seen, and snapshots in all.
        device: where to compute.
    """
    known, total = shown
    tuned = trained_contender(weights, ROW)
    own = [tuned] if before is None else [trained_contender(before, BEFORE), tuned]
    plain = {x.row: x for x in baselines()}
    groups = [([plain["frozen"], *own], 1), ([plain["observed-mean"]], None)]
    if tuned.system.sees_pocket:
        groups.append(([replace(tuned, row=ALL_SHOWN)], None))
    found: list[Row] = []
    for contenders, last in groups:
        protocol = Protocol(
            name="held-out end",
            about=f"snapshots {known + 1} to {total} predicted",
            observe=known,
            predict=total - known,
            shown=last,
        )
        target = choose_target(None, None, "OWN")
        found += evaluate_files(
            [store],
            target,
            contenders,
            protocol,
            settings=_at_rest(tuned.system),
            device=device,
        ).rows
    return tuple(found)


def _said(rows: Sequence[Row], *, refit: bool) -> list[str]:
    """What was done beside the training, and how the table is to be read."""
    said = []
    if refit:
        said.append("Where the ligand settles was fitted to these snapshots first.")
    if any(x.model == "neuralmd-sde" for x in rows):
        said.append("neuralmd-sde is judged at 0 K, without its random swing.")
    return said


def _at_rest(system: System) -> Settings:
    """Settings without noise, where a model has such.

    One draw of a swing is farther from another than from its middle: judged by it,
    every model that moves as much as MD does would lose to one that stands still.
    """
    cold = Settings(temperature_k=0.0)
    try:
        system.settled(cold)
    except InputError:
        return Settings()
    return cold


def _window(learned_ps: float, start: TrainableSystem | None) -> list[str]:
    """Rollouts that the trajectory is long enough for.

    Among springs, where the default weights take steps of 4 ps, four steps would end
    before the ligand has settled.
    """
    if learned_ps < 2 * USUAL_WINDOW_PS:
        return ["window_unit=ps", f"window={learned_ps / 2:g}"]
    if start is not None and start.sees_pocket:
        return ["window_unit=ps", f"window={USUAL_WINDOW_PS:g}"]
    return []


def _check_output(output: Path, files: OwnFiles) -> None:
    """Refuse before the training what could not be written after it."""
    if output.suffix != ".safetensors":
        raise OutputError(
            f"{output.name}: weights are .safetensors files.",
            hint="Write to a name that ends so: -o my.safetensors.",
        )
    if not output.parent.is_dir():
        raise OutputError(
            f"{output.parent} is not a folder, so {output.name} cannot be written.",
            hint="Create it first.",
        )
    for path in (files.protein, files.ligand, files.trajectory):
        hashed(path)
