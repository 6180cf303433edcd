"""What is done with one ligand, by whichever process it falls to."""

import resource
import sys
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from rdkit import Chem

from neuralmd_cli.analysis.summary import summarise
from neuralmd_cli.complex import Ligand
from neuralmd_cli.errors import NeuralMDError, OutputError, SimulationError
from neuralmd_cli.ligand_files import LigandFiles
from neuralmd_cli.models.pocket.seen import Seen
from neuralmd_cli.outputs import all_or_nothing, output_names
from neuralmd_cli.run import seen_from, with_start
from neuralmd_cli.run_record import (
    InputFile,
    ModelUsed,
    RunRecord,
    Selection,
    Written,
    hashed,
    library_versions,
)
from neuralmd_cli.run_warnings import ligand_warnings, range_warnings
from neuralmd_cli.screen.journal import Entry
from neuralmd_cli.screen.measures import flags_of, measure
from neuralmd_cli.screen.names import shelf
from neuralmd_cli.screen.placing import Placer
from neuralmd_cli.screen.randomness import ligand_seed
from neuralmd_cli.screen.settings import Choice
from neuralmd_cli.screen.tasks import Task
from neuralmd_cli.structure.prepare import PreparedComplex
from neuralmd_cli.trajectory import Trajectory
from neuralmd_cli.units import PS_PER_NS
from neuralmd_cli.version import VERSION

LIGANDS = "ligands"
"""The folder of the ligands' files."""
BREAKDOWNS = (
    ArithmeticError,
    AssertionError,
    LookupError,
    MemoryError,
    RuntimeError,
    ValueError,
)
"""What a library raises on an input nobody has thought of.

One ligand of ten thousand must not stop the others. Solvers assert that their step has
not vanished; memory runs out as RuntimeError.
"""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What every process of a screen needs to know."""

    choice: Choice
    folder: Path  # of the screen
    scratch: Path  # for half-written files of this part
    model: ModelUsed | None
    dynamics: dict[str, Any]  # for the run records
    known_elements: tuple[int, ...]  # that the weights have seen
    seen: Seen | None  # what their pocket was fitted to
    device: str  # for people
    precision: str
    trust: str  # how far to trust the weights, in words


class NoRoomError(SimulationError):
    """A ligand that does not fit into memory; elsewhere, or later, it may."""


def result(
    task: Task,
    prepared: PreparedComplex,
    trajectories: list[Trajectory],
    assignment: Assignment,
    placer: Placer,
    seconds: float,
) -> Entry:
    """Judge a finished simulation and write its files.

    Args:
        task: what was simulated.
        prepared: of the task.
        trajectories: one per replica, in the coordinates of the files.
        assignment: of the screen.
        placer: that has the protein.
        seconds: what the simulation took.

    Raises:
        OutputError: the files cannot be written.
    """
    touched = placer.touched(prepared)
    measures = measure(trajectories, prepared.complex, touched)
    warnings = [
        *prepared.warnings,
        *ligand_warnings(assignment.known_elements, prepared.complex.ligand),
        *range_warnings(assignment.seen, prepared.complex, prepared.molecule),
    ]
    entry = replace(
        blank(task),
        smiles=_smiles(prepared.molecule),
        measures=measures,
        flags=flags_of(measures),
        warnings=warnings,
        notes=list(prepared.notes),
        seconds=round(seconds, 4),
        memory_mb=peak_memory_mb(),
    )
    if assignment.choice.trajectories == "none":
        return entry
    record = _record(task, prepared, trajectories, assignment, entry)
    return replace(
        entry, files=_write(task, prepared, trajectories, assignment, record)
    )


def failure(task: Task, error: Exception) -> Entry:
    """What became of a ligand that could not be simulated."""
    if isinstance(error, NeuralMDError):
        return replace(
            blank(task),
            failure=error.message,
            hint=error.hint,
            retry=isinstance(error, NoRoomError),
        )
    text = " ".join(str(error).split())[:300]
    return replace(
        blank(task),
        failure=f"Something nobody has thought of: {type(error).__name__}: {text}",
        hint="Simulate it alone with `neuralmd simulate`; if that fails like this, "
        "report it with the input.",
    )


def blank(task: Task) -> Entry:
    """An entry that says where a ligand comes from, and no more."""
    return Entry(
        number=task.number,
        name=task.name,
        title=task.title,
        file=task.source_named,
        record=task.record,
        protein=task.protein_named,
    )


def peak_memory_mb() -> float:
    """The most memory this process has had, MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def _smiles(molecule: Chem.Mol) -> str:
    text: str = Chem.MolToSmiles(Chem.RemoveHs(molecule))
    return text


def _write(
    task: Task,
    prepared: PreparedComplex,
    trajectories: list[Trajectory],
    assignment: Assignment,
    record: RunRecord,
) -> dict[str, int]:
    """Trajectory, topology, ligand and record; their names in the folder, and sizes."""
    names = list(record.outputs)
    place = assignment.folder / LIGANDS / shelf(task.number)
    started = time.perf_counter()
    try:
        # One by one: not the screen's own folder again, if somebody has removed that.
        for folder in (place.parent, place):
            folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{place} cannot be made: {error.strerror}.",
            hint="Make room on the disk, then give the same command again.",
        ) from error
    files = LigandFiles(prepared=prepared, with_protein=False, hydrogens=False)
    with all_or_nothing(place, names, scratch=assignment.scratch) as temporary:
        files.write(temporary, names, trajectories)
        timings = record.timings_s | {"write": round(time.perf_counter() - started, 3)}
        text = replace(
            record,
            inputs={
                key: replace(
                    record.inputs[key], path=seen_from(place / names[-1], path)
                )
                for key, path in _inputs(task).items()
            },
            timings_s=timings,
            outputs_sha256={x: hashed(temporary / x).sha256 for x in names[:-1]},
        ).to_json()
        (temporary / names[-1]).write_text(text, encoding="utf-8")
        sizes = {name: (temporary / name).stat().st_size for name in names}
    inside = f"{LIGANDS}/{shelf(task.number)}"
    return {f"{inside}/{name}": size for name, size in sizes.items()}


def _record(
    task: Task,
    prepared: PreparedComplex,
    trajectories: list[Trajectory],
    assignment: Assignment,
    entry: Entry,
) -> RunRecord:
    """The run record of one ligand, as `simulate` would write it."""
    choice = assignment.choice
    checks = [
        {
            x.name: asdict(x)
            for x in summarise(with_start(t, prepared.complex), prepared.complex)
        }
        for t in trajectories
    ]
    names = output_names(Path(f"{task.name}.{choice.trajectories}"), choice.replicas)
    snapshots = trajectories[0].n_frames * choice.replicas
    rate = snapshots / max(entry.seconds, 1e-6)
    return RunRecord(
        neuralmd_version=VERSION,
        command=_command(task, choice, prepared.complex.ligand),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=library_versions(),
        inputs={key: _hash(path) for key, path in _inputs(task).items()},
        selection=Selection(
            ligand_index=task.record or None,
            ligand_id=task.ligand_id or None,
            smiles=task.smiles or None,
        ),
        model=assignment.model,
        dynamics=assignment.dynamics,
        ns=choice.ns,
        interval_ps=choice.interval_ps,
        snapshots=trajectories[0].n_frames,
        replicas=choice.replicas,
        seed=ligand_seed(choice.seed, prepared.complex.ligand),
        device=assignment.device,
        precision=assignment.precision,
        system={
            "ligand_heavy_atoms": prepared.complex.ligand.n_atoms,
            "residues": prepared.complex.protein.n_residues,
            "obstacle_atoms": len(prepared.complex.protein.obstacle_positions),
        },
        timings_s={"rollout": entry.seconds},
        speed={
            "snapshots_per_s": round(rate, 2),
            "ns_per_s": round(rate * choice.interval_ps / PS_PER_NS, 4),
        },
        results=checks,
        trust=assignment.trust,
        warnings=entry.warnings,
        notes=entry.notes,
        written=Written(),
        outputs=names,
        outputs_sha256={},
    )


def _inputs(task: Task) -> dict[str, Path]:
    """The files a ligand comes from."""
    ligand = {"ligand": task.source} if task.record else {}
    return {"protein": task.protein, **ligand}


def _command(task: Task, choice: Choice, ligand: Ligand) -> list[str]:
    """The command that simulates this ligand alone."""
    words = ["neuralmd", "simulate", "--protein", str(task.protein)]
    if task.record:
        words += ["--ligand", str(task.source), "--ligand-index", str(task.record)]
    else:
        words += ["--ligand-id", task.ligand_id]
        words += ["--smiles", task.smiles] if task.smiles else []
    options: dict[str, object] = {
        "--model": choice.model,
        "--weights": choice.weights_named,
        "--ns": choice.ns,
        "--interval-ps": choice.interval_ps,
        "--replicas": choice.replicas,
        "--seed": ligand_seed(choice.seed, ligand),
        "--v0": choice.v0,
        "--solver": choice.solver,
        "--step-ps": choice.step_ps,
        "--temperature-k": choice.temperature_k,
        "--output": f"{task.name}.{choice.trajectories}",
    }
    for option, value in options.items():
        if value is not None:
            words += [option, str(value)]
    if choice.keep_shape is not None:
        words.append("--keep-shape" if choice.keep_shape else "--free-shape")
    return words


@lru_cache(maxsize=16)
def _hash(path: Path) -> InputFile:
    return hashed(path)
