"""A trajectory to files that mdtraj, MDAnalysis and VMD read: DCD, XTC, PDB, SDF.

Atoms of the topology that the positions handed over do not cover come first in every
frame and stay where the topology has them: the rigid protein.
"""

import errno
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from io import StringIO
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from jaxtyping import Float
from numpy import ndarray
from rdkit import Chem
from rdkit.Geometry import Point3D
from torch import Tensor

from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.frame_headers import count_xtc_frames
from neuralmd_cli.outputs import claimed, staging
from neuralmd_cli.plain_path import plain_path
from neuralmd_cli.topology import (
    LIGAND_REMARK,
    check_size,
    rigid_positions,
    topology_atoms,
)
from neuralmd_cli.units import ANGSTROM_PER_NM, PS_PER_AKMA

_VALUES_AT_ONCE = 3_000_000
_DCD_TITLE_BYTES = 80
_DCD_HEAD_BYTES = 276
"""Of our header, its title and the number of atoms."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, renamed to it if the body succeeds.

    On any error the temporary file is removed and a file that was at `path` is as it
    was. What a killed process left is written over.

    Raises:
        OutputError: the directory is missing or cannot be written, the disk is full, or
            another process is writing the file.
    """
    # A plain name whatever the file's is: not every library writes to others.
    temporary = staging(path).with_suffix(f".part{path.suffix.lower()}")
    if path.is_dir():
        raise OutputError(f"{path} is a directory, not a file.", hint="Name a file.")
    try:
        path.parent.stat()  # for a lock it would be made
        with claimed(path), _gone_after(temporary):
            temporary.unlink(missing_ok=True)
            temporary.touch()
            yield temporary
            os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint=f"Check that {path.parent} exists, is writable and has space left.",
        ) from error


@contextmanager
def _gone_after(temporary: Path) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_topology_pdb(
    path: Path, positions: Float[Tensor, "atoms 3"], topology: gemmi.Structure
) -> None:
    """Write the topology as PDB, with CONECT records for the ligand's bonds.

    Args:
        positions: of the last atoms of the topology (the ligand), or of all, Å.

    Raises:
        OutputError: unwritable, more than 99,999 atoms, or a coordinate that does not
            fit the columns of a PDB file.
    """
    check_size(topology)
    frame = _with_rigid(_array(positions[None]), rigid_positions(topology))[0]
    if not np.isfinite(frame).all() or frame.min() < -999 or frame.max() > 9999:
        raise OutputError(
            f"{path}: a coordinate is outside -999 to 9999 Å, which a PDB file cannot "
            "hold.",
            hint="Move the structure near the origin, or look why an atom flew off.",
        )
    filled = topology.clone()
    for atom, xyz in zip(topology_atoms(filled), frame.tolist(), strict=True):
        atom.pos = gemmi.Position(*xyz)
    chain = filled[0][-1]
    residue = chain[-1]
    remark = f"{LIGAND_REMARK} {residue.name} {chain.name} {residue.seqid}\n"
    options = gemmi.PdbWriteOptions(minimal=True)
    options.cryst1_record = False
    options.conect_records = True
    options.preserve_serial = True
    with atomic_path(path) as temporary:
        temporary.write_text(remark + filled.make_pdb_string(options))


def write_ligand_sdf(
    path: Path, molecule: Chem.Mol, positions: Float[Tensor, "atoms 3"]
) -> None:
    """Write the molecule, its bond orders and charges at the given positions.

    Args:
        positions: of all atoms, or of the heavy atoms (hydrogens are then left out), Å.
    """
    placed = Chem.Mol(molecule)
    if len(positions) != placed.GetNumAtoms():
        placed = Chem.RemoveAllHs(placed)
    if len(positions) != placed.GetNumAtoms():
        raise ValueError(f"{len(positions)} positions do not fit the molecule")
    conformer = Chem.Conformer(placed.GetNumAtoms())
    conformer.Set3D(True)
    for index, xyz in enumerate(positions.double().tolist()):
        conformer.SetAtomPosition(index, Point3D(*xyz))
    placed.RemoveAllConformers()
    placed.AddConformer(conformer)
    text = StringIO()
    with Chem.SDWriter(text) as writer:
        writer.write(placed)
    with atomic_path(path) as temporary:
        temporary.write_text(text.getvalue())


def write_poses_sdf(
    path: Path,
    molecule: Chem.Mol,
    positions: Float[Tensor, "poses atoms 3"],
    *,
    names: Sequence[str],
    properties: Sequence[Mapping[str, str]],
) -> None:
    """Write several poses of one molecule, a record each.

    Args:
        positions: of all atoms, Å.
        names: the records' titles.
        properties: the records' data fields.
    """
    text = StringIO()
    with Chem.SDWriter(text) as writer:
        for xyz, name, fields in zip(positions, names, properties, strict=True):
            placed = Chem.Mol(molecule)
            placed.GetConformer().SetPositions(xyz.double().cpu().numpy())
            placed.SetProp("_Name", name)
            for key, value in fields.items():
                placed.SetProp(key, value)
            writer.write(placed)
    with atomic_path(path) as temporary:
        temporary.write_text(text.getvalue())


def write_trajectory(
    path: Path,
    positions: Float[Tensor, "frames atoms 3"],
    times: Float[Tensor, " frames"],
    topology: gemmi.Structure,
) -> None:
    """Write a DCD or an XTC file at once; see `trajectory_file`."""
    with trajectory_file(path, topology) as write:
        write(times, positions)


Write = Callable[[Float[Tensor, " frames"], Float[Tensor, "frames atoms 3"]], None]
"""Takes the next snapshots: times (ps) and positions (Å)."""


@contextmanager
def trajectory_file(path: Path, topology: gemmi.Structure) -> Iterator[Write]:
    """A DCD or an XTC file, as the suffix says, to be written block by block.

    It appears when the body succeeds, and its bytes do not depend on the blocks. There
    is no unit cell.

    XTC holds the times of all frames in ps, and coordinates to 0.01 Å (its format's
    usual precision). DCD holds full float32 coordinates, and in its header the first
    time and the interval, in AKMA units: MDAnalysis and `readers` read the right times
    from it, mdtraj reads no times from any DCD file and counts frames 0, 1, 2, ...

    Yields:
        What takes the positions of the last atoms of the topology (the ligand), or of
        all.

    Raises:
        OutputError: unwritable, another suffix, a coordinate that is not finite, or
            times a DCD header cannot say.
    """
    from mdtraj.formats import DCDTrajectoryFile, XTCTrajectoryFile

    suffix = path.suffix.lower()
    if suffix not in {".dcd", ".xtc"}:
        raise OutputError(
            f"{path.name}: the suffix {path.suffix or '(none)'} names no trajectory "
            "format.",
            hint="Write to a file that ends in .dcd or .xtc.",
        )
    opened = DCDTrajectoryFile if suffix == ".dcd" else XTCTrajectoryFile
    put = _write_dcd if suffix == ".dcd" else _write_xtc
    rigid = rigid_positions(topology)
    known: list[Float[ndarray, " frames"]] = []
    done = 0

    def write(
        times: Float[Tensor, " frames"], positions: Float[Tensor, "frames atoms 3"]
    ) -> None:
        nonlocal done
        known.append(times.double().cpu().numpy())
        for some, frames in _chunks(positions, rigid):
            _check_finite(path, done, frames)
            put(file, _with_rigid(frames, rigid), known[-1][some], done)
            done += len(frames)

    with atomic_path(path) as temporary, plain_path(temporary) as plain:
        with opened(str(plain), "w") as file:
            yield write
        if suffix == ".dcd":
            _patch(temporary, _dcd_header(path, np.concatenate(known)))
        _check_length(temporary, suffix, done, len(rigid))


def _check_length(path: Path, suffix: str, frames: int, n_atoms: int) -> None:
    """Notice what the libraries do not: that the last bytes found no space."""
    if suffix == ".dcd":
        frame_bytes = 3 * (4 * n_atoms + 8)
        whole = path.stat().st_size == _DCD_HEAD_BYTES + frames * frame_bytes
    else:
        try:
            whole = count_xtc_frames(path, n_atoms) == frames
        except InputError:
            whole = False
    if not whole:
        raise _no_space()


def _no_space() -> OSError:
    return OSError(errno.ENOSPC, "no space is left for the file")


def _write_dcd(
    file: Any,  # noqa: ANN401 - mdtraj has no types
    frames: Float[ndarray, "chunk all 3"],
    times: Float[ndarray, " chunk"],
    first: int,
) -> None:
    """Write frames, or say that the disk is full: mdtraj fails at saying it."""
    from neuralmd_cli.mdtraj_guard import quiet_writing  # loads mdtraj

    try:
        with quiet_writing():
            file.write(frames)
    except TypeError as error:
        raise _no_space() from error


def _write_xtc(
    file: Any,  # noqa: ANN401 - mdtraj has no types
    frames: Float[ndarray, "chunk all 3"],
    times: Float[ndarray, " chunk"],
    first: int,
) -> None:
    """Write frames, the first of them the `first` of the file."""
    try:
        file.write(
            frames / np.float32(ANGSTROM_PER_NM),
            time=times.astype(np.float32),
            step=np.arange(first, first + len(frames), dtype=np.int32),
            # all zero is "no cell"; left out it would be a cube of 1 nm
            box=np.zeros((len(frames), 3, 3), dtype=np.float32),
        )
    except RuntimeError as error:
        raise _no_space() from error


def _chunks(
    positions: Float[Tensor, "frames atoms 3"], rigid: Float[ndarray, "all_atoms 3"]
) -> Iterator[tuple[slice, Float[ndarray, "chunk atoms 3"]]]:
    """Frames and which they are, so few that all atoms are a few megabytes."""
    step = max(1, _VALUES_AT_ONCE // (3 * len(rigid)))
    for start in range(0, len(positions), step):
        some = slice(start, start + step)
        yield some, _array(positions[some])


def _check_finite(
    path: Path, first: int, frames: Float[ndarray, "chunk atoms 3"]
) -> None:
    """Args: first: number of the first of the frames in the file."""
    if not np.isfinite(frames).all():
        frame = first + int(np.argmin(np.isfinite(frames).all(axis=(1, 2))))
        raise OutputError(
            f"{path.name}: frame {frame} has a coordinate that is not a number.",
            hint="The simulation left its range; use a shorter time step.",
        )


def _dcd_header(path: Path, times: Float[ndarray, " frames"]) -> bytes:
    """The first 260 bytes of a DCD file whose frames have these times.

    ISTART / NSAVC x interval is the time of the first frame, NSAVC x DELTA the
    interval (DELTA in AKMA units). The two title lines are fixed, so that equal
    trajectories make equal files.
    """
    n, first = len(times), float(times[0])
    interval = (float(times[-1]) - first) / (n - 1) if n > 1 else abs(first) or 1.0
    even = first + interval * np.arange(n)
    tolerance = 1e-6 * max(abs(first), abs(float(times[-1])), abs(interval))
    offset = Fraction(first / interval if interval else 0).limit_denominator(1000)
    if (
        interval <= 0
        or np.abs(times - even).max() > tolerance
        or abs(float(offset) * interval - first) > tolerance
    ):
        raise OutputError(
            f"{path.name}: a DCD file can only hold evenly spaced, growing times.",
            hint="Write to a .xtc file, which holds the time of each frame.",
        )
    every = offset.denominator
    counts = struct.pack("<4i", n, offset.numerator, every, n * every)
    delta = struct.pack("<f", interval / PS_PER_AKMA / every)
    control = counts + bytes(20) + delta + bytes(36) + struct.pack("<i", 24)
    titles = [
        "Written by neuralmd: a ligand in its pocket",
        f"{interval:.9g} ps between frames, coordinates in Angstrom, no unit cell",
    ]
    title = b"".join(text.encode().ljust(_DCD_TITLE_BYTES) for text in titles)
    block = struct.pack("<i", 84) + b"CORD" + control + struct.pack("<i", 84)
    return block + struct.pack("<2i", 4 + len(title), len(titles)) + title


def _patch(path: Path, header: bytes) -> None:
    """Put our header over mdtraj's, which has no say in times and titles."""
    with path.open("r+b") as file:
        file.write(header)


def _with_rigid(
    frames: Float[ndarray, "frames atoms 3"], rigid: Float[ndarray, "all_atoms 3"]
) -> Float[ndarray, "frames all_atoms 3"]:
    """Frames of all atoms: those the frames do not cover first, the same in each."""
    missing = len(rigid) - frames.shape[1]
    if missing < 0:
        raise ValueError(f"{frames.shape[1]} positions for {len(rigid)} atoms")
    if missing == 0:
        return frames
    still = np.broadcast_to(rigid[:missing], (len(frames), missing, 3))
    return np.concatenate([still, frames], axis=1)


def _array(x: Tensor) -> Float[ndarray, "frames atoms 3"]:
    """The tensor as float32 array in main memory."""
    array: ndarray = x.detach().float().cpu().numpy()
    return array
