"""One simulation: read, predict, judge; and write it with its record."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, Unpack

import torch

from neuralmd_cli.complex import Complex
from neuralmd_cli.device import resolve_device
from neuralmd_cli.dynamics.ode import Solver
from neuralmd_cli.ligand_files import LigandFiles
from neuralmd_cli.models.system import Settings, VelocityRule
from neuralmd_cli.outputs import all_or_nothing, check_output, claimed, output_names
from neuralmd_cli.run_record import (
    RunRecord,
    Selection,
    Written,
    hashed,
    library_versions,
)
from neuralmd_cli.run_warnings import (
    ligand_warnings,
    result_warnings,
    system_warnings,
    trained_elements,
)
from neuralmd_cli.sanity import breakdown, broken_replicas
from neuralmd_cli.simulation import simulate, snapshot_times
from neuralmd_cli.structure.prepare import PreparedComplex, prepare
from neuralmd_cli.system_choice import find_weights, load_system, model_used
from neuralmd_cli.trajectory import Check, Trajectory
from neuralmd_cli.transfer import Progress
from neuralmd_cli.trust import trust_statement
from neuralmd_cli.units import PS_PER_NS
from neuralmd_cli.version import VERSION


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run gave: one trajectory and its checks per replica, and the record.

    The record lists no outputs until `write_run` has written them.
    """

    inputs: Mapping[str, Path]  # files that were read
    prepared: PreparedComplex
    trajectories: list[Trajectory]
    checks: list[list[Check]]
    record: RunRecord
    metrics: Mapping[str, float]  # of the weights, on targets they never saw
    caveat: str  # what must not be read from the result


class Options(TypedDict, total=False):
    """What `simulate_complex` takes by name."""

    ns: float
    interval_ps: float
    ligand_index: int | None
    ligand_id: str | None
    smiles: str | None
    model: str | None
    v0: VelocityRule | None
    replicas: int
    seed: int
    solver: Solver | None
    step_ps: float | None
    temperature_k: float | None
    device: str
    weights: str | None
    weights_url: str | None
    command: Sequence[str]
    on_snapshot: Callable[[int], None]
    download_progress: Progress | None


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

    Args:
        options: as for `simulate_complex`.
        output, with_protein, hydrogens: as for `write_run`.

    Raises:
        NeuralMDError: anything the user can mend, said in one sentence.
    """
    inputs = [x for x in (protein, ligand) if x is not None]
    # Before the work, so that none is lost to a name that cannot be written.
    replicas = options.get("replicas", 1)
    check_output(output, replicas, inputs)
    with claimed(output.with_name(output_names(output, replicas)[0])):
        run = simulate_complex(protein, ligand, **options)
        return write_run(run, output, with_protein=with_protein, hydrogens=hydrogens)


def simulate_complex(
    protein: Path,
    ligand: Path | None,
    *,
    ns: float = 8.0,
    interval_ps: float = 80.0,
    ligand_index: int | None = None,
    ligand_id: str | None = None,
    smiles: str | None = None,
    model: str | None = None,
    v0: VelocityRule | None = None,
    replicas: int = 1,
    seed: int = 0,
    solver: Solver | None = None,
    step_ps: float | None = None,
    temperature_k: float | None = None,
    device: str = "auto",
    weights: str | None = None,
    weights_url: str | None = None,
    command: Sequence[str] = (),
    on_snapshot: Callable[[int], None] = lambda done: None,
    download_progress: Progress | None = None,
) -> Run:
    """Simulate a ligand in its pocket; nothing is written.

    Raises:
        NeuralMDError: anything the user can mend, said in one sentence.
    """
    clock = _Clock()
    times = snapshot_times(ns, interval_ps)
    where = resolve_device(device)
    prepared = prepare(
        protein, ligand, ligand_index=ligand_index, ligand_id=ligand_id, smiles=smiles
    )
    clock.lap("read")
    path = find_weights(model, weights, weights_url, download_progress)
    system, loaded = load_system(model, path)
    settings = system.settled(
        Settings(v0=v0, solver=solver, step_ps=step_ps, temperature_k=temperature_k)
    )
    warnings = [
        *prepared.warnings,
        *system_warnings(system, settings, replicas),
        *ligand_warnings(trained_elements(system), prepared.complex.ligand),
    ]
    clock.lap("load")
    trajectories = simulate(
        prepared.complex,
        system,
        times=times,
        settings=settings,
        seed=seed,
        replicas=replicas,
        molecule=prepared.molecule,
        device=where,
        on_snapshot=on_snapshot,
    )
    rollout = clock.lap("rollout")
    checks = judge(prepared, trajectories)
    broken = broken_replicas(trajectories)
    clock.lap("analyse")
    snapshots = len(times) * replicas
    inputs = {"protein": protein} | ({} if ligand is None else {"ligand": ligand})
    record = RunRecord(
        neuralmd_version=VERSION,
        command=list(command),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=library_versions(),
        inputs={k: hashed(v) for k, v in inputs.items()},
        selection=Selection(
            ligand_index=ligand_index, ligand_id=ligand_id, smiles=smiles
        ),
        model=None if loaded is None else model_used(loaded),
        dynamics={"system": system.name} | settings.chosen() | system.constants(),
        ns=ns,
        interval_ps=interval_ps,
        snapshots=len(times),
        replicas=replicas,
        seed=seed,
        device=device_name(where),
        precision=str(system.dtype).removeprefix("torch."),
        system={
            "ligand_heavy_atoms": prepared.complex.ligand.n_atoms,
            "residues": prepared.complex.protein.n_residues,
            "obstacle_atoms": len(prepared.complex.protein.obstacle_positions),
        },
        timings_s=clock.laps,
        speed={
            "snapshots_per_s": round(snapshots / rollout, 2),
            "ns_per_s": round(snapshots * interval_ps / PS_PER_NS / rollout, 4),
        },
        results=[{x.name: asdict(x) for x in replica} for replica in checks],
        trust=trust_statement(
            system=system.name,
            weights=None if loaded is None else loaded.name,
            metrics=loaded.metrics if loaded else {},
            caveat=system.caveat(settings),
        ),
        warnings=[*warnings, *result_warnings(checks), *map(breakdown, broken)],
        notes=list(prepared.notes),
        written=Written(),
        outputs=[],
        outputs_sha256={},
        broken=broken,
    )
    return Run(
        inputs=inputs,
        prepared=prepared,
        trajectories=trajectories,
        checks=checks,
        record=record,
        metrics=loaded.metrics if loaded else {},
        caveat=system.caveat(settings),
    )


def judge(
    prepared: PreparedComplex, trajectories: Sequence[Trajectory]
) -> list[list[Check]]:
    """The checks of the summary, for each trajectory."""
    # SciPy comes with it; the first snapshot need not wait for that.
    from neuralmd_cli.analysis.summary import summarise

    return [
        summarise(with_start(x, prepared.complex), prepared.complex)
        for x in trajectories
    ]


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
    clock = _Clock()
    names = output_names(output, run.record.replicas)
    files = LigandFiles(
        prepared=run.prepared, with_protein=with_protein, hydrogens=hydrogens
    )
    with all_or_nothing(output.parent, names) as folder:
        files.write(folder, names, run.trajectories)
        clock.lap("write")
        record = replace(
            run.record,
            inputs={
                key: replace(run.record.inputs[key], path=seen_from(output, path))
                for key, path in run.inputs.items()
            },
            timings_s={**run.record.timings_s, **clock.laps},
            notes=[*run.prepared.notes, *files.notes()],
            written=Written(with_protein=with_protein, hydrogens=hydrogens),
            outputs=names,
            outputs_sha256={x: hashed(folder / x).sha256 for x in names[:-1]},
        )
        (folder / names[-1]).write_text(record.to_json())
    return replace(run, record=record)


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> float:
        now = time.perf_counter()
        spent = now - self._last
        self.laps[stage] = round(spent, 3)
        self._last = now
        return spent


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
