"""`neuralmd_cli.simulate`: structure files in, trajectories in memory out."""

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

import mdtraj
from rdkit import Chem

from neuralmd_cli.dynamics.ode import Solver
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.system import VelocityRule
from neuralmd_cli.outputs import check_output
from neuralmd_cli.readers import read_topology
from neuralmd_cli.run import Run, simulate_complex, write_run
from neuralmd_cli.run_options import check_options
from neuralmd_cli.run_record import RunRecord
from neuralmd_cli.trajectory import Check
from neuralmd_cli.units import ANGSTROM_PER_NM

File = str | PathLike[str]


@dataclass(frozen=True)
class Simulation:
    """A simulation that was run: its trajectories, its record, what to think of it."""

    run: Run  # tensors in Å and ps, and the prepared complex

    @cached_property
    def trajectories(self) -> list[mdtraj.Trajectory]:
        """The ligand's heavy atoms, one mdtraj trajectory per replica.

        mdtraj counts in nm and ps; coordinates are those of the structure files. The
        start is not among the frames: `start` has it.
        """
        return [
            mdtraj.Trajectory(
                xyz=(x.positions / ANGSTROM_PER_NM).numpy(),
                topology=self.start.topology,
                time=x.times.numpy(),
            )
            for x in self.run.trajectories
        ]

    @property
    def trajectory(self) -> mdtraj.Trajectory:
        """The trajectory of the first replica."""
        return self.trajectories[0]

    @cached_property
    def start(self) -> mdtraj.Trajectory:
        """The pose the simulation began with, as one frame at 0 ps."""
        positions = self.run.prepared.complex.ligand.positions[None]
        return mdtraj.Trajectory(
            xyz=(positions / ANGSTROM_PER_NM).numpy(),
            topology=read_topology(self._folder / "run.pdb"),
            time=[0.0],
        )

    @property
    def molecule(self) -> Chem.Mol:
        """The ligand with its bond orders, at the start; a copy."""
        return Chem.Mol(self.run.prepared.molecule)

    @property
    def record(self) -> RunRecord:
        """What the run was: docs/run_record.md."""
        return self.run.record

    @property
    def checks(self) -> list[list[Check]]:
        """Motion, bonds and contacts of each replica, as the command's table has them.

        `neuralmd_cli.stability` looks closer.
        """
        return self.run.checks

    @property
    def warnings(self) -> list[str]:
        """What may make the result wrong or useless."""
        return self.run.record.warnings

    @property
    def notes(self) -> list[str]:
        """What was done to the input on the way."""
        return self.run.record.notes

    @property
    def caveat(self) -> str:
        """What must not be read from such a trajectory."""
        return self.run.caveat

    def save(
        self, output: File, *, with_protein: bool = False, hydrogens: bool = False
    ) -> list[Path]:
        """Write what `neuralmd simulate -o` writes; the files' paths.

        Trajectories as .dcd or .xtc, topology, ligand and run record; all of them or,
        if anything goes wrong, none.

        Raises:
            OutputError: they cannot, or should not, be written there.
        """
        path = Path(output)
        kept = write_run(self.run, path, with_protein=with_protein, hydrogens=hydrogens)
        return [path.parent / name for name in kept.record.outputs]

    def trajectory_file(self, replica: int = 1) -> Path:
        """A file of one replica, for what reads files; gone when this object is.

        Raises:
            InputError: there is no such replica.
        """
        count = len(self.run.trajectories)
        if not 1 <= replica <= count:
            raise InputError(
                f"replica={replica}: this simulation has {count}.",
                hint="They are counted from 1.",
            )
        return self._folder / ("run.dcd" if count == 1 else f"run_r{replica}.dcd")

    @cached_property
    def _folder(self) -> Path:
        """The run as files, in a folder that goes when this object does."""
        folder = Path(tempfile.mkdtemp(prefix="neuralmd-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        write_run(self.run, folder / "run.dcd")
        return folder

    def __repr__(self) -> str:
        """Length, size and place in a line."""
        record = self.record
        return (
            f"<Simulation of {record.ns:g} ns: {record.replicas} x {record.snapshots} "
            f"snapshots, {record.system['ligand_heavy_atoms']} heavy atoms>"
        )


def simulate(
    protein: File,
    ligand: File | None = None,
    *,
    output: File | None = None,
    ns: float = 8.0,
    interval_ps: float = 80.0,
    ligand_index: int | None = None,
    ligand_id: str | None = None,
    smiles: str | None = None,
    observed: File | None = None,
    model: str | None = None,
    v0: VelocityRule | None = None,
    replicas: int = 1,
    seed: int = 0,
    solver: Solver | None = None,
    step_ps: float | None = None,
    temperature_k: float | None = None,
    keep_shape: bool | None = None,
    device: str = "auto",
    weights: File | None = None,
    weights_url: str | None = None,
    with_protein: bool = False,
    hydrogens: bool = False,
    on_snapshot: Callable[[int], None] = lambda done: None,
) -> Simulation:
    """Predict how a ligand moves in its pocket; the protein stays rigid.

    Arguments are the options of `neuralmd simulate`, with the same meanings and
    defaults. Without `output` nothing is written.

    Args:
        protein: PDB or mmCIF, gzipped or not.
        ligand: SDF in the same coordinates; or `ligand_id`, from the protein file.
        observed: trajectory of this ligand in this protein, which the run goes on.
        output: a .dcd or .xtc file, as `Simulation.save`.
        with_protein, hydrogens: what `output` holds besides the heavy atoms.
        on_snapshot: told how many snapshots are done.

    Raises:
        NeuralMDError: anything the user can mend; `hint` says how.
    """
    check_options(
        replicas=replicas,
        seed=seed,
        v0=v0,
        solver=solver,
        step_ps=step_ps,
        temperature_k=temperature_k,
        keep_shape=keep_shape,
    )
    named = (protein, ligand, observed)
    files = [None if x is None else Path(x) for x in named]
    if output is not None:
        # Before the work, so that none is lost to a name that cannot be written.
        check_output(Path(output), replicas, [x for x in files if x is not None])
    run = simulate_complex(
        Path(protein),
        files[1],
        ns=ns,
        interval_ps=interval_ps,
        ligand_index=ligand_index,
        ligand_id=ligand_id,
        smiles=smiles,
        observed=files[2],
        model=model,
        v0=v0,
        replicas=replicas,
        seed=seed,
        solver=solver,
        step_ps=step_ps,
        temperature_k=temperature_k,
        keep_shape=keep_shape,
        device=device,
        weights=None if weights is None else os.fspath(weights),
        weights_url=weights_url,
        on_snapshot=on_snapshot,
    )
    if output is not None:
        run = write_run(
            run, Path(output), with_protein=with_protein, hydrogens=hydrogens
        )
    return Simulation(run)
