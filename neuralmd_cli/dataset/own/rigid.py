"""A trajectory that holds the ligand alone, in the protein of its structure file."""

import mdtraj
import numpy as np
import torch
from rdkit import Chem

from neuralmd_cli.dataset.own.ligand_atoms import matched_atoms, residue_of
from neuralmd_cli.dataset.own.sampling import sampling
from neuralmd_cli.dataset.own.system import OwnFiles
from neuralmd_cli.readers import frame_times, read_frames
from neuralmd_cli.recording import FRAME_VALUES, Motion, Reading, Recording
from neuralmd_cli.structure.contacts import check_contacts, copies_left_out
from neuralmd_cli.structure.ligand import read_ligand
from neuralmd_cli.structure.protein import read_protein


def holds_ligand_alone(topology: mdtraj.Topology) -> bool:
    """True if there is one residue, which is no amino acid: what `simulate` writes."""
    return topology.n_residues == 1 and not next(topology.residues).is_protein


def read_rigid(
    files: OwnFiles,
    topology: mdtraj.Topology,
    top_name: str,
    *,
    name: str,
    spacing_ps: float | None = None,
    frames: tuple[int, int] | None = None,
    ligand_index: int | None = None,
) -> tuple[Reading, tuple[str, ...]]:
    """Read a ligand's motion in the coordinates of its protein, which stays.

    Args:
        files: of the simulation.
        topology: of the trajectory, the ligand alone.
        top_name: its file, for messages.
        name: of the recording.
        spacing_ps: time between frames; the trajectory's own without it.
        frames: first and last to take, counted from 1.
        ligand_index: which molecule of the ligand's file, from 1.

    Raises:
        InputError: the files do not belong together, or the ligand is not in the
            protein.
    """
    ligand = read_ligand(files.ligand, ligand_index)
    where = f"{top_name}, {files.ligand.name}"
    residue = residue_of(topology, ligand.molecule, None, where)
    parts = list(read_frames(files.trajectory, files.trajectory, topology.n_atoms))
    whole = np.concatenate([x.positions for x in parts])
    read_times = np.concatenate([x.times for x in parts])
    times, timed, time_notes = frame_times(files.trajectory, read_times)
    sampled = sampling(
        times if timed else None,
        spacing_ps=spacing_ps,
        frames=frames,
        source=files.trajectory.name,
        n_frames=len(times),
    )
    said = frames is None and (timed or spacing_ps is None)
    first, last = frames or (1, len(whole))
    whole = whole[first - 1 : last]
    rows = matched_atoms(topology, residue, ligand.molecule, whole[0], where)
    positions = torch.from_numpy(np.ascontiguousarray(whole[:, rows])).float()
    file = read_protein(files.protein)
    file = copies_left_out(file, ligand.ligand, files.protein.name)
    check_contacts(file, ligand.ligand, ligand.molecule, files.ligand.name)
    protein, count = file.protein, len(positions)
    backbone = torch.stack([protein.n, protein.ca, protein.c], dim=1)
    eye = torch.eye(3).expand(count, 3, 3)
    still = torch.zeros(count, 3)
    centre = torch.cat([protein.obstacle_positions, positions[0]]).mean(dim=0)
    recording = Recording(
        name=name,
        spacing_ps=sampled.spacing_ps,
        atomic_numbers=ligand.ligand.atomic_numbers,
        bonds=ligand.ligand.bonds,
        positions=positions,
        backbone=backbone.expand(count, *backbone.shape),
        residue_types=protein.residue_types,
        segments=protein.segments,
        obstacle_positions=protein.obstacle_positions.expand(count, -1, 3),
        obstacle_numbers=protein.obstacle_numbers,
        backbone_rows=torch.from_numpy(file.backbone_rows),
        pocket_motion=Motion(rotations=eye, shifts=still),
        centres=centre.expand(count, 3),
        attributes={
            "smiles": Chem.MolToSmiles(Chem.RemoveAllHs(ligand.molecule)),
            "protein": files.protein.name,
            "ligand": files.ligand.name,
        },
    )
    reading = Reading(
        recording=recording,
        n_atoms=len(protein.obstacle_positions) + len(rows),
        n_molecules=len({x.rpartition(":")[0] for x in file.residue_labels}),
        incomplete_residues=0,
        missing=tuple(FRAME_VALUES.values()),
    )
    notes = (
        f"{files.trajectory.name} holds the ligand alone: the protein is that of "
        f"{files.protein.name} in every snapshot.",
        *ligand.notes,
        *sampled.notes,
        *(f"{x}." for x in time_notes if said),
    )
    return reading, notes
