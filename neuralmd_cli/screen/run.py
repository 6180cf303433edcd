"""A whole screen: check, share out, keep, rank."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from neuralmd_cli.device import resolve_device
from neuralmd_cli.dynamics.ode import Solver
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.models.system import System, VelocityRule
from neuralmd_cli.run import device_name
from neuralmd_cli.run_warnings import seen_by, system_warnings, trained_elements
from neuralmd_cli.screen.device_run import simulate_on_device
from neuralmd_cli.screen.finish import Finished, finish
from neuralmd_cli.screen.folder import (
    RECORD,
    Part,
    claimed,
    clear,
    read_record,
    record_held,
    write_record,
)
from neuralmd_cli.screen.journal import Journal, finished, read_entries
from neuralmd_cli.screen.pool import simulate_on_cpu
from neuralmd_cli.screen.settings import (
    Choice,
    Decisive,
    Trajectories,
    check_same,
    input_hashes,
    settings_hash,
)
from neuralmd_cli.screen.tasks import Inputs, Task, check_inputs
from neuralmd_cli.screen.work import Assignment
from neuralmd_cli.screen.worker import chosen_settings
from neuralmd_cli.simulation import snapshot_times
from neuralmd_cli.structure.prepare import open_protein
from neuralmd_cli.system_choice import find_weights, load_system, model_used
from neuralmd_cli.transfer import Progress
from neuralmd_cli.trust import TRUST, trust_statement
from neuralmd_cli.version import VERSION
from neuralmd_cli.weights.model import LoadedModel

PER_JOB = 4
"""Ligands for which it is worth while to start another process."""


@dataclass(frozen=True, kw_only=True)
class Screened:
    """What a command did, and the result if there is one."""

    folder: Path
    part: Part
    ligands: int  # of the whole screen
    simulated: int  # by this command
    failed: int  # of those, or of the whole where that is finished
    finished: Finished | None  # None for a part
    warnings: list[str]


def screen_files(
    inputs: Inputs,
    output: Path,
    *,
    ns: float = 8.0,
    interval_ps: float = 80.0,
    model: str | None = None,
    v0: VelocityRule | None = None,
    replicas: int = 1,
    seed: int = 0,
    solver: Solver | None = None,
    step_ps: float | None = None,
    temperature_k: float | None = None,
    keep_shape: bool | None = None,
    device: str = "auto",
    weights: str | None = None,
    weights_url: str | None = None,
    trajectories: Trajectories = "dcd",
    jobs: int | None = None,
    batch: int | None = None,
    reports: int = 0,
    part: Part | None = None,
    overwrite: bool = False,
    command: Sequence[str] = (),
    on_ligands: Callable[[int, int], None] = lambda done, total: None,
    download_progress: Progress | None = None,
) -> Screened:
    """Simulate many ligands and rank them; go on where an earlier run stopped.

    On a CPU a ligand's result depends on the ligand, the protein and the settings, and
    not by a bit on the other ligands, their order, or the number of processes.

    Args:
        inputs: proteins and ligands.
        output: a folder, new or of the same screen.
        jobs: processes; None: as many as there are processors.
        batch: ligands at once on a GPU; None: as many as fit.
        reports: how many of the best get an HTML report.
        part: do only these ligands, and leave the ranking to `merge`.
        overwrite: remove an earlier screen from the folder first.
        command: for the record.
        on_ligands: told how many of the ligands to do are done, and how many those are.

    Raises:
        NeuralMDError: anything the user can mend, said in one sentence.
    """
    part = part or Part()
    check_inputs(inputs)
    if reports and trajectories == "none":
        raise InputError(
            "--reports need trajectories, and --trajectories is none.",
            hint="Take --trajectories dcd or xtc.",
        )
    snapshot_times(ns, interval_ps)
    where = resolve_device(device)
    path = find_weights(model, weights, weights_url, download_progress)
    system, loaded = load_system(model, path)
    choice = Choice(
        model=model,
        weights=path,
        weights_named=weights,
        ns=ns,
        interval_ps=interval_ps,
        replicas=replicas,
        seed=seed,
        v0=v0,
        solver=solver,
        step_ps=step_ps,
        temperature_k=temperature_k,
        keep_shape=keep_shape,
        trajectories=trajectories,
        device=str(where),
    )
    settings = chosen_settings(choice, system)
    if inputs.protein is not None:
        open_protein(inputs.protein)
    plan = _Plan(choice=choice, system=system, loaded=loaded)
    with claimed(output, part, inputs.files()) as scratch:
        total = _begin(output, inputs, plan, part, overwrite, command)
        done = finished(output)
        todo = _todo(inputs, done, part)
        count = sum(1 for number in range(1, total + 1) if number in part)
        count -= sum(1 for number in done if number in part)
        assignment = plan.assignment(output, scratch)
        jobs = jobs or min(_processors(), max(1, count // PER_JOB))
        if where.type == "cpu":
            entries = simulate_on_cpu(todo, assignment, jobs)
        else:
            entries = simulate_on_device(todo, assignment, jobs, batch)
        simulated = failed = 0
        with Journal(output, str(part)) as journal:
            on_ligands(0, count)
            for entry in entries:
                journal.append(entry)
                simulated += 1
                failed += not entry.is_result
                on_ligands(simulated, count)
        whole = None
        if part.of == 1:
            whole = finish(output, reports=reports, command=command)
    return Screened(
        folder=output,
        part=part,
        ligands=total,
        simulated=simulated,
        failed=failed if whole is None else whole.failed,
        finished=whole,
        warnings=system_warnings(system, settings, replicas),
    )


def merge(folder: Path, *, reports: int = 0, command: Sequence[str] = ()) -> Screened:
    """Rank what the parts of a screen have done.

    Raises:
        OutputError: no screen, a part that is not finished, or one that is running.
    """
    record = read_record(folder) if folder.is_dir() else None
    if record is None:
        raise OutputError(
            f"{folder} holds no screen: {RECORD} is missing.",
            hint="Name the folder that the parts were written to.",
        )
    total: int = record["ligands"]
    with claimed(folder, Part(), []):
        there = {entry.number for entry in read_entries(folder)}
        missing = [x for x in range(1, total + 1) if x not in there]
        if missing:
            raise OutputError(
                f"{len(missing):,} of {total:,} ligands are not done yet, number "
                f"{missing[0]} for one.",
                hint="Run the parts that have not ended, or all again: what is done is "
                "not repeated.",
            )
        whole = finish(folder, reports=reports, command=command)
    return Screened(
        folder=folder,
        part=Part(),
        ligands=total,
        simulated=0,
        failed=whole.failed,
        finished=whole,
        warnings=[],
    )


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The choice, and the system it led to."""

    choice: Choice
    system: System
    loaded: LoadedModel | None

    def assignment(self, folder: Path, scratch: Path) -> Assignment:
        """What the processes are told."""
        settings = chosen_settings(self.choice, self.system)
        device = torch.device(self.choice.device)
        one_thread = device.type == "cpu"
        return Assignment(
            choice=self.choice,
            folder=folder,
            scratch=scratch,
            model=None if self.loaded is None else model_used(self.loaded),
            dynamics={"system": self.system.name}
            | settings.chosen()
            | self.system.constants(),
            known_elements=trained_elements(self.system),
            seen=seen_by(self.system),
            device="cpu (1 thread)" if one_thread else device_name(device),
            precision=str(self.system.dtype).removeprefix("torch."),
            trust=f"{TRUST}{self.trust()}",
        )

    def decisive(self) -> Decisive:
        """What results depend on."""
        settings = chosen_settings(self.choice, self.system)
        return Decisive(
            version=VERSION,
            model=self.system.name,
            weights_sha256=None if self.loaded is None else self.loaded.sha256,
            ns=self.choice.ns,
            interval_ps=self.choice.interval_ps,
            replicas=self.choice.replicas,
            seed=self.choice.seed,
            **vars(settings),
            trajectories=self.choice.trajectories,
            device=torch.device(self.choice.device).type,
            precision=str(self.system.dtype).removeprefix("torch."),
        )

    def trust(self) -> str:
        """How good the weights are."""
        said = trust_statement(
            system=self.system.name,
            weights=None if self.loaded is None else self.loaded.name,
            metrics={} if self.loaded is None else self.loaded.metrics,
            caveat=self.system.caveat(chosen_settings(self.choice, self.system)),
        )
        return said.removeprefix(TRUST)


def _begin(
    folder: Path,
    inputs: Inputs,
    plan: _Plan,
    part: Part,
    overwrite: bool,
    command: Sequence[str],
) -> int:
    """Make the record or check against it; the number of ligands.

    Raises:
        OutputError: the folder holds another screen.
        InputError: there is nothing to screen.
    """
    decisive = plan.decisive()
    hashes = input_hashes(inputs.files())
    with record_held(folder):
        if overwrite:
            if part.of > 1:
                raise InputError(
                    "--overwrite would remove what the other parts have done.",
                    hint="Remove the folder by hand, then start all parts.",
                )
            clear(folder)
        held = read_record(folder)
        if held is not None:
            check_same(folder, held, decisive, hashes)
            return int(held["ligands"])
        total = sum(1 for _ in inputs.tasks())
        if not total:
            raise InputError("The inputs hold no ligand.", hint="Look into them.")
        record: Mapping[str, Any] = {
            "neuralmd_version": VERSION,
            "command": list(command),
            "begun": datetime.now(UTC).isoformat(timespec="seconds"),
            "settings": asdict(decisive),
            "settings_sha256": settings_hash(decisive, hashes),
            "model": None if plan.loaded is None else asdict(model_used(plan.loaded)),
            "device": plan.assignment(folder, folder).device,
            "how_far_to_trust": plan.trust(),
            "ligands": total,
            "inputs": hashes,
        }
        write_record(folder, record)
    return total


def _todo(inputs: Inputs, done: set[int], part: Part) -> Iterator[Task]:
    for task in inputs.tasks():
        if task.number in part and task.number not in done:
            yield task


def _processors() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
