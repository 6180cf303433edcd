"""Protein and ligand of a user's simulation, found in its topology."""

from dataclasses import dataclass
from pathlib import Path

import gemmi
import mdtraj
import numpy as np
from jaxtyping import Int
from mdtraj.core.topology import Residue
from numpy import ndarray

from neuralmd_cli.dataset.own.ligand_atoms import residue_of
from neuralmd_cli.dataset.own.structure import placed
from neuralmd_cli.readers import topology_path
from neuralmd_cli.structure.coordinates import labelled_atoms
from neuralmd_cli.structure.ligand import LigandFile, read_ligand
from neuralmd_cli.structure.protein import read_protein


@dataclass(frozen=True, kw_only=True)
class OwnFiles:
    """The files of a simulation."""

    protein: Path
    trajectory: Path
    ligand: Path
    top: Path | None = None  # without it the protein, or the .pdb beside the trajectory


@dataclass(frozen=True, kw_only=True)
class System:
    """Which atoms of the trajectory are wanted, and what they are."""

    structure: gemmi.Structure  # heavy atoms of the protein, rows as serial numbers
    ligand: LigandFile
    residue: Residue
    kept: Int[ndarray, " kept"]  # rows of the complex in the trajectory, with H
    members: tuple[Int[ndarray, " _"], ...]  # places in `kept` of each residue
    anchors: tuple[int, ...]  # one of each but the ligand, as places in `kept`


def topology_file(files: OwnFiles) -> Path:
    """The topology named, the .pdb beside the trajectory, or the protein's file.

    Raises:
        InputError: it is not there, or the trajectory is of no known format.
    """
    if files.top is None:
        beside = files.trajectory.with_suffix(".pdb")
        if beside == files.trajectory or not beside.is_file():
            return topology_path(files.trajectory, files.protein)
    return topology_path(files.trajectory, files.top)


def find_system(
    files: OwnFiles,
    topology: mdtraj.Topology,
    top: Path,
    ligand_residue: str | None,
    ligand_index: int | None,
) -> tuple[System, tuple[str, ...]]:
    """Find protein and ligand in the topology, and say what was left out.

    Args:
        files: of the simulation.
        topology: what was read from `top`.
        top: the topology's file.
        ligand_residue: NAME[:CHAIN[:NUMBER]], where the elements leave a choice.
        ligand_index: which molecule of the ligand's file, from 1.

    Raises:
        InputError: a file cannot be read, or does not belong to the trajectory.
    """
    ligand = read_ligand(files.ligand, ligand_index)
    where = f"{top.name}, {files.ligand.name}"
    residue = residue_of(topology, ligand.molecule, ligand_residue, where)
    found = placed(read_protein(files.protein), topology, residue, files.protein.name)
    rows = {a.serial - 1 for _, a in labelled_atoms(found.structure[0])}
    residues = [
        x
        for x in topology.residues
        if x.index != residue.index and any(a.index in rows for a in x.atoms)
    ]
    listed = [[a.index for a in x.atoms] for x in [*residues, residue]]
    kept = np.array([row for x in listed for row in x])
    ends = np.cumsum([len(x) for x in listed])
    members = tuple(np.split(np.arange(len(kept)), ends[:-1]))
    anchors = tuple(
        _anchor(x, int(rows_[0])) for x, rows_ in zip(residues, members, strict=False)
    )
    return System(
        structure=found.structure,
        ligand=ligand,
        residue=residue,
        kept=kept,
        members=members,
        anchors=anchors,
    ), found.notes


def _anchor(residue: Residue, first: int) -> int:
    """The place of a residue's CA; that of its first atom where it has none."""
    names = [a.name for a in residue.atoms]
    return first + (names.index("CA") if "CA" in names else 0)
