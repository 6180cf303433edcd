"""What a simulation starts from: inputs read, weights loaded, settings settled."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import torch
from rdkit import Chem

from neuralmd_cli.dataset.own.observed import Observed, read_observed
from neuralmd_cli.device import resolve_device
from neuralmd_cli.dynamics.ode import Solver
from neuralmd_cli.errors import InputError
from neuralmd_cli.hydrogens import carry_hydrogens
from neuralmd_cli.models.system import Settings, System, VelocityRule
from neuralmd_cli.run_record import InputFile, Selection, hashed
from neuralmd_cli.run_warnings import (
    ligand_warnings,
    range_warnings,
    seen_by,
    system_warnings,
    trained_elements,
)
from neuralmd_cli.simulation import Taker, snapshot_times
from neuralmd_cli.structure.prepare import PreparedComplex, prepare
from neuralmd_cli.system_choice import find_weights, load_system
from neuralmd_cli.trajectory import Trajectory
from neuralmd_cli.transfer import Progress
from neuralmd_cli.weights.model import LoadedModel


class Clock:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> float:
        """Count the time since the last lap to a stage; how much that was."""
        now = time.perf_counter()
        spent = now - self._last
        self._add(stage, spent)
        self._last = now
        return spent

    def within(self, stage: str, take: Taker) -> Taker:
        """A taker whose time counts to a stage, not to the lap it falls into."""

        def timed(block: Trajectory) -> None:
            begun = time.perf_counter()
            take(block)
            spent = time.perf_counter() - begun
            self._add(stage, spent)
            self._last += spent

        return timed

    def _add(self, stage: str, seconds: float) -> None:
        self.laps[stage] = round(self.laps.get(stage, 0.0) + seconds, 3)


class Options(TypedDict, total=False):
    """What `get_ready`, and so a simulation, takes by name."""

    ns: float
    interval_ps: float
    ligand_index: int | None
    ligand_id: str | None
    smiles: str | None
    observed: Path | None
    model: str | None
    v0: VelocityRule | None
    replicas: int
    seed: int
    solver: Solver | None
    step_ps: float | None
    temperature_k: float | None
    keep_shape: bool | None
    device: str
    weights: str | None
    weights_url: str | None
    command: Sequence[str]
    on_snapshot: Callable[[int], None]
    download_progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Everything a rollout needs, read and checked."""

    inputs: Mapping[str, Path]
    hashes: Mapping[str, InputFile]
    selection: Selection
    prepared: PreparedComplex
    observed: Observed | None
    system: System
    loaded: LoadedModel | None
    settings: Settings
    warnings: list[str]
    ns: float
    interval_ps: float
    times: list[float]
    replicas: int
    seed: int
    device: torch.device
    command: Sequence[str]
    on_snapshot: Callable[[int], None]
    clock: Clock


def get_ready(
    protein: Path,
    ligand: Path | None,
    *,
    ns: float = 8.0,
    interval_ps: float = 80.0,
    ligand_index: int | None = None,
    ligand_id: str | None = None,
    smiles: str | None = None,
    observed: Path | None = None,
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
    command: Sequence[str] = (),
    on_snapshot: Callable[[int], None] = lambda done: None,
    download_progress: Progress | None = None,
) -> Ready:
    """Read the inputs, load the weights, settle what was left open.

    Raises:
        NeuralMDError: anything the user can mend, said in one sentence.
    """
    clock = Clock()
    times = snapshot_times(ns, interval_ps)
    where = resolve_device(device)
    if observed is not None and ligand is None:
        raise InputError(
            "--observed: the ligand's own file is needed to read a trajectory by.",
            hint="Give it with --ligand, in place of --ligand-id.",
        )
    prepared = prepare(
        protein, ligand, ligand_index=ligand_index, ligand_id=ligand_id, smiles=smiles
    )
    seen = None
    if observed is not None and ligand is not None:
        seen = read_observed(observed, protein, ligand, ligand_index=ligand_index)
        prepared = _at_last(prepared, seen)
    clock.lap("read")
    path = find_weights(model, weights, weights_url, download_progress)
    system, loaded = load_system(model, path)
    settings = system.settled(
        Settings(
            v0=v0,
            solver=solver,
            step_ps=step_ps,
            temperature_k=temperature_k,
            keep_shape=keep_shape,
        )
    )
    warnings = [
        *prepared.warnings,
        *system_warnings(
            system, settings, replicas, 1 if seen is None else len(seen.positions)
        ),
        *ligand_warnings(trained_elements(system), prepared.complex.ligand),
        *range_warnings(seen_by(system), prepared.complex, prepared.molecule),
    ]
    named = {"protein": protein, "ligand": ligand, "observed": observed}
    inputs = {k: v for k, v in named.items() if v is not None}
    clock.lap("load")
    return Ready(
        inputs=inputs,
        hashes={k: hashed(v) for k, v in inputs.items()},
        selection=Selection(
            ligand_index=ligand_index, ligand_id=ligand_id, smiles=smiles
        ),
        prepared=prepared,
        observed=seen,
        system=system,
        loaded=loaded,
        settings=settings,
        warnings=warnings,
        ns=ns,
        interval_ps=interval_ps,
        times=times,
        replicas=replicas,
        seed=seed,
        device=where,
        command=command,
        on_snapshot=on_snapshot,
        clock=clock,
    )


def _at_last(prepared: PreparedComplex, observed: Observed) -> PreparedComplex:
    """The complex with its ligand where it was seen last, hydrogens carried along."""
    last = observed.positions[-1]
    placed = Chem.Mol(prepared.molecule)
    whole = carry_hydrogens(placed, last[None])[0]
    placed.GetConformer().SetPositions(whole.double().numpy())
    ligand = replace(prepared.complex.ligand, positions=last)
    return replace(
        prepared,
        complex=replace(prepared.complex, ligand=ligand),
        molecule=placed,
        notes=(*prepared.notes, *observed.notes),
    )
