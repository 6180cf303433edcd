"""One evaluation from files to tables: find, cut, roll out, score, write."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from neuralmd_cli.benchmark.cases import load_cases
from neuralmd_cli.benchmark.contenders import Contender
from neuralmd_cli.benchmark.evaluate import evaluate, n_rollouts
from neuralmd_cli.benchmark.files import check_folder, write_results
from neuralmd_cli.benchmark.places import find
from neuralmd_cli.benchmark.protocol import Protocol
from neuralmd_cli.benchmark.record import EvalRecord, WeightsUsed
from neuralmd_cli.benchmark.rollout import BATCH_COMPLEXES, settings_for
from neuralmd_cli.benchmark.score import Score
from neuralmd_cli.benchmark.table import Row, make_rows
from neuralmd_cli.dataset.splits import (
    Part,
    Split,
    load_split,
    misato_ids,
    split_names,
)
from neuralmd_cli.device import resolve_device
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.system import Settings
from neuralmd_cli.run_record import hashed
from neuralmd_cli.version import VERSION


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is scored: complexes of a split, or one trajectory."""

    name: str  # of the split, or the complex
    part: Part | None
    ids: tuple[str, ...]
    fetch: str | None  # what `neuralmd data fetch` takes for it


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What an evaluation gave."""

    scores: list[Score]
    rows: list[Row]
    record: EvalRecord
    files: list[Path]


def choose_target(
    split: str | None, part: Part | None, trajectory: str | None
) -> Target:
    """What the user means.

    Raises:
        InputError: neither or both, or a split or part that does not exist.
    """
    if (split is None) == (trajectory is None):
        raise InputError(
            "There is nothing to score."
            if split is None
            else "--split and --trajectory exclude each other.",
            hint="Give --split NAME, or --trajectory ID for a single one.",
        )
    if trajectory is not None:
        known = trajectory.upper() in misato_ids()
        fetch = trajectory.upper() if known else None
        return Target(name=trajectory, part=None, ids=(trajectory,), fetch=fetch)
    return split_target(load_split(split or ""), part)


def split_target(split: Split, part: Part | None) -> Target:
    """A part of a split; of one that is not divided, all.

    Raises:
        InputError: it has no such part.
    """
    part = part or ("test" if split.parts else None)
    fetch = None
    if split.name in split_names() and split.name.startswith("misato"):
        fetch = split.name if part is None else f"{split.name} --part {part}"
    return Target(name=split.name, part=part, ids=split.part(part), fetch=fetch)


def evaluate_files(
    data: Sequence[Path],
    target: Target,
    contenders: Sequence[Contender],
    protocol: Protocol,
    *,
    settings: Settings | None = None,
    seeds: Sequence[int] = (0,),
    draws: int = 1,
    batch: int = BATCH_COMPLEXES,
    device: str = "auto",
    output: Path | None = None,
    command: Sequence[str] = (),
    on_start: Callable[[str, int], None] = lambda stage, total: None,
    on_step: Callable[[str, int], None] = lambda label, done: None,
) -> Evaluation:
    """Score contenders on recordings and, with an output folder, write all of it.

    Args:
        data: files in MISATO's layout, or stores.
        target: what to score.
        contenders: the baselines among them.
        protocol: how.
        settings: the user's, of rollouts.
        seeds: of the systems that draw.
        draws: runs per seed of these.
        batch: complexes rolled out at once, at most.
        device: where to compute.
        output: folder.
        command: as typed, for the record.
        on_start: told each stage and its length.
        on_step: told what is done in it.

    Raises:
        NeuralMDError: anything the user can mend.
    """
    started = time.perf_counter()
    if output is not None:
        check_folder(output)
    where = resolve_device(device)
    chosen = settings or Settings()
    places = find(data, target.ids, of=target.name, fetch=target.fetch)
    read = _Counter(lambda done: on_step("", done))
    on_start("complexes read", len(places))
    cases, unusable = load_cases(places, protocol, on_case=read)
    loaded = time.perf_counter()
    runs = len(seeds) * draws
    on_start("rollouts", n_rollouts(contenders, cases, protocol, chosen, runs))
    scores = evaluate(
        contenders,
        cases,
        protocol,
        settings=chosen,
        seeds=seeds,
        draws=draws,
        largest_batch=batch,
        device=where,
        on_complex=on_step,
    )
    rows = make_rows(scores, target.name)
    record = EvalRecord(
        neuralmd_version=VERSION,
        command=list(command),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        data={x.name: hashed(x).sha256 for x in data},
        split=target.name,
        part=target.part,
        protocol=asdict(protocol),
        settings=chosen.chosen(),
        systems=_systems(contenders, protocol, chosen),
        weights=_weights(contenders),
        seeds=list(seeds),
        draws=draws,
        complexes=[x.name for x in cases],
        unusable=unusable,
        device=device_name(where),
        timings_s={
            "read": round(loaded - started, 3),
            "score": round(time.perf_counter() - loaded, 3),
        },
    )
    files = [] if output is None else write_results(output, scores, rows, record)
    return Evaluation(scores=scores, rows=rows, record=record, files=files)


def device_name(device: torch.device) -> str:
    """The device in words."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"{device} ({threads} thread{'' if threads == 1 else 's'})"


class _Counter:
    """Counts its calls, and tells."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self.done, self._tell = 0, tell

    def __call__(self) -> None:
        self.done += 1
        self._tell(self.done)


def _systems(
    contenders: Sequence[Contender], protocol: Protocol, settings: Settings
) -> dict[str, dict[str, object]]:
    """What each row ran with: the system, its settings and constants."""
    return {
        x.row: {
            "system": x.system.name,
            **settings_for(x.system, protocol, settings).chosen(),
            **x.system.constants(),
        }
        for x in contenders
    }


def _weights(contenders: Sequence[Contender]) -> list[WeightsUsed]:
    return [
        WeightsUsed(
            row=x.row,
            name=x.weights,
            sha256=x.sha256 or "",
            training_seed=x.training_seed,
        )
        for x in contenders
        if x.weights is not None
    ]
