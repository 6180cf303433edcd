"""Trajectory files back in, ours or foreign: DCD, XTC, TRR, NetCDF, multi-model PDB."""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mdtraj
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from mdtraj.core.topology import Atom
from mdtraj.utils import lengths_and_angles_to_box_vectors
from numpy import ndarray
from torch import Tensor

from neuralmd_cli.errors import InputError
from neuralmd_cli.frame_headers import check_headers, dcd_times
from neuralmd_cli.input_files import check_regular
from neuralmd_cli.ligand_residue import find_ligand, residue_label
from neuralmd_cli.mdtraj_guard import check_unpacking, quiet_mdtraj
from neuralmd_cli.plain_path import plain_path
from neuralmd_cli.plain_text import printable
from neuralmd_cli.units import ANGSTROM_PER_NM

SUFFIXES = (".dcd", ".xtc", ".trr", ".nc", ".ncdf", ".netcdf", ".pdb")
_VALUES_AT_ONCE = 3_000_000
_UNREADABLE = (
    OSError,
    ValueError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    struct.error,
    AssertionError,
)
"""What mdtraj and its parsers raise on damaged files."""


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Some frames of a file, with all their atoms."""

    positions: Float[ndarray, "frames atoms 3"]  # Å
    times: Float[ndarray, " frames"]  # ps; NaN where the file has none
    cells: Float[ndarray, "frames 3 3"] | None  # Å; periodic vectors as rows, 0: none


@dataclass(frozen=True, kw_only=True)
class LoadedTrajectory:
    """A ligand's trajectory read from files, with what stood around it.

    `ca_positions` follow the protein's CA atoms through all frames, for a fit on the
    pocket; `other_positions` are all atoms but the ligand's in the first frame. Both
    are in the topology's order.
    """

    path: Path
    ligand: str  # residue:chain:number
    times: Float[Tensor, " frames"]  # ps
    timed: bool  # False: the file holds no times, and its frames are counted
    positions: Float[Tensor, "frames atoms 3"]  # Å, the ligand's
    atom_names: tuple[str, ...]
    atomic_numbers: Int[Tensor, " atoms"]
    bonds: Int[Tensor, "bonds 2"]
    ca_positions: Float[Tensor, "frames residues 3"]  # Å
    other_positions: Float[Tensor, "others 3"]  # Å
    other_numbers: Int[Tensor, " others"]
    topology: mdtraj.Topology
    ligand_index: int  # of its residue in the topology
    notes: tuple[str, ...]

    @property
    def heavy(self) -> Bool[Tensor, " atoms"]:
        """True for the ligand's heavy atoms."""
        return self.atomic_numbers > 1

    @property
    def n_frames(self) -> int:
        """Number of frames in the file."""
        return self.positions.shape[0]


def read_trajectory(
    path: Path, top: Path | None = None, ligand_residue: str | None = None
) -> LoadedTrajectory:
    """Read a trajectory with its topology, and find the ligand in it.

    Times are the XTC or NetCDF file's own; a DCD file's come from its header (which
    mdtraj would ignore). A multi-model PDB has none: its frames are counted.

    Args:
        path: .dcd, .xtc, .trr, .nc, .ncdf or .pdb.
        top: the topology; without it the .pdb of the same name beside `path`.
        ligand_residue: NAME, NAME:CHAIN or NAME:CHAIN:NUMBER; without it the ligand our
            own topology names, else the only residue that is no part of a protein or
            nucleic acid, no water and no ion.

    Raises:
        InputError: a file is missing, damaged, cut off or of another atom count, or
            which residue is the ligand is not clear.
    """
    top = topology_path(path, top)
    with quiet_mdtraj():
        topology = read_topology(top)
    ligand = find_ligand(topology, top, ligand_residue)
    atoms = [atom.index for atom in ligand.atoms]
    ca = [atom.index for atom in ca_atoms(topology, ligand.index)]
    others = sorted(set(range(topology.n_atoms)) - set(atoms))
    ligand_parts, ca_parts, times_parts = [], [], []
    first: Float[ndarray, "all_atoms 3"] | None = None
    with quiet_mdtraj():
        for chunk in read_frames(path, top, topology.n_atoms):
            first = chunk.positions[0] if first is None else first
            ligand_parts.append(torch.from_numpy(chunk.positions[:, atoms]))
            ca_parts.append(torch.from_numpy(chunk.positions[:, ca]))
            times_parts.append(chunk.times)
    if first is None:
        raise InputError(f"{path.name} holds no frames.", hint="Write it again.")
    numbers = torch.tensor([_number(atom) for atom in topology.atoms])
    times, timed, notes = frame_times(path, np.concatenate(times_parts))
    return LoadedTrajectory(
        path=path,
        ligand=residue_label(ligand),
        times=torch.from_numpy(times),
        timed=timed,
        positions=torch.cat(ligand_parts),
        atom_names=tuple(atom.name for atom in ligand.atoms),
        atomic_numbers=numbers[atoms],
        bonds=_bonds(topology, atoms),
        ca_positions=torch.cat(ca_parts),
        other_positions=torch.from_numpy(first[others]),
        other_numbers=numbers[others],
        topology=topology,
        ligand_index=ligand.index,
        notes=notes,
    )


def read_atoms(
    path: Path, top: Path, atoms: Sequence[int], every: int = 1
) -> Iterator[Float[Tensor, "frames atoms 3"]]:
    """Positions of some atoms (Å), a block of snapshots at a time.

    Args:
        top: the topology, as `topology_path` gives it.
        atoms: rows of the topology.
        every: the first snapshot and each `every`-th after it.

    Raises:
        InputError: as `read_trajectory`.
    """
    rows, done = list(atoms), 0
    with quiet_mdtraj():
        topology = read_topology(top)
    frames = read_frames(path, top, topology.n_atoms)
    while True:
        with quiet_mdtraj():
            block = next(frames, None)
        if block is None:
            return
        first = -done % every
        done += len(block.positions)
        yield torch.from_numpy(block.positions[first::every][:, rows])


def ca_atoms(topology: mdtraj.Topology, ligand_index: int) -> list[Atom]:
    """The CA atoms of the protein, in file order; a calcium ion is none.

    Args:
        ligand_index: the residue that is the ligand, whatever its atoms are called.
    """
    return [
        atom
        for atom in topology.atoms
        if atom.name == "CA"
        and atom.residue.n_atoms > 3
        and atom.residue.index != ligand_index
    ]


def topology_path(path: Path, top: Path | None) -> Path:
    """The topology file to use for a trajectory.

    Raises:
        InputError: a file is not there, or the trajectory's format is unknown.
    """
    for file in [path] if top is None else [path, top]:
        check_regular(file)
        if not file.is_file():
            raise InputError(f"{file} does not exist.", hint="Check the file name.")
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{path.name}: {path.suffix or 'no suffix'} is no trajectory format known "
            "here.",
            hint="Use a .dcd, .xtc, .trr, .nc or multi-model .pdb file.",
        )
    top = _own_topology(path) if top is None else top
    check_regular(top)
    if not top.is_file():
        raise InputError(
            f"{path.name} says nothing about its atoms, and there is no {top.name} "
            "beside it.",
            hint="Name the topology with --top FILE.pdb.",
        )
    return top


def _own_topology(path: Path) -> Path:
    """The .pdb of the same name; replicas (name_r1, name_r2, ...) share one."""
    own = path.with_suffix(".pdb")
    shared = path.with_name(re.sub(r"_r\d+$", "", path.stem) + ".pdb")
    return shared if shared.is_file() and not own.is_file() else own


def read_topology(top: Path) -> mdtraj.Topology:
    """The topology with the atom and residue names of its file."""
    known = {"standard_names": False} if top.name.lower().endswith(".pdb") else {}
    try:
        with plain_path(top) as plain:
            topology = mdtraj.load_topology(str(plain), **known)
    except _UNREADABLE as error:
        raise InputError(
            f"{top.name} cannot be read as a topology: "
            f"{error or 'its records do not fit each other'}.",
            hint="A PDB file with the atoms of the trajectory, in its order, will do.",
        ) from error
    for part in (*topology.residues, *topology.atoms):
        part.name = printable(part.name)
    for chain in topology.chains:
        chain.chain_id = None if chain.chain_id is None else printable(chain.chain_id)
    return topology


def read_frames(path: Path, top: Path, n_atoms: int) -> Iterator[Frames]:
    """All frames of a trajectory file, a few megabytes at a time.

    Args:
        path: one of `SUFFIXES`.
        top: the topology, for messages.
        n_atoms: that it has.

    Raises:
        InputError: the file is damaged, cut off or of another atom count.
    """
    done = 0
    check_headers(path, n_atoms, top)
    try:
        for frames in _raw_frames(path, max(1, _VALUES_AT_ONCE // (3 * n_atoms))):
            found = frames.positions.shape[1]
            if found != n_atoms:
                raise InputError(
                    f"{path.name} has {found} atoms per frame, {top.name} has "
                    f"{n_atoms}.",
                    hint="Give the topology the trajectory was written with: --top.",
                )
            done += len(frames.positions)
            yield frames
    except _UNREADABLE as error:
        raise InputError(
            f"{path.name} is damaged or cut off after {done} readable frames: {error}",
            hint="Write or copy the file again.",
        ) from error
    expected = dcd_times(path)[0] if path.suffix.lower() == ".dcd" else done
    if expected > done:
        raise InputError(
            f"{path.name} is cut off: its header says {expected} frames, {done} are "
            "there.",
            hint="Write or copy the file again.",
        )


def _raw_frames(path: Path, step: int) -> Iterator[Frames]:
    """As `read_frames`, with whatever mdtraj raises."""
    suffix = path.suffix.lower()
    if suffix == ".pdb":
        whole = mdtraj.load_pdb(str(path), standard_names=False, no_boxchk=True)
        cells = whole.unitcell_vectors
        yield Frames(
            positions=whole.xyz * ANGSTROM_PER_NM,
            times=np.full(whole.n_frames, np.nan),
            cells=None if cells is None else cells * ANGSTROM_PER_NM,
        )
        return
    if suffix == ".xtc":
        check_unpacking(path, step)
    with plain_path(path) as plain, mdtraj.open(str(plain)) as file:
        scale = ANGSTROM_PER_NM if file.distance_unit == "nanometers" else 1.0
        while True:
            xyz, *rest = file.read(n_frames=step)
            if len(xyz) == 0:
                return
            times = None if suffix == ".dcd" else rest.pop(0)
            if times is None:
                times = np.full(len(xyz), np.nan)
            cells = rest[1] if suffix in (".xtc", ".trr") else _cells(*rest[:2])
            yield Frames(
                positions=np.asarray(xyz * np.float32(scale)),
                times=np.array(times, dtype=float),
                cells=None if cells is None else np.asarray(cells * scale),
            )


def _cells(
    lengths: Float[ndarray, "frames 3"] | None,
    angles: Float[ndarray, "frames 3"] | None,
) -> Float[ndarray, "frames 3 3"] | None:
    """Cell vectors as rows; zeros where a frame has no cell."""
    if lengths is None or angles is None:
        return None
    known = (lengths > 0).all(axis=1, keepdims=True)
    # Angles of no cell are zero as well, which would give vectors that are no numbers.
    vectors = lengths_and_angles_to_box_vectors(
        *np.where(known, lengths, 0).T, *np.where(known, angles, 90.0).T
    )
    return np.stack(vectors, axis=1)


def frame_times(
    path: Path, times: Float[ndarray, " frames"]
) -> tuple[Float[ndarray, " frames"], bool, tuple[str, ...]]:
    """Times in ps, whether the file holds them, and what is odd about them.

    Args:
        path: the trajectory file.
        times: as read from it, ps; NaN where it has none.
    """
    notes = []
    if path.suffix.lower() == ".dcd":
        _, first, interval = dcd_times(path)
        times = first + interval * np.arange(len(times))
    timed = bool(np.isfinite(times).all())
    if not timed:
        notes.append(f"{path.name} holds no times; its frames are counted as 1 ps each")
        times = np.arange(len(times), dtype=float)
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        k = int(back[0])
        notes.append(
            f"times do not always grow in {path.name}: {times[k]:g} ps at frame "
            f"{k + 1}, {times[k + 1]:g} ps at frame {k + 2} ({len(back)} such places); "
            "runs were probably joined end to end"
        )
    return times, timed, tuple(notes)


def _bonds(topology: mdtraj.Topology, atoms: list[int]) -> Int[Tensor, "bonds 2"]:
    """Bonds within the ligand, as places in `atoms`."""
    place = {atom: index for index, atom in enumerate(atoms)}
    pairs = {
        tuple(sorted((place[a.index], place[b.index])))
        for a, b in topology.bonds
        if a.index in place and b.index in place
    }
    return torch.tensor(sorted(pairs), dtype=torch.long).reshape(-1, 2)


def _number(atom: Atom) -> int:
    """Atomic number; 0 for a virtual site or an unknown element."""
    return 0 if atom.element is None else int(atom.element.atomic_number)
