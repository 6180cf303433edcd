"""Ligands put into their protein, which is read once however many there are."""

from dataclasses import dataclass
from pathlib import Path

import gemmi
import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuralmd_cli.complex import Complex, Protein
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.system import System, TrainableSystem
from neuralmd_cli.screen.tasks import Task
from neuralmd_cli.structure.contacts import TOUCH
from neuralmd_cli.structure.ligand import LigandRecord, ligand_file, parsed_record
from neuralmd_cli.structure.prepare import (
    OpenProtein,
    PreparedComplex,
    open_protein,
    with_group,
    with_ligand,
)
from neuralmd_cli.structure.protein import obstacle_residues


@dataclass(frozen=True, kw_only=True)
class TouchedResidues:
    """Heavy atoms of the residues that a ligand touches at the start."""

    positions: Float[Tensor, "near 3"]  # Å
    residues: Int[Tensor, " near"]  # from 0, without gaps
    count: int


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A complex as a system wants it: near its origin, on the device."""

    complex: Complex
    origin: Float[Tensor, "3"]  # Å, in the coordinates of the files


class Placer:
    """Reads proteins and puts ligands into them; remembers the last protein."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._protein: OpenProtein | None = None
        self._residues: tuple[gemmi.Structure, Int[Tensor, " obstacles"]] | None = None
        self._centred: tuple[Protein, Protein, Float[Tensor, 3]] | None = None

    def prepare(self, task: Task) -> PreparedComplex:
        """The ligand of a task in its protein, checked.

        Raises:
            InputError: either cannot be read, or the pose makes no sense.
        """
        if task.problem:
            raise InputError(task.problem, hint=task.hint)
        protein = self.protein(task.protein)
        if not task.record:
            return with_group(protein, task.ligand_id, task.smiles or None)
        where = f"{task.source.name}, molecule {task.record}"
        record = LigandRecord(text=task.text, first_line=task.first_line)
        ligand = ligand_file(parsed_record(record, where), where)
        return with_ligand(protein, ligand, where)

    def protein(self, path: Path) -> OpenProtein:
        """The protein of a file.

        Raises:
            InputError: it cannot be read.
        """
        if self._protein is None or self._path != path:
            if path.exists() and not path.is_file() and not path.is_dir():
                raise InputError(f"{path} is no file.", hint="Name a structure file.")
            self._protein, self._path = open_protein(path), path
        return self._protein

    def touched(self, prepared: PreparedComplex) -> TouchedResidues:
        """What the ligand touches at the start: heavy atoms within 4.5 Å."""
        protein, ligand = prepared.complex.protein, prepared.complex.ligand
        residues = self._obstacle_residues(prepared.protein_structure)
        apart = torch.cdist(
            ligand.positions,
            protein.obstacle_positions,
            compute_mode="donot_use_mm_for_euclid_dist",
        )
        own = torch.unique(residues[(apart < TOUCH).any(dim=0)])
        near = torch.isin(residues, own)
        return TouchedResidues(
            positions=protein.obstacle_positions[near],
            residues=torch.searchsorted(own, residues[near]),
            count=len(own),
        )

    def place(self, complex_: Complex, system: System, device: torch.device) -> Placed:
        """The complex for a system, all ligands of a protein in one coordinate system.

        So the protein has the same bits for all and is encoded once. Networks of the
        published variant see where their origin is; for them it stays where `simulate`
        has it, at the centre of each complex.
        """
        if (
            isinstance(system, TrainableSystem)
            and system.config.binding_net.is_published
        ):
            moved, origin = complex_.centred()
            return Placed(complex=moved.to(device, system.dtype), origin=origin)
        protein, origin = self._centred_protein(complex_, system, device)
        identity = torch.eye(3, dtype=origin.dtype)
        moved = complex_.moved(identity, -origin).to(device, system.dtype)
        return Placed(
            complex=Complex(ligand=moved.ligand, protein=protein), origin=origin
        )

    def _centred_protein(
        self, complex_: Complex, system: System, device: torch.device
    ) -> tuple[Protein, Float[Tensor, "3"]]:
        """The protein about the centre of its backbone, and that centre (Å)."""
        given = complex_.protein
        if self._centred is None or self._centred[0] is not given:
            origin = torch.cat([given.n, given.ca, given.c]).mean(dim=0)
            identity = torch.eye(3, dtype=origin.dtype)
            moved = complex_.moved(identity, -origin)
            protein = moved.to(device, system.dtype).protein
            self._centred = (given, protein, origin)
        return self._centred[1], self._centred[2]

    def _obstacle_residues(self, structure: gemmi.Structure) -> Int[Tensor, " atoms"]:
        if self._residues is None or self._residues[0] is not structure:
            rows = torch.from_numpy(obstacle_residues(structure))
            self._residues = (structure, rows)
        return self._residues[1]
