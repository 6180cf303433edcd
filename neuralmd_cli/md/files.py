"""One numerical simulation from files to files, with the outputs of `simulate`."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neuralmd_cli.errors import InputError
from neuralmd_cli.md.amber import require_md, versions
from neuralmd_cli.md.collapse import collapse_warnings
from neuralmd_cli.md.dynamics import FRICTION_PER_PS
from neuralmd_cli.md.plan import STEP_FS
from neuralmd_cli.md.prepare import Inputs, Preparation, Prepared
from neuralmd_cli.md.results import (
    laid_on_input,
    output_rows,
    output_topology,
    solute_of,
)
from neuralmd_cli.md.session import (
    Settings,
    Simulation,
    fingerprint,
    kept_in,
    run_digest,
    simulate_md,
)
from neuralmd_cli.md.system import HYDROGEN_MASS, PRESSURE_BAR
from neuralmd_cli.outputs import (
    all_or_nothing,
    check_output,
    claimed,
    output_names,
)
from neuralmd_cli.run_record import (
    RunRecord,
    Selection,
    Written,
    hashed,
    library_versions,
)
from neuralmd_cli.version import VERSION
from neuralmd_cli.writers import write_ligand_sdf, write_topology_pdb, write_trajectory

FORCE_FIELD = {"implicit": "ff14SB, GAFF2, OBC2"}


@dataclass(frozen=True, kw_only=True)
class MDRun:
    """What `neuralmd md` gave."""

    simulation: Simulation
    record: RunRecord


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is written at the end."""

    output: Path | None = None  # the trajectory; the rest is named after it
    with_protein: bool = False  # everything but water and ions
    hydrogens: bool = False  # the ligand's; with the protein they always are
    store: Path | None = None
    name: str = ""  # of the group in the store
    keep_work: bool = False

    @property
    def work(self) -> Path:
        """Where an unfinished run keeps its state, beside its output."""
        if self.output is not None:
            return self.output.with_name(f"{self.output.name}.work")
        if self.store is not None:
            return self.store.with_name(f"{self.store.name}.{self.name}.work")
        raise InputError(
            "The simulation would be written nowhere.",
            hint="Give --output for a trajectory, or --store for a data set.",
        )


def is_done(
    inputs: Inputs, how: Preparation, settings: Settings, wanted: Wanted
) -> bool:
    """True if the output is there already, whole, from the very same inputs."""
    if wanted.store is not None:
        from neuralmd_cli.md.store import stored_run

        if stored_run(wanted.store, wanted.name) != run_digest(inputs, how, settings):
            return False
    if wanted.output is None:
        return wanted.store is not None
    output = wanted.output
    names = output_names(output, 1)
    try:
        record = json.loads((output.parent / names[-1]).read_text(encoding="utf-8"))
        found = record["dynamics"]["fingerprint"]
    except (OSError, ValueError, LookupError, TypeError):
        return False
    there = all((output.parent / name).is_file() for name in names)
    return there and found == _digest(inputs, how, settings, wanted)


def forget_work(wanted: Wanted) -> None:
    """Remove what a run that was stopped after its last word has left."""
    if not wanted.keep_work:
        shutil.rmtree(wanted.work, ignore_errors=True)


def md_files(
    inputs: Inputs,
    how: Preparation,
    settings: Settings,
    wanted: Wanted,
    *,
    command: Sequence[str] = (),
    **options: Any,  # noqa: ANN401 - those of `simulate_md`
) -> MDRun:
    """Simulate, and write what `simulate` writes, or a group of a store, or both.

    Args:
        inputs: protein and ligand.
        how: the system is made.
        settings: of the run.
        wanted: what is written.
        command: for the record.
        options: as `simulate_md` takes them.

    Raises:
        NeuralMDError: anything the user can mend, said in one sentence.
    """
    require_md(built=True)
    folder = wanted.work
    if wanted.output is not None:
        check_output(wanted.output, 1, list(inputs.files.values()))
    if wanted.store is not None:
        # HDF5 is in this extra; whoever wants a trajectory need not load it.
        from neuralmd_cli.md.store import append, check_store, group_of

        check_store(wanted.store, wanted.name)
    with claimed(folder):
        simulation = simulate_md(inputs, how, settings, folder, **options)
        with kept_in(folder):
            record = _record(simulation, inputs, how, settings, wanted, command)
            if wanted.store is not None:
                group = group_of(simulation, inputs, how, settings)
            if wanted.output is not None:
                write_outputs(simulation, wanted, record)
        if wanted.store is not None:
            append(wanted.store, {wanted.name: group})
        forget_work(wanted)
    return MDRun(simulation=simulation, record=record)


def write_outputs(simulation: Simulation, wanted: Wanted, record: RunRecord) -> None:
    """Trajectory, topology, ligand and record; all of them or none.

    Raises:
        OutputError: they cannot be written.
    """
    if wanted.output is None:
        return
    prepared, output = simulation.prepared, wanted.output
    names = output_names(output, 1)
    hydrogens = wanted.hydrogens or wanted.with_protein
    rows = output_rows(prepared, with_protein=wanted.with_protein, hydrogens=hydrogens)
    topology = output_topology(
        prepared, with_protein=wanted.with_protein, hydrogens=hydrogens
    )
    taken = torch.from_numpy(rows)
    start = _start(prepared)[taken]
    n_ligand = int((rows >= len(solute_of(prepared).protein)).sum())
    with all_or_nothing(output.parent, names) as folder:
        times = torch.tensor(simulation.times, dtype=torch.float64)
        write_trajectory(
            folder / names[0], simulation.positions[:, taken], times, topology
        )
        write_topology_pdb(folder / names[-3], start, topology)
        write_ligand_sdf(folder / names[-2], prepared.molecule, start[-n_ligand:])
        hashes = {x: hashed(folder / x).sha256 for x in names[:-1]}
        text = replace(record, outputs_sha256=hashes).to_json()
        (folder / names[-1]).write_text(text, encoding="utf-8")


def _digest(
    inputs: Inputs, how: Preparation, settings: Settings, wanted: Wanted
) -> str:
    """One hash of all that decides the output."""
    facts = fingerprint(inputs, how, settings)
    facts |= {"with_protein": wanted.with_protein, "hydrogens": wanted.hydrogens}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _start(prepared: Prepared) -> Tensor:
    """Places of the solute before any step, laid on the input, Å."""
    from openmm import app, unit

    inpcrd = app.AmberInpcrdFile(str(prepared.built.folder / "dry.inpcrd"))
    places = np.array(inpcrd.positions.value_in_unit(unit.angstrom), dtype=np.float32)
    return laid_on_input(places[None], prepared)[0]


def _collapse(simulation: Simulation) -> list[str]:
    prepared = simulation.prepared
    rows = torch.from_numpy(solute_of(prepared).ligand_heavy)
    return collapse_warnings(
        prepared.complex.complex.ligand,
        simulation.positions[:, rows],
        [k + 1 for k in prepared.complex.heavy_atoms],
    )


def _record(
    simulation: Simulation,
    inputs: Inputs,
    how: Preparation,
    settings: Settings,
    wanted: Wanted,
    command: Sequence[str],
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
        versions=library_versions() | versions(),
        inputs={k: hashed(v) for k, v in inputs.files.items()},
        selection=Selection(
            ligand_index=inputs.ligand_index,
            ligand_id=inputs.ligand_id,
            smiles=inputs.smiles,
        ),
        model=None,
        dynamics={
            "system": "md",
            "solvent": how.solvent,
            "force_field": FORCE_FIELD.get(how.solvent, "ff14SB, GAFF2, TIP3P"),
            "charges": Path(how.charges).name,
            "ph": how.ph,
            "temperature_k": settings.temperature_k,
            "friction_per_ps": FRICTION_PER_PS,
            "step_fs": STEP_FS,
            "hydrogen_mass_amu": HYDROGEN_MASS,
            "pressure_bar": PRESSURE_BAR if how.solvent == "explicit" else None,
            "equilibration_ps": equilibrated * STEP_FS / 1000,
            "platform": place.name,
            "fingerprint": _digest(inputs, how, settings, wanted),
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
        warnings=[*prepared.warnings, *_collapse(simulation)],
        notes=notes,
        written=Written(
            with_protein=wanted.with_protein,
            hydrogens=wanted.hydrogens or wanted.with_protein,
        ),
        outputs_sha256={},
        outputs=[] if wanted.output is None else output_names(wanted.output, 1),
    )
