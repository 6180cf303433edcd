"""One numerical simulation in a work folder: prepared, run, or gone on with."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neuralmd_cli.analysis.summary import summarise
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.md.dynamics import Runner
from neuralmd_cli.md.outcome import Outcome, Progress
from neuralmd_cli.md.plan import HEATING_PS, Plan, default_equilibration, plan
from neuralmd_cli.md.platform import Place, choose_platform
from neuralmd_cli.md.prepare import (
    Inputs,
    Preparation,
    Prepared,
    preparation_fingerprint,
    prepare_md,
)
from neuralmd_cli.md.results import laid_on_input, physical_checks, solute_of
from neuralmd_cli.md.system import simulated
from neuralmd_cli.simulation import snapshot_times
from neuralmd_cli.trajectory import Check, Trajectory
from neuralmd_cli.units import PS_PER_NS

_SETTINGS = "settings.json"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How long, how hot, from which seed."""

    ns: float = 8.0
    interval_ps: float = 80.0
    equilibration_ps: float | None = None  # None: a quarter of the length, 2 ns at most
    heating_ps: float = HEATING_PS  # at each of two lower temperatures
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
            heating_ps=self.heating_ps,
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
    stages = settings.plan()
    place = choose_platform(platform, threads=threads, device=device)
    if restart:
        shutil.rmtree(folder, ignore_errors=True)
    _claim(folder, fingerprint(inputs, how, settings))
    with kept_in(folder):
        begin = time.perf_counter()
        prepared = prepare_md(inputs, how, folder, on_step=on_step)
        ready = time.perf_counter()
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
        on_step("going on from the state kept" if runner.has_begun else "minimising")
        outcome = runner.run(on_progress)
        frames = runner.frames.read()
    done = time.perf_counter()
    positions = laid_on_input(frames, prepared)
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


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Say it where the work folder is lost, or the disk full, at any moment.

    Raises:
        OutputError: see above.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be worked in: {error.strerror or error}.",
            hint="See that the folder is there and the disk has space left; the same "
            "command then goes on from what was kept.",
        ) from error


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


def fingerprint(inputs: Inputs, how: Preparation, settings: Settings) -> dict[str, Any]:
    """What decides the result, the content of the files included; JSON-ready."""
    return {**preparation_fingerprint(inputs, how), **asdict(settings)}


def run_digest(inputs: Inputs, how: Preparation, settings: Settings) -> str:
    """One hash of what decides the result."""
    facts = fingerprint(inputs, how, settings)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _claim(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Make the work folder ours, or see that it keeps a run just like this one."""
    path = folder / _SETTINGS
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        found = None
    if found is not None and found != wanted:
        other = [k for k in wanted if found.get(k) != wanted[k]]
        raise InputError(
            f"{folder.name} keeps an unfinished run with other settings "
            f"({', '.join(other)}).",
            hint="Give the same command to go on with it, or --restart to forget it.",
        )
    try:
        folder.mkdir(exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(wanted, indent=2))
        part.replace(path)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: {error.strerror or error}.",
            hint="Choose another place for the output.",
        ) from error
