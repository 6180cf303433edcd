"""Makes the cells of one data set that are not there yet, and their table."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from neuralmd_cli.benchmark.cases import Case, load_cases
from neuralmd_cli.benchmark.contenders import baselines
from neuralmd_cli.benchmark.evaluate import reference_curves
from neuralmd_cli.benchmark.files import check_folder, write_results
from neuralmd_cli.benchmark.places import find
from neuralmd_cli.benchmark.record import EvalRecord, WeightsUsed
from neuralmd_cli.benchmark.run import device_name
from neuralmd_cli.benchmark.table import Row, make_rows
from neuralmd_cli.errors import OutputError
from neuralmd_cli.reproduction.cells import (
    Cell,
    load_cell,
    request_of,
    save_cell,
    score,
    trained_cell,
)
from neuralmd_cli.reproduction.plan import DataSet, Plan
from neuralmd_cli.training.request import Request
from neuralmd_cli.version import VERSION

BASELINES = "baselines"


@dataclass(frozen=True, kw_only=True)
class Part:
    """One data set of the grid, done."""

    name: str
    rows: list[Row]
    record: EvalRecord
    first_scored: int  # snapshot, from 1
    curves: dict[str, dict[str, list[Sequence[float]]]]  # complex, row: each run's


class Maker:
    """Makes the cells of one data set, and what they say together."""

    def __init__(
        self,
        plan: Plan,
        one: DataSet,
        folder: Path,
        hashes: dict[str, str],
        device: torch.device,
    ) -> None:
        self.plan, self.one, self.device = plan, one, device
        self.hashes = {x.name: hashes[x.name] for x in one.data}
        kind = "single" if plan.is_single else "multi"
        stem = Path(one.target.name).stem
        self.results = folder / kind / stem
        self.folder = self.results / "cells"
        self._loaded: tuple[list[Case], dict[str, str]] | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{self.folder} cannot be made: {error.strerror}.",
                hint="Choose a folder you may write to with -o.",
            ) from None
        check_folder(self.results)

    def loaded(self) -> tuple[list[Case], dict[str, str]]:
        """The cases, read when first asked for, and those that cannot be used."""
        if self._loaded is None:
            target = self.one.target
            places = find(self.one.data, target.ids, of=target.name, fetch=target.fetch)
            if self.one.trajectory is not None:
                places = places[:1]  # the one that training takes
            self._loaded = load_cases(places, self.one.protocol)
        return self._loaded

    def cells(self, tell: Callable[[str], None]) -> Iterator[tuple[Cell, str]]:
        """Each cell, and a line of text about it."""
        name = self.one.target.name
        how = {
            "protocol": asdict(self.one.protocol),
            "data": self.hashes,
            "draws": self.plan.draws,
            "ids": list(self.one.ids),
            "scored": list(self.one.target.ids),
        }
        yield self._kept(f"{name}, {BASELINES}", BASELINES, how, self._baselines)
        for model in self.one.models:
            for seed in self.plan.seeds:
                request = request_of(self.plan, self.one, model, seed)
                # Where the files are does not matter, and their hashes are there.
                asked = {k: v for k, v in request.to_dict().items() if k != "data"}
                key = f"{model}-seed-{seed}"
                label = f"{name}, {model}, seed {seed}"
                make = partial(self._train, request, key, tell)
                yield self._kept(label, key, how | {"request": asked}, make)

    def _train(self, request: Request, key: str, tell: Callable[[str], None]) -> Cell:
        return trained_cell(
            request,
            self.folder / key,
            self.loaded()[0],
            self.one,
            self.plan,
            device=self.device,
            on_epoch=lambda result: tell(f"{key}, epoch {result.epoch}"),
        )

    def _baselines(self) -> Cell:
        cases, unusable = self.loaded()
        every = baselines()
        return Cell(
            scores=score(every, cases, self.one, self.plan, 0, self.device),
            systems={x.row: {"system": x.row, **x.system.constants()} for x in every},
            sha256="",
            curves=reference_curves(cases),
            unusable=unusable,
        )

    def _kept(
        self, label: str, key: str, how: dict[str, Any], make: Callable[[], Cell]
    ) -> tuple[Cell, str]:
        path = self.folder / f"{key}.json"
        started = time.perf_counter()
        cell = load_cell(path, how)
        if cell is not None:
            return cell, f"{label}: there already"
        cell = make()
        if cell.is_kept:
            save_cell(path, cell, how)
        spent = time.perf_counter() - started
        failed = sum(bool(x.failure) for x in cell.scores)
        text = f", {failed} of {len(cell.scores)} rollouts failed" if failed else ""
        if not cell.is_kept:
            text += f" ({cell.scores[0].failure})"
        return cell, f"{label}: {spent:.0f} s{text}"

    def part(self, made: Sequence[Cell], command: Sequence[str]) -> Part:
        """The table of this data set."""
        scores = [x for cell in made for x in cell.scores]
        rows = make_rows(scores, self.one.target.name)
        record = self._record(made, command)
        write_results(self.results, scores, rows, record)
        curves: dict[str, dict[str, list[Sequence[float]]]] = {
            name: {"recorded": [curve]}
            for cell in made
            for name, curve in cell.curves.items()
        }
        for x in scores:
            if x.rmsf_windows and x.training_seed is not None:
                curves[x.complex].setdefault(x.row, []).append(x.rmsf_windows)
        return Part(
            name=self.one.target.name,
            rows=rows,
            record=record,
            first_scored=self.one.protocol.observe + 1,
            curves=curves,
        )

    def _record(self, cells: Sequence[Cell], command: Sequence[str]) -> EvalRecord:
        plan, one = self.plan, self.one
        recipe = {"preset": plan.preset, "set": plan.settings, "epochs": plan.epochs}
        systems = {k: v for cell in cells for k, v in cell.systems.items()}
        scored = dict.fromkeys(x.complex for cell in cells for x in cell.scores)
        weights = [
            WeightsUsed(
                row=x.row,
                name=x.weights,
                sha256=cell.sha256,
                training_seed=x.training_seed,
            )
            for cell in cells
            for x in cell.scores[:1]
            if x.weights is not None
        ]
        unusable = {k: v for cell in cells for k, v in cell.unusable.items()}
        return EvalRecord(
            neuralmd_version=VERSION,
            command=list(command),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            data=self.hashes,
            split=one.target.name,
            part=one.target.part,
            protocol=asdict(one.protocol),
            settings={k: v for k, v in recipe.items() if v},
            systems=systems,
            weights=weights,
            seeds=list(plan.seeds),
            draws=plan.draws,
            complexes=list(scored),
            unusable=unusable,
            device=device_name(self.device),
            timings_s={},
        )
