"""One simulation: read, predict, judge; and write it with its record.

Snapshots are judged and written as they come, a block at a time: a run that goes to
files needs no more memory for being long. One that is kept does.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import torch

from neuralmd_cli.complex import Complex
from neuralmd_cli.ligand_files import LigandFiles
from neuralmd_cli.outputs import all_or_nothing, check_output, claimed, output_names
from neuralmd_cli.run_inputs import Clock, Options, Ready, get_ready
from neuralmd_cli.run_record import (
    RunRecord,
    Written,
    hashed,
    library_versions,
)
from neuralmd_cli.run_warnings import result_warnings
from neuralmd_cli.sanity import breakdown, broken_replicas
from neuralmd_cli.simulation import Taker, joined, simulate_into
from neuralmd_cli.structure.prepare import PreparedComplex
from neuralmd_cli.system_choice import model_used
from neuralmd_cli.trajectory import Broken, Check, Trajectory
from neuralmd_cli.trust import trust_statement
from neuralmd_cli.units import PS_PER_NS
from neuralmd_cli.version import VERSION
from neuralmd_cli.writers import Write

if TYPE_CHECKING:
    from neuralmd_cli.analysis.summary import Summary


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run gave: one trajectory and its checks per replica, and the record.

    The record lists no outputs until they are written.
    """

    inputs: Mapping[str, Path]  # files that were read
    prepared: PreparedComplex
    trajectories: list[Trajectory]  # empty if they went to files only
    checks: list[list[Check]]
    record: RunRecord
    metrics: Mapping[str, float]  # of the weights, on targets they never saw
    caveat: str  # what must not be read from the result


def simulate_files(
    protein: Path,
    ligand: Path | None,
    *,
    output: Path,
    with_protein: bool = False,
    hydrogens: bool = False,
    **options: Unpack[Options],
) -> Run:
    """Simulate a ligand in its pocket and write everything beside `output`.

    Trajectories go to the files alone: the run has none.

    Args:
        options: as for `simulate_complex`.
        output, with_protein, hydrogens: as for `write_run`.

    Raises:
        NeuralMDError: anything the user can mend, said in one sentence.
    """
    named = (protein, ligand, options.get("observed"))
    inputs = [x for x in named if x is not None]
    # Before the work, so that none is lost to a name that cannot be written.
    replicas = options.get("replicas", 1)
    check_output(output, replicas, inputs)
    names = output_names(output, replicas)
    with claimed(output.with_name(names[0])):
        ready = get_ready(protein, ligand, **options)
        files = LigandFiles(
            prepared=ready.prepared, with_protein=with_protein, hydrogens=hydrogens
        )
        with all_or_nothing(output.parent, names) as folder:
            with files.open(folder, names, replicas) as writes:
                takers = [ready.clock.within("write", _writing(x)) for x in writes]
                run, _ = _roll(ready, takers)
            return _finished(run, output, folder, files, ready.clock)


def simulate_complex(
    protein: Path, ligand: Path | None, **options: Unpack[Options]
) -> Run:
    """Simulate a ligand in its pocket; nothing is written.

    Raises:
        NeuralMDError: anything the user can mend, said in one sentence.
    """
    ready = get_ready(protein, ligand, **options)
    kept: list[list[Trajectory]] = [[] for _ in range(ready.replicas)]
    run, ends = _roll(ready, [x.append for x in kept])
    whole = [joined(x, why) for x, why in zip(kept, ends, strict=True)]
    return replace(run, trajectories=whole)


def _roll(ready: Ready, takers: Sequence[Taker]) -> tuple[Run, list[Broken | None]]:
    """Predict, judge, and hand every block of snapshots on.

    Args:
        takers: of each replica.
    """
    clock, complex_ = ready.clock, ready.prepared.complex
    judges = [_Judge(complex_) for _ in takers]
    judging = [clock.within("analyse", x.take) for x in judges]
    ends = simulate_into(
        [_both(*pair) for pair in zip(judging, takers, strict=True)],
        complex_,
        ready.system,
        times=ready.times,
        settings=ready.settings,
        seed=ready.seed,
        molecule=ready.prepared.molecule,
        observed=ready.observed,
        device=ready.device,
        on_snapshot=ready.on_snapshot,
    )
    rollout = clock.lap("rollout")
    checks = [x.checks() for x in judges]
    return Run(
        inputs=ready.inputs,
        prepared=ready.prepared,
        trajectories=[],
        checks=checks,
        record=_record(ready, checks, ends, rollout),
        metrics=ready.loaded.metrics if ready.loaded else {},
        caveat=ready.system.caveat(ready.settings),
    ), ends


def _record(
    ready: Ready,
    checks: Sequence[Sequence[Check]],
    ends: Sequence[Broken | None],
    rollout: float,
) -> RunRecord:
    """What the run was, before anything is written.

    Args:
        checks: of each replica.
        ends: of each replica, why it ended before its time.
        rollout: seconds it took.
    """
    system, loaded, complex_ = ready.system, ready.loaded, ready.prepared.complex
    snapshots, broken = len(ready.times) * ready.replicas, broken_replicas(ends)
    return RunRecord(
        neuralmd_version=VERSION,
        command=list(ready.command),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=library_versions(),
        inputs=dict(ready.hashes),
        selection=ready.selection,
        model=None if loaded is None else model_used(loaded),
        dynamics={"system": system.name} | ready.settings.chosen() | system.constants(),
        ns=ready.ns,
        interval_ps=ready.interval_ps,
        snapshots=len(ready.times),
        replicas=ready.replicas,
        seed=ready.seed,
        device=device_name(ready.device),
        precision=str(system.dtype).removeprefix("torch."),
        system={
            "ligand_heavy_atoms": complex_.ligand.n_atoms,
            "residues": complex_.protein.n_residues,
            "obstacle_atoms": len(complex_.protein.obstacle_positions),
        },
        timings_s=dict(ready.clock.laps),
        speed={
            "snapshots_per_s": round(snapshots / rollout, 2),
            "ns_per_s": round(snapshots * ready.interval_ps / PS_PER_NS / rollout, 4),
        },
        results=[{x.name: asdict(x) for x in replica} for replica in checks],
        trust=trust_statement(
            system=system.name,
            weights=None if loaded is None else loaded.name,
            metrics=loaded.metrics if loaded else {},
            caveat=system.caveat(ready.settings),
        ),
        warnings=[*ready.warnings, *result_warnings(checks), *map(breakdown, broken)],
        notes=list(ready.prepared.notes),
        written=Written(),
        outputs=[],
        outputs_sha256={},
        broken=broken,
    )


class _Judge:
    """The checks of one replica, gathered while it runs."""

    def __init__(self, complex_: Complex) -> None:
        self._complex = complex_
        self._summary: Summary | None = None

    def take(self, block: Trajectory) -> None:
        """Look at the next snapshots."""
        if self._summary is None:
            # SciPy comes with it; the first snapshots need not wait for that.
            from neuralmd_cli.analysis.summary import Summary

            start = self._complex.ligand.positions.to(block.positions)
            self._summary = Summary(self._complex, start)
        self._summary.add(block.times, block.positions)

    def checks(self) -> list[Check]:
        """Of all there were."""
        return [] if self._summary is None else self._summary.checks()


def _both(first: Taker, second: Taker) -> Taker:
    def take(block: Trajectory) -> None:
        first(block)
        second(block)

    return take


def _writing(write: Write) -> Taker:
    return lambda block: write(block.times, block.positions)


def write_run(
    run: Run, output: Path, *, with_protein: bool = False, hydrogens: bool = False
) -> Run:
    """Write a run beside `output`; the same run, with its files in the record.

    Trajectory (one per replica), topology, ligand as SDF and run record; all of them
    or, if anything goes wrong, none.

    Raises:
        OutputError: they cannot, or should not, be written there.
    """
    check_output(output, run.record.replicas, list(run.inputs.values()))
    names = output_names(output, run.record.replicas)
    files = LigandFiles(
        prepared=run.prepared, with_protein=with_protein, hydrogens=hydrogens
    )
    with all_or_nothing(output.parent, names) as folder:
        clock = Clock()
        files.write(folder, names, run.trajectories)
        return _finished(run, output, folder, files, clock)


def _finished(
    run: Run, output: Path, folder: Path, files: LigandFiles, clock: Clock
) -> Run:
    """The run with its record, which is written last.

    Args:
        folder: that holds the other files.
        clock: by which they were written.
    """
    names = output_names(output, run.record.replicas)
    clock.lap("write")
    record = replace(
        run.record,
        inputs={
            key: replace(run.record.inputs[key], path=seen_from(output, path))
            for key, path in run.inputs.items()
        },
        timings_s={**run.record.timings_s, **clock.laps},
        notes=[*run.prepared.notes, *files.notes()],
        written=Written(with_protein=files.with_protein, hydrogens=files.hydrogens),
        outputs=names,
        outputs_sha256={x: hashed(folder / x).sha256 for x in names[:-1]},
    )
    (folder / names[-1]).write_text(record.to_json())
    return replace(run, record=record)


def seen_from(record: Path, path: Path) -> str:
    """The way from the record's folder to a file."""
    return os.path.relpath(path.resolve(), record.parent.resolve())


def with_start(trajectory: Trajectory, complex_: Complex) -> Trajectory:
    """The trajectory with the starting pose as its first frame."""
    start = complex_.ligand.positions[None].to(trajectory.positions)
    return Trajectory(
        times=torch.cat([trajectory.times.new_zeros(1), trajectory.times]),
        positions=torch.cat([start, trajectory.positions]),
        velocities=torch.cat([trajectory.velocities[:1], trajectory.velocities]),
    )


def device_name(device: torch.device) -> str:
    """What the run record calls a device."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"{device} ({threads} thread{'' if threads == 1 else 's'})"
