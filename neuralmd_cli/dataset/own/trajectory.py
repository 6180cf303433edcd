"""A user's own simulation, from its files to a recording."""

from dataclasses import dataclass

import gemmi
import numpy as np
import torch
from rdkit import Chem

from neuralmd_cli.dataset.own.frames import OwnAtoms, read_atoms
from neuralmd_cli.dataset.own.rigid import holds_ligand_alone, read_rigid
from neuralmd_cli.dataset.own.sampling import Sampling, sampling
from neuralmd_cli.dataset.own.system import OwnFiles, find_system, topology_file
from neuralmd_cli.ligand_residue import residue_label
from neuralmd_cli.mdtraj_guard import quiet_mdtraj
from neuralmd_cli.readers import (
    frame_times,
    read_frames,
    read_topology,
)
from neuralmd_cli.recording import FRAME_VALUES, Reading, Recording, pocket_motion
from neuralmd_cli.structure.components import parent_name
from neuralmd_cli.structure.coordinates import labelled_atoms
from neuralmd_cli.structure.ligand import LigandFile
from neuralmd_cli.structure.protein import ProteinFile, protein_file

COORDINATED = 3.2
"""Å; an ion farther from protein and ligand is solvent, not part of a site."""


@dataclass(frozen=True, kw_only=True)
class OwnReading:
    """A recording, what was seen on the way, and what was done to make it."""

    reading: Reading
    notes: tuple[str, ...]


def read_own(
    files: OwnFiles,
    *,
    name: str,
    spacing_ps: float | None = None,
    frames: tuple[int, int] | None = None,
    ligand_residue: str | None = None,
    ligand_index: int | None = None,
) -> OwnReading:
    """Read a simulation of a protein with a ligand.

    Args:
        files: of the simulation.
        name: of the recording.
        spacing_ps: time between frames; the trajectory's own without it.
        frames: first and last to take, counted from 1; all without it.
        ligand_residue: NAME[:CHAIN[:NUMBER]], where the elements leave a choice.
        ligand_index: which molecule of the ligand's file, from 1.

    Raises:
        InputError: a file that cannot be read, files that do not belong together,
            frames without times, or a molecule that cannot be put together.
    """
    top = topology_file(files)
    with quiet_mdtraj():
        topology = read_topology(top)
        if holds_ligand_alone(topology):
            reading, said_of_it = read_rigid(
                files,
                topology,
                top.name,
                name=name,
                spacing_ps=spacing_ps,
                frames=frames,
                ligand_index=ligand_index,
            )
            return OwnReading(reading=reading, notes=said_of_it)
    system, notes = find_system(files, topology, top, ligand_residue, ligand_index)
    with quiet_mdtraj():
        read = read_frames(files.trajectory, top, topology.n_atoms)
        atoms, stereo = read_atoms(read, topology, system, files, frames)
    times, timed, time_notes = frame_times(files.trajectory, atoms.times)
    sampled = sampling(
        times if timed else None,
        spacing_ps=spacing_ps,
        frames=frames,
        source=files.trajectory.name,
        n_frames=len(times),
    )
    protein = _as_at_start(system.structure, atoms, files.protein.name)
    ligand = system.ligand
    attributes: dict[str, str | int | float] = {
        "smiles": Chem.MolToSmiles(Chem.RemoveAllHs(ligand.molecule)),
        "protein": files.protein.name,
        "ligand": files.ligand.name,
    }
    if frames is not None:
        attributes["frames"] = f"{frames[0]}-{sampled.last}"
    if atoms.periodic:
        attributes["periodic"] = atoms.periodic
    recording = _recording(name, sampled, protein, atoms, ligand, attributes)
    found = f"{residue_label(system.residue)} is the ligand of {files.ligand.name}."
    said = [found, *ligand.notes, *notes, *protein.notes, *stereo, *sampled.notes]
    if frames is None and (timed or spacing_ps is None):
        said += [f"{x}." for x in time_notes]
    elements = (topology.atom(k).element for k in system.kept.tolist())
    if not any(x is not None and x.number == 1 for x in elements):
        said.append("The trajectory holds no hydrogens; none are counted.")
    return OwnReading(
        reading=Reading(
            recording=recording,
            n_atoms=len(system.kept),
            n_molecules=_n_chains(protein),
            incomplete_residues=_n_incomplete(protein),
            missing=tuple(FRAME_VALUES.values()),
        ),
        notes=(*said, *([atoms.periodic] if atoms.periodic else [])),
    )


def _as_at_start(
    structure: gemmi.Structure, atoms: OwnAtoms, source: str
) -> ProteinFile:
    """The protein with the places of the first frame, free ions left out.

    Its atoms' serial numbers are their rows in `atoms.protein`, from 1.
    """
    filled = structure.clone()
    start = atoms.protein[0].astype(float)
    for k, (_, atom) in enumerate(labelled_atoms(filled[0])):
        atom.pos = gemmi.Position(*start[k])
        atom.serial = k + 1
    everything = np.concatenate([start, atoms.ligand[0].astype(float)])
    for chain in filled[0]:
        for index in reversed(range(len(chain))):
            if len(chain[index]) != 1:
                continue
            far = np.linalg.norm(everything - chain[index][0].pos.tolist(), axis=1)
            # Its distance from itself is the one that is always small.
            if (far < COORDINATED).sum() < 2:
                del chain[index]
    filled.remove_empty_chains()
    return protein_file(filled, (), source)


def _recording(
    name: str,
    sampled: Sampling,
    protein: ProteinFile,
    atoms: OwnAtoms,
    ligand: LigandFile,
    attributes: dict[str, str | int | float],
) -> Recording:
    rows = [a.serial - 1 for _, a in labelled_atoms(protein.structure[0])]
    obstacles = torch.from_numpy(atoms.protein[:, rows])
    backbone_rows = torch.from_numpy(protein.backbone_rows)
    backbone = obstacles[:, backbone_rows]
    positions = torch.from_numpy(atoms.ligand)
    return Recording(
        name=name,
        spacing_ps=sampled.spacing_ps,
        atomic_numbers=ligand.ligand.atomic_numbers,
        bonds=ligand.ligand.bonds,
        positions=positions,
        backbone=backbone,
        residue_types=protein.protein.residue_types,
        segments=protein.protein.segments,
        obstacle_positions=obstacles,
        obstacle_numbers=protein.protein.obstacle_numbers,
        backbone_rows=backbone_rows,
        pocket_motion=pocket_motion(backbone, positions),
        centres=torch.from_numpy(atoms.centres),
        attributes=attributes,
    )


def _n_chains(protein: ProteinFile) -> int:
    """Chains with at least one residue of the backbone."""
    return len({x.rpartition(":")[0] for x in protein.residue_labels})


def _n_incomplete(protein: ProteinFile) -> int:
    """Residues of chains that lack N, CA or C."""
    structure = protein.structure
    declared = {x.res_id.name: x.parent_comp_id for x in structure.mod_residues}
    members = sum(
        residue.het_flag != "H" and parent_name(residue.name, declared) is not None
        for chain in structure[0]
        for residue in chain
    )
    return max(0, members - len(protein.residue_labels))
