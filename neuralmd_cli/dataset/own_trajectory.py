"""A user's own simulation, from its files to a recording."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import gemmi
import mdtraj
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from mdtraj.core.topology import Residue
from numpy import ndarray
from rdkit import Chem

from neuralmd_cli.dataset.ligand_atoms import (
    matched_atoms,
    parents_in,
    residue_of,
    stereo_note,
)
from neuralmd_cli.dataset.own_structure import placed
from neuralmd_cli.dataset.periodic import (
    Plan,
    has_cell,
    mend,
    nearest_images,
    plan,
    usable_cells,
)
from neuralmd_cli.dataset.sampling import Sampling, sampling
from neuralmd_cli.errors import InputError
from neuralmd_cli.ligand_residue import residue_label
from neuralmd_cli.misato import FRAME_VALUES, Reading
from neuralmd_cli.readers import (
    Frames,
    frame_times,
    quiet_mdtraj,
    read_frames,
    read_topology,
    topology_path,
)
from neuralmd_cli.recording import Recording, pocket_motion
from neuralmd_cli.structure.components import parent_name
from neuralmd_cli.structure.coordinates import labelled_atoms
from neuralmd_cli.structure.ligand import LigandFile, read_ligand
from neuralmd_cli.structure.protein import ProteinFile, protein_file, read_protein

FARTHEST = 1e5
"""Å; coordinates beyond are no molecule's."""
LONGEST_BOND = 3.2
"""Å; longer bonds of a ligand are broken, and so are longer N-CA and CA-C."""
COORDINATED = 3.2
"""Å; an ion farther from protein and ligand is solvent, not part of a site."""


@dataclass(frozen=True, kw_only=True)
class OwnFiles:
    """The files of a simulation."""

    protein: Path
    trajectory: Path
    ligand: Path
    top: Path | None = None  # without it the protein, or the .pdb beside the trajectory


@dataclass(frozen=True, kw_only=True)
class OwnReading:
    """A recording, what was seen on the way, and what was done to make it."""

    reading: Reading
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _System:
    """Which atoms of the trajectory are wanted, and what they are."""

    structure: gemmi.Structure  # heavy atoms of the protein, rows as serial numbers
    ligand: LigandFile
    residue: Residue
    kept: Int[ndarray, " kept"]  # rows of the complex in the trajectory, with H
    members: tuple[Int[ndarray, " _"], ...]  # places in `kept` of each residue
    anchors: tuple[int, ...]  # one of each but the ligand, as places in `kept`


@dataclass(frozen=True, kw_only=True)
class _Atoms:
    """The complex in all frames that are wanted."""

    ligand: Float[ndarray, "frames atoms 3"]  # Å; in the order of the ligand file
    protein: Float[ndarray, "frames obstacles 3"]  # Å; in the order of the structure
    centres: Float[ndarray, "frames 3"]  # Å; mean of all atoms
    times: Float[ndarray, " all_frames"]  # ps; of the whole file
    periodic: str  # what was done about the box


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
    top = _topology_file(files)
    with quiet_mdtraj():
        topology = read_topology(top)
    system, notes = _system(files, topology, top, ligand_residue, ligand_index)
    with quiet_mdtraj():
        read = read_frames(files.trajectory, top, topology.n_atoms)
        atoms, stereo = _read_atoms(read, topology, system, files, frames)
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
    said += [f"{x}." for x in time_notes if frames is None]
    if not any(topology.atom(int(k)).element.number == 1 for k in system.kept):
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


def _topology_file(files: OwnFiles) -> Path:
    """The topology named, the .pdb beside the trajectory, or the protein's file."""
    if files.top is None:
        beside = files.trajectory.with_suffix(".pdb")
        if beside == files.trajectory or not beside.is_file():
            return topology_path(files.trajectory, files.protein)
    return topology_path(files.trajectory, files.top)


def _system(
    files: OwnFiles,
    topology: mdtraj.Topology,
    top: Path,
    ligand_residue: str | None,
    ligand_index: int | None,
) -> tuple[_System, tuple[str, ...]]:
    """Find protein and ligand in the topology."""
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
    # Atoms without element are virtual sites; they have no mass and no place here.
    listed = [
        [a.index for a in x.atoms if a.element is not None]
        for x in [*residues, residue]
    ]
    kept = np.array([row for x in listed for row in x])
    ends = np.cumsum([len(x) for x in listed])
    members = tuple(np.split(np.arange(len(kept)), ends[:-1]))
    anchors = tuple(
        _anchor(x, int(rows_[0])) for x, rows_ in zip(residues, members, strict=False)
    )
    return _System(
        structure=found.structure,
        ligand=ligand,
        residue=residue,
        kept=kept,
        members=members,
        anchors=anchors,
    ), found.notes


def _anchor(residue: Residue, first: int) -> int:
    """The place of a residue's CA; that of its first atom where it has none."""
    names = [a.name for a in residue.atoms if a.element is not None]
    return first + (names.index("CA") if "CA" in names else 0)


def _read_atoms(
    read: Iterator[Frames],
    topology: mdtraj.Topology,
    system: _System,
    files: OwnFiles,
    wanted: tuple[int, int] | None,
) -> tuple[_Atoms, tuple[str, ...]]:
    """The complex in each frame, put together where a periodic box has cut it."""
    source = files.trajectory.name
    place = {int(row): k for k, row in enumerate(system.kept)}
    heavy = [place[a.serial - 1] for _, a in labelled_atoms(system.structure[0])]
    first, last = wanted or (1, 2**62)
    ligands = list[Float[ndarray, "some atoms 3"]]()
    proteins, centres, times = [], [], []
    how: Plan | None = None
    chosen = np.array([], dtype=np.int64)
    cut = scattered = seen = 0
    boxed, centre = False, None
    stereo: tuple[str, ...] = ()
    for part in read:
        times.append(part.times)
        begin, end = max(first - 1 - seen, 0), max(last - seen, 0)
        number, seen = seen + begin, seen + len(part.times)
        positions = part.positions[begin:end, system.kept]
        if not len(positions):
            continue
        _check_numbers(positions, number, source)
        given = None if part.cells is None else part.cells[begin:end]
        cells = usable_cells(given, len(positions))
        boxed |= has_cell(cells)
        if how is None:
            how, chosen = _first_plan(
                positions[0], cells[0], topology, system, files.ligand.name
            )
        mended = mend(positions, cells, how, centre)
        cut, scattered = cut + mended.cut, scattered + mended.scattered
        centre = mended.centre
        ligand = mended.positions[:, chosen]
        protein = mended.positions[:, heavy]
        _check_bonds(ligand, protein, system, number, source, boxed=boxed)
        if not ligands:
            stereo = stereo_note(system.ligand.molecule, ligand[0], source)
        ligands.append(ligand)
        proteins.append(protein)
        centres.append(mended.positions.mean(axis=1, dtype=np.float64))
    if not ligands:
        raise InputError(
            f"{source} holds {seen} frames, so none of {first} to {last}."
            if wanted
            else f"{source} holds no frames.",
            hint="Give --frames within them." if wanted else "Write it again.",
        )
    atoms = _Atoms(
        ligand=np.concatenate(ligands),
        protein=np.concatenate(proteins),
        centres=np.concatenate(centres).astype(np.float32),
        times=np.concatenate(times),
        periodic="",
    )
    return _told(atoms, cut, scattered, boxed=boxed), stereo


def _told(atoms: _Atoms, cut: int, scattered: int, *, boxed: bool) -> _Atoms:
    """With a sentence on what was done about the periodic box."""
    total = len(atoms.centres)
    if not boxed:
        return atoms
    done = []
    if cut:
        done.append(f"molecules made whole in {cut} of {total} frames")
    if scattered:
        done.append(
            f"ligand and chains brought next to each other in {scattered} of {total}"
        )
    what = "; ".join(done) or "nothing was cut or scattered"
    return replace(atoms, periodic=f"Periodic box: {what}.")


def _first_plan(
    positions: Float[ndarray, "kept 3"],
    cell: Float[ndarray, "3 3"],
    topology: mdtraj.Topology,
    system: _System,
    source: str,
) -> tuple[Plan, Int[ndarray, " heavy"]]:
    """How the complex hangs together, and where in `kept` the ligand's atoms are."""
    members = system.members[-1]
    start = positions[members[0]]
    whole = start + nearest_images((positions[members] - start).astype(float), cell)
    ligand = topology.residue(system.residue.index)
    molecule = system.ligand.molecule
    chosen = matched_atoms(topology, ligand, molecule, whole, source)
    how = plan(
        positions.astype(float),
        cell,
        system.members,
        system.anchors,
        parents_in(ligand, molecule, chosen, whole),
    )
    return how, members[chosen]


def _check_numbers(
    positions: Float[ndarray, "frames kept 3"], first: int, source: str
) -> None:
    """Refuse frames whose coordinates are no places of atoms."""
    far = ~(np.abs(positions) < FARTHEST).all(axis=(1, 2))
    if far.any():
        frame = int(np.flatnonzero(far)[0])
        bad = "beyond 1e5 Å" if np.isfinite(positions[frame]).all() else "not numbers"
        raise InputError(
            f"{source}: coordinates in frame {first + frame + 1} are {bad}"
            f"{f' ({int(far.sum())} such frames)' if far.sum() > 1 else ''}.",
            hint="The simulation blew up there, or the file is damaged; --frames takes "
            "a sound part of it.",
        )


def _check_bonds(
    ligand: Float[ndarray, "frames atoms 3"],
    protein: Float[ndarray, "frames obstacles 3"],
    system: _System,
    first: int,
    source: str,
    *,
    boxed: bool,
) -> None:
    """Refuse frames in which a molecule is in two places."""
    rows = _backbone_pairs(system.structure)
    for what, positions, pairs in (
        ("the ligand", ligand, system.ligand.ligand.bonds.numpy()),
        ("the protein", protein, rows),
    ):
        ends = positions[:, pairs]
        lengths = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1)
        broken: Bool[ndarray, " frames"] = (lengths > LONGEST_BOND).any(axis=1)
        if not broken.any():
            continue
        frame = int(np.flatnonzero(broken)[0])
        cell = (
            "its unit cell does not mend that"
            if boxed
            else "the file has no unit cell to mend that with"
        )
        raise InputError(
            f"{source}: {what} is in pieces in frame {first + frame + 1} (a bond of "
            f"{lengths[frame].max():.1f} Å), and {cell}.",
            hint="Make molecules whole first (gmx trjconv -pbc whole, cpptraj "
            "autoimage), or check that topology and trajectory belong together.",
        )


def _backbone_pairs(structure: gemmi.Structure) -> Int[ndarray, "pairs 2"]:
    """N-CA and CA-C of each residue that has them, as rows of heavy atoms."""
    pairs, begin = list[tuple[int, int]](), 0
    for chain in structure[0]:
        for residue in chain:
            names = [(a.name, a.element.name) for a in residue]
            spine = [("N", "N"), ("CA", "C"), ("C", "C")]
            if all(x in names for x in spine):
                n, ca, c = (begin + names.index(x) for x in spine)
                pairs += [(n, ca), (ca, c)]
            begin += len(residue)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _as_at_start(structure: gemmi.Structure, atoms: _Atoms, source: str) -> ProteinFile:
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
    atoms: _Atoms,
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
