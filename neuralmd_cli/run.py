"""One simulation from files to files: read, predict, judge, write, record."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.complex import Complex
from neuralmd_cli.device import resolve_device
from neuralmd_cli.dynamics.ode import Solver
from neuralmd_cli.errors import InputError
from neuralmd_cli.hydrogens import carry_hydrogens
from neuralmd_cli.models.names import DEFAULT_MODEL
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import Settings, System, TrainableSystem, VelocityRule
from neuralmd_cli.outputs import all_or_nothing, check_output, output_names
from neuralmd_cli.run_record import ModelUsed, RunRecord, hashed
from neuralmd_cli.sanity import breakdown, broken_replicas
from neuralmd_cli.simulation import simulate, snapshot_times
from neuralmd_cli.structure.ligand import with_hydrogens
from neuralmd_cli.structure.prepare import PreparedComplex, prepare
from neuralmd_cli.topology import complex_topology, ligand_topology
from neuralmd_cli.trajectory import Check, Trajectory
from neuralmd_cli.transfer import Progress
from neuralmd_cli.units import PS_PER_NS
from neuralmd_cli.version import VERSION
from neuralmd_cli.weights.fetch import resolve
from neuralmd_cli.weights.model import LoadedModel, load_model
from neuralmd_cli.writers import (
    write_ligand_sdf,
    write_topology_pdb,
    write_trajectory,
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run gave: one trajectory and its checks per replica, and the record."""

    trajectories: list[Trajectory]
    checks: list[list[Check]]
    record: RunRecord
    metrics: Mapping[str, float]  # of the weights, on targets they never saw
    caveat: str  # what must not be read from the result


def simulate_files(
    protein: Path,
    ligand: Path | None,
    *,
    output: Path,
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
    with_protein: bool = False,
    hydrogens: bool = False,
    command: Sequence[str] = (),
    on_snapshot: Callable[[int], None] = lambda done: None,
    download_progress: Progress | None = None,
) -> Run:
    """Simulate a ligand in its pocket and write everything beside `output`.

    Writes the trajectory (one per replica), the topology, the ligand as SDF and the
    run record; all of them or, if anything goes wrong, none.

    Raises:
        NeuralMDError: anything the user can mend, said in one sentence.
    """
    clock = _Clock()
    check_output(output, replicas, [x for x in (protein, ligand) if x is not None])
    times = snapshot_times(ns, interval_ps)
    where = resolve_device(device)
    prepared = prepare(
        protein, ligand, ligand_index=ligand_index, ligand_id=ligand_id, smiles=smiles
    )
    clock.lap("read")
    system, loaded = _system(model, weights, weights_url, download_progress)
    settings = system.settled(
        Settings(v0=v0, solver=solver, step_ps=step_ps, temperature_k=temperature_k)
    )
    warnings = [*prepared.warnings, *_warnings(system, settings, prepared, replicas)]
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
    # SciPy comes with it; the first snapshot need not wait for that.
    from neuralmd_cli.analysis.summary import summarise

    checks = [
        summarise(_with_start(x, prepared.complex), prepared.complex)
        for x in trajectories
    ]
    broken = broken_replicas(trajectories)
    warnings += [*_result_warnings(checks), *map(breakdown, broken)]
    clock.lap("analyse")
    names = output_names(output, replicas)
    files = _Files(prepared=prepared, with_protein=with_protein, hydrogens=hydrogens)
    snapshots = len(times) * replicas
    inputs = {"protein": protein} | ({} if ligand is None else {"ligand": ligand})
    record = RunRecord(
        neuralmd_version=VERSION,
        command=list(command),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        inputs={k: hashed(v) for k, v in inputs.items()},
        model=None if loaded is None else _model_used(loaded),
        dynamics={"system": system.name} | settings.chosen() | system.constants(),
        ns=ns,
        interval_ps=interval_ps,
        snapshots=len(times),
        replicas=replicas,
        seed=seed,
        device=_device_name(where),
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
        warnings=warnings,
        notes=[*prepared.notes, *files.notes()],
        outputs=names,
        broken=broken,
    )
    with all_or_nothing(output.parent, names) as folder:
        files.write(folder, names, trajectories)
        clock.lap("write")
        written = replace(record, timings_s=clock.laps)
        (folder / names[-1]).write_text(written.to_json())
    return Run(
        trajectories=trajectories,
        checks=checks,
        record=written,
        metrics=loaded.metrics if loaded else {},
        caveat=system.caveat(settings),
    )


@dataclass(frozen=True, kw_only=True)
class _Files:
    """Which atoms go into the files, and in which order."""

    prepared: PreparedComplex
    with_protein: bool
    hydrogens: bool

    def write(
        self, folder: Path, names: Sequence[str], trajectories: Sequence[Trajectory]
    ) -> None:
        """Trajectories, topology and ligand, under the first of `names`."""
        molecule = self._molecule()
        topology = ligand_topology(molecule, with_hydrogens=self.hydrogens)
        if self.with_protein:
            topology = complex_topology(self.prepared.protein_structure, topology)

        def all_atoms(heavy: Tensor) -> Tensor:
            return carry_hydrogens(molecule, heavy) if self.hydrogens else heavy

        for name, trajectory in zip(names, trajectories, strict=False):
            positions = all_atoms(trajectory.positions)
            write_trajectory(folder / name, positions, trajectory.times, topology)
        start = all_atoms(self.prepared.complex.ligand.positions[None])[0]
        write_topology_pdb(folder / names[-3], start, topology)
        write_ligand_sdf(folder / names[-2], molecule, start)

    def notes(self) -> list[str]:
        """What is in the files that was not in the input."""
        added = self._molecule().GetNumAtoms() - self.prepared.molecule.GetNumAtoms()
        if not added:
            return []
        return [
            f"{added} hydrogens of the ligand are not in the input: added as its bond "
            "orders and charges ask, placed by geometry."
        ]

    def _molecule(self) -> Chem.Mol:
        """The ligand as it is written, or more."""
        molecule = self.prepared.molecule
        return with_hydrogens(molecule) if self.hydrogens else molecule


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


def _system(
    model: str | None, weights: str | None, url: str | None, progress: Progress | None
) -> tuple[System, LoadedModel | None]:
    """The system meant, and the weights in it if it has any."""
    if model is not None and model not in SYSTEMS:
        raise InputError(
            f"--model {model}: there is no such model.",
            hint=f"Known are {', '.join(SYSTEMS)}.",
        )
    kind = None if model is None else SYSTEMS[model]
    if kind is not None and kind.oracle:
        raise InputError(
            f"--model {model}: it reads the answer from a recording, so it can only be "
            "scored.",
            hint="Use --model frozen, or another of `neuralmd models`.",
        )
    if kind is not None and not issubclass(kind, TrainableSystem):
        if weights is not None:
            raise InputError(
                f"--weights: the model {model} has none.", hint="Leave --weights out."
            )
        return kind.from_config({}).eval(), None
    loaded = load_model(
        resolve(weights, model=model or DEFAULT_MODEL, url=url, progress=progress)
    )
    if kind is not None and loaded.system.name != kind.name:
        raise InputError(
            f"--model {model}: the weights {loaded.name} are of {loaded.system.name}.",
            hint=f"Give --weights of {model}, or --model {loaded.system.name}.",
        )
    return loaded.system, loaded


def _model_used(loaded: LoadedModel) -> ModelUsed:
    return ModelUsed(
        name=loaded.name,
        sha256=loaded.sha256,
        variant=loaded.system.config.binding_net.variant,
    )


def _warnings(
    system: System, settings: Settings, prepared: PreparedComplex, replicas: int
) -> list[str]:
    """What may make the result useless, known before the run."""
    warnings = system.remarks(settings, 1)
    if replicas > 1 and not system.is_random(settings):
        rule = "" if settings.v0 is None else f" with --v0 {settings.v0}"
        warnings.append(
            f"All {replicas} replicas are the same: {system.name}{rule} draws nothing."
            + (f" It draws only {system.draws}." if system.draws else "")
        )
    if not isinstance(system, TrainableSystem):
        return warnings
    known = set(system.config.trained_elements)
    strange = sorted(set(prepared.complex.ligand.atomic_numbers.tolist()) - known)
    if known and strange:
        symbols = [Chem.GetPeriodicTable().GetElementSymbol(z) for z in strange]
        warnings.append(
            f"The ligand has {', '.join(symbols)}, which these weights never saw: its "
            "atoms' motion is a guess."
        )
    return warnings


def _result_warnings(checks: Sequence[Sequence[Check]]) -> list[str]:
    """What the finished trajectory shows to be wrong with it."""
    values = [{x.name: x.value for x in replica} for replica in checks]
    warnings = []
    if min(x["bonds_intact"] for x in values) < 100:
        warnings.append(
            "Bonds of the ligand were stretched or squeezed by more than 25 %: do not "
            "trust this trajectory."
        )
    if max(x.get("frames_clashing", 0.0) for x in values) > 0:
        warnings.append(
            "The ligand runs into its surroundings in some frames (contacts below 0.75 "
            "of the van der Waals distance)."
        )
    return warnings


def _with_start(trajectory: Trajectory, complex_: Complex) -> Trajectory:
    """The trajectory with the starting pose as its first frame."""
    start = complex_.ligand.positions[None].to(trajectory.positions)
    return Trajectory(
        times=torch.cat([trajectory.times.new_zeros(1), trajectory.times]),
        positions=torch.cat([start, trajectory.positions]),
        velocities=torch.cat([trajectory.velocities[:1], trajectory.velocities]),
    )


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    threads = torch.get_num_threads()
    return f"{device} ({threads} thread{'' if threads == 1 else 's'})"
