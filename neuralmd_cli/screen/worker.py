"""The work of one process of a screen."""

import time
from dataclasses import dataclass

import torch
from jaxtyping import Float
from numpy import ndarray
from rdkit import Chem

from neuralmd_cli.complex import Complex, Ligand
from neuralmd_cli.errors import NeuralMDError, OutputError
from neuralmd_cli.models.system import Settings, System
from neuralmd_cli.screen.journal import Entry
from neuralmd_cli.screen.placing import Placer
from neuralmd_cli.screen.randomness import ligand_seed
from neuralmd_cli.screen.remembering import remember_proteins
from neuralmd_cli.screen.rolling import Ready, Roller
from neuralmd_cli.screen.settings import Choice
from neuralmd_cli.screen.tasks import Task
from neuralmd_cli.screen.work import BREAKDOWNS, Assignment, failure, result
from neuralmd_cli.simulation import replica_seeds, snapshot_times
from neuralmd_cli.system_choice import load_system
from neuralmd_cli.trajectory import Trajectory


@dataclass(frozen=True, kw_only=True)
class Posed:
    """A ligand found fit to be simulated, in a form that travels between processes."""

    task: Task
    ligand: dict[str, ndarray]  # the fields of `Ligand`
    molecule: Chem.Mol


class Worker:
    """Simulates ligands one by one, or does what is to be done around that."""

    def __init__(self, assignment: Assignment, *, computes: bool) -> None:
        """Load what is needed.

        Args:
            assignment: of the screen.
            computes: True if it simulates itself, on the CPU.
        """
        self.assignment = assignment
        self.placer = Placer()
        self.roller = make_roller(assignment.choice) if computes else None

    def simulate(self, task: Task) -> Entry:
        """From the text of a ligand to its entry in the journal.

        Raises:
            OutputError: the files cannot be written.
        """
        if self.roller is None:
            raise RuntimeError("this worker has no model")
        started = time.perf_counter()
        try:
            prepared = self.placer.prepare(task)
            ready = make_ready(
                self.placer,
                prepared.complex,
                prepared.molecule,
                self.assignment.choice,
                self.roller,
            )
            (outcome,) = self.roller([ready])
            if isinstance(outcome, Exception):
                return failure(task, outcome)
            seconds = time.perf_counter() - started
            return result(
                task, prepared, outcome, self.assignment, self.placer, seconds
            )
        except OutputError:
            raise
        except (NeuralMDError, *BREAKDOWNS) as error:
            return failure(task, error)

    def check(self, task: Task) -> Posed | Entry:
        """Read a ligand for another process to simulate."""
        try:
            prepared = self.placer.prepare(task)
        except (NeuralMDError, *BREAKDOWNS) as error:
            return failure(task, error)
        fields = {k: v.numpy() for k, v in vars(prepared.complex.ligand).items()}
        return Posed(task=task, ligand=fields, molecule=prepared.molecule)

    def finish(
        self,
        task: Task,
        positions: Float[ndarray, "replicas frames atoms 3"],
        seconds: float,
    ) -> Entry:
        """Judge what another process simulated, and write its files.

        Raises:
            OutputError: the files cannot be written.
        """
        choice = self.assignment.choice
        times = torch.tensor(
            snapshot_times(choice.ns, choice.interval_ps), dtype=torch.float64
        )
        trajectories = [
            Trajectory(times=times, positions=x, velocities=torch.zeros_like(x))
            for x in torch.tensor(positions)
        ]
        try:
            prepared = self.placer.prepare(task)
            return result(
                task, prepared, trajectories, self.assignment, self.placer, seconds
            )
        except OutputError:
            raise
        except (NeuralMDError, *BREAKDOWNS) as error:
            return failure(task, error)


def make_roller(choice: Choice, most: int | None = None) -> Roller:
    """The system of a choice on its device, with a memory for proteins.

    Raises:
        WeightsError: the weights cannot be loaded.
    """
    system, _ = load_system(choice.model, choice.weights)
    device = torch.device(choice.device)
    system = system.to(device)
    remember_proteins(system)
    return Roller(
        system=system,
        settings=chosen_settings(choice, system),
        times=snapshot_times(choice.ns, choice.interval_ps),
        device=device,
        most=1 if device.type == "cpu" else most,
    )


def chosen_settings(choice: Choice, system: System) -> Settings:
    """What the user chose, and what the system fills in.

    Raises:
        InputError: a setting the system does not have.
    """
    return system.settled(
        Settings(
            v0=choice.v0,
            solver=choice.solver,
            step_ps=choice.step_ps,
            temperature_k=choice.temperature_k,
            keep_shape=choice.keep_shape,
        )
    )


def make_ready(
    placer: Placer,
    complex_: Complex,
    molecule: Chem.Mol,
    choice: Choice,
    roller: Roller,
) -> Ready:
    """A complex about to be simulated, with the seeds of its ligand."""
    own = ligand_seed(choice.seed, complex_.ligand)
    return Ready(
        placed=placer.place(complex_, roller.system, roller.device),
        molecule=molecule,
        seeds=replica_seeds(own, choice.replicas),
    )


def ready_from(posed: Posed, placer: Placer, choice: Choice, roller: Roller) -> Ready:
    """A ligand that another process has read, in this process's protein.

    Raises:
        InputError: the protein cannot be read.
    """
    ligand = Ligand(**{k: torch.tensor(v) for k, v in posed.ligand.items()})
    protein = placer.protein(posed.task.protein).file.protein
    complex_ = Complex(ligand=ligand, protein=protein)
    return make_ready(placer, complex_, posed.molecule, choice, roller)
