"""One numerical simulation from files to files, with the outputs of `simulate`."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neuralmd_cli.analysis.summary import summarise
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.md.amber import require_md, versions
from neuralmd_cli.md.dynamics import FRICTION_PER_PS, Outcome, Progress, Runner
from neuralmd_cli.md.plan import STEP_FS, Plan, default_equilibration, plan
from neuralmd_cli.md.platform import Place, choose_platform
from neuralmd_cli.md.prepare import Inputs, Preparation, Prepared, prepare_md
from neuralmd_cli.md.results import (
    laid_on_input,
    output_rows,
    output_topology,
    physical_checks,
    solute_of,
)
from neuralmd_cli.md.system import HYDROGEN_MASS, PRESSURE_BAR, simulated
from neuralmd_cli.outputs import all_or_nothing, check_output, output_names
from neuralmd_cli.run_record import RunRecord, hashed
from neuralmd_cli.simulation import snapshot_times
from neuralmd_cli.trajectory import Check, Trajectory
from neuralmd_cli.units import PS_PER_NS
from neuralmd_cli.version import VERSION
from neuralmd_cli.writers import write_ligand_sdf, write_topology_pdb, write_trajectory

_SETTINGS = "settings.json"
FORCE_FIELD = "ff14SB, GAFF2, TIP3P"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How long, how hot, from which seed."""

    ns: float = 8.0
    interval_ps: float = 80.0
    equilibration_ps: float | None = None  # None: a quarter of the length, 2 ns at most
    temperature_k: float = 300.0
    seed: int = 0

    def plan(self) -> Plan:
        """The stages in steps."""
        times = snapshot_times(self.ns, self.interval_ps)
        wanted = self.equilibration_ps
        return plan(
            len(times),
            self.interval_ps,
            equilibration_ps=default_equilibration(self.ns * PS_PER_NS)
            if wanted is None
            else wanted,
            temperature_k=self.temperature_k,
        )


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """A finished simulation before anything is written."""

    prepared: Prepared
    positions: Tensor  # (frames, solute atoms, 3), Å, laid on the input
    times: tuple[float, ...]  # ps
    outcome: Outcome
    place: Place
    checks: list[Check]
    timings_s: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class MDRun:
    """What `neuralmd md` gave."""

    simulation: Simulation
    record: RunRecord


def work_folder(output: Path) -> Path:
    """Where an unfinished run keeps its state, beside its output."""
    return output.with_name(f"{output.name}.work")


def simulate_md(
    inputs: Inputs,
    how: Preparation,
    settings: Settings,
    folder: Path,
    *,
    platform: str = "auto",
    threads: int | None = None,
    device: int | None = None,
    restart: bool = False,
    keep_seconds: float | None = None,
    on_step: Callable[[str], None] = lambda what: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Simulation:
    """Prepare and run, or go on with what `folder` keeps.

    Args:
        inputs: protein and ligand.
        how: the system is made.
        settings: of the run.
        folder: keeps the state until the results are written.
        platform: auto, CUDA, HIP, OpenCL, CPU or Reference.
        threads: of the CPU platform.
        device: number of the GPU.
        restart: forget what the folder keeps.
        keep_seconds: time between two states kept.
        on_step: told what is being prepared.
        on_progress: told how far the run is.

    Raises:
        NeuralMDError: anything the user can mend.
    """
    require_md()
    stages = settings.plan()
    place = choose_platform(platform, threads=threads, device=device)
    if restart:
        shutil.rmtree(folder, ignore_errors=True)
    _claim(folder, inputs, how, settings)
    begin = time.perf_counter()
    prepared = prepare_md(inputs, how, folder, on_step=on_step)
    ready = time.perf_counter()
    on_step("minimising")
    system = simulated(
        prepared.built,
        prepared.chains,
        prepared.complex.complex.ligand.positions.numpy().astype(float),
        solvent=how.solvent,
        droplet=prepared.droplet,
        temperature_k=settings.temperature_k,
        seed=settings.seed + 1,
    )
    options = {} if keep_seconds is None else {"keep_seconds": keep_seconds}
    runner = Runner(system, stages, folder, place, seed=settings.seed, **options)
    outcome = runner.run(on_progress)
    done = time.perf_counter()
    positions = laid_on_input(runner.frames.read(), prepared)
    times = tuple(x.time_ps for x in outcome.measured)
    return Simulation(
        prepared=prepared,
        positions=positions,
        times=times,
        outcome=outcome,
        place=place,
        checks=_checks(positions, times, prepared, outcome, settings),
        timings_s={"prepare": round(ready - begin, 3), "run": round(done - ready, 3)},
    )


def md_files(
    inputs: Inputs,
    how: Preparation,
    settings: Settings,
    *,
    output: Path,
    with_protein: bool = False,
    hydrogens: bool = False,
    keep_work: bool = False,
    command: Sequence[str] = (),
    **options: Any,  # noqa: ANN401 - those of `simulate_md`
) -> MDRun:
    """Simulate, and write what `simulate` writes, under the same names.

    Args:
        inputs: protein and ligand.
        how: the system is made.
        settings: of the run.
        output: the trajectory; the rest is named after it.
        with_protein: write everything but water and ions.
        hydrogens: write the ligand's hydrogens too.
        keep_work: leave the work folder.
        command: for the record.
        options: as `simulate_md` takes them.

    Raises:
        NeuralMDError: anything the user can mend, said in one sentence.
    """
    check_output(output, 1, list(inputs.files.values()))
    folder = work_folder(output)
    simulation = simulate_md(inputs, how, settings, folder, **options)
    run = write_outputs(
        simulation,
        inputs,
        how,
        settings,
        output=output,
        with_protein=with_protein,
        hydrogens=hydrogens or with_protein,
        command=command,
    )
    if not keep_work:
        shutil.rmtree(folder, ignore_errors=True)
    return run


def write_outputs(
    simulation: Simulation,
    inputs: Inputs,
    how: Preparation,
    settings: Settings,
    *,
    output: Path,
    with_protein: bool,
    hydrogens: bool,
    command: Sequence[str],
) -> MDRun:
    """Trajectory, topology, ligand and record; all of them or none."""
    prepared = simulation.prepared
    names = output_names(output, 1)
    rows = output_rows(prepared, with_protein=with_protein, hydrogens=hydrogens)
    topology = output_topology(prepared, with_protein=with_protein, hydrogens=hydrogens)
    written = simulation.positions[:, torch.from_numpy(rows)]
    start = _start(prepared)[torch.from_numpy(rows)]
    ligand = start[-int((rows >= len(solute_of(prepared).protein)).sum()) :]
    record = _record(simulation, inputs, how, settings, command, names)
    with all_or_nothing(output.parent, names) as folder:
        times = torch.tensor(simulation.times, dtype=torch.float64)
        write_trajectory(folder / names[0], written, times, topology)
        write_topology_pdb(folder / names[-3], start, topology)
        write_ligand_sdf(folder / names[-2], prepared.molecule, ligand)
        (folder / names[-1]).write_text(record.to_json())
    return MDRun(simulation=simulation, record=record)


def _start(prepared: Prepared) -> Tensor:
    """Places of the solute before any step, laid on the input, Å."""
    from openmm import app, unit

    inpcrd = app.AmberInpcrdFile(str(prepared.built.folder / "dry.inpcrd"))
    places = np.array(inpcrd.positions.value_in_unit(unit.angstrom), dtype=np.float32)
    return laid_on_input(places[None], prepared)[0]


def _checks(
    positions: Tensor,
    times: Sequence[float],
    prepared: Prepared,
    outcome: Outcome,
    settings: Settings,
) -> list[Check]:
    """Motion of the ligand as `simulate` gives it, and of the whole the physics.

    Contacts are left out: the protein that they would be measured to moves as well.
    """
    heavy = positions[:, torch.from_numpy(solute_of(prepared).ligand_heavy)]
    start = prepared.complex.complex.ligand.positions[None].to(heavy)
    trajectory = Trajectory(
        times=torch.tensor([0.0, *times], dtype=torch.float64),
        positions=torch.cat([start, heavy]),
        velocities=torch.zeros(len(times) + 1, *heavy.shape[1:]),
    )
    moved = summarise(trajectory, prepared.complex.complex)
    kept = [x for x in moved if x.name not in ("contact_min", "frames_clashing")]
    return [*kept, *physical_checks(outcome.measured, settings.temperature_k)]


def _record(
    simulation: Simulation,
    inputs: Inputs,
    how: Preparation,
    settings: Settings,
    command: Sequence[str],
    names: list[str],
) -> RunRecord:
    """Everything needed to repeat the run and to judge it."""
    prepared, outcome, place = (
        simulation.prepared,
        simulation.outcome,
        simulation.place,
    )
    built = prepared.built
    stages = settings.plan()
    equilibrated = stages.stages[-2].end - stages.stages[-3].end
    seconds = max(outcome.seconds, 1e-9)
    notes = list(prepared.notes)
    if outcome.continued:
        notes.append(
            f"Gone on {outcome.continued} times from a kept state"
            + (
                "."
                if outcome.exact
                else ", with new random forces: the same physics, another path."
            )
        )
    return RunRecord(
        neuralmd_version=VERSION,
        command=list(command),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        inputs={k: hashed(v) for k, v in inputs.files.items()},
        model=None,
        dynamics={
            "system": "md",
            "solvent": how.solvent,
            "force_field": FORCE_FIELD
            if how.solvent != "implicit"
            else "ff14SB, GAFF2, OBC2",
            "charges": Path(how.charges).name,
            "ph": how.ph,
            "temperature_k": settings.temperature_k,
            "friction_per_ps": FRICTION_PER_PS,
            "step_fs": STEP_FS,
            "hydrogen_mass_amu": HYDROGEN_MASS,
            "pressure_bar": PRESSURE_BAR if how.solvent == "explicit" else None,
            "equilibration_ps": equilibrated * STEP_FS / 1000,
            "platform": place.name,
            "versions": versions(),
        },
        ns=settings.ns,
        interval_ps=settings.interval_ps,
        snapshots=len(simulation.times),
        replicas=1,
        seed=settings.seed,
        device=place.name
        + "".join(f" {k}={v}" for k, v in sorted(place.properties.items())),
        precision=place.precision,
        system={
            "ligand_heavy_atoms": prepared.complex.complex.ligand.n_atoms,
            "residues": prepared.chains.n_residues,
            "residues_full": prepared.n_residues_full,
            "solute_atoms": built.topology.n_atoms,
            "waters": built.n_waters,
            "ions": built.n_ions,
        },
        timings_s=simulation.timings_s | {"dynamics": round(outcome.seconds, 3)},
        speed={
            "snapshots_per_s": round(len(simulation.times) / seconds, 4),
            "ns_per_s": round(outcome.ns_per_day / 86400, 8),
            "ns_per_day": round(outcome.ns_per_day, 3),
        },
        results=[{x.name: asdict(x) for x in simulation.checks}],
        warnings=list(prepared.warnings),
        notes=notes,
        outputs=names,
    )


def _claim(folder: Path, inputs: Inputs, how: Preparation, settings: Settings) -> None:
    """Make the work folder ours, or see that it keeps a run just like this one."""
    wanted = {
        **asdict(how),
        **asdict(settings),
        "ligand_index": inputs.ligand_index,
        "ligand_id": inputs.ligand_id,
        "smiles": inputs.smiles,
        **{f"{k} file": hashed(v).sha256 for k, v in inputs.files.items()},
    }
    path = folder / _SETTINGS
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        found = None
    if found is not None and found != json.loads(json.dumps(wanted)):
        other = [k for k in wanted if found.get(k) != wanted[k]]
        raise InputError(
            f"{folder.name} keeps an unfinished run with other settings "
            f"({', '.join(other)}).",
            hint="Give the same command to go on with it, or --restart to forget it.",
        )
    try:
        folder.mkdir(exist_ok=True)
        path.write_text(json.dumps(wanted, indent=2))
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: {error.strerror or error}.",
            hint="Choose another name with --output.",
        ) from error
