"""A trajectory to files that mdtraj, MDAnalysis and VMD read: DCD, XTC, PDB, SDF.

Atoms of the topology that the positions handed over do not cover come first in every
frame and stay where the topology has them: the rigid protein.
"""

import errno
import os
import secrets
import struct
from collections.abc import Iterator, Mapping, Sequence
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

from neuralmd_cli.errors import OutputError
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


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, renamed to it if the body succeeds.

    On any error the temporary file is removed and a file that was at `path` is as it
    was.

    Raises:
        OutputError: the directory is missing or cannot be written, or the disk is full.
    """
    # A plain name whatever the file's is: not every library writes to others.
    token = secrets.token_hex(4)
    temporary = path.with_name(f".neuralmd-{token}.part{path.suffix.lower()}")
    if path.is_dir():
        raise OutputError(f"{path} is a directory, not a file.", hint="Name a file.")
    try:
        temporary.touch()
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint=f"Check that {path.parent} exists, is writable and has space left.",
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
    """Write a DCD or an XTC file, as the suffix says, without a unit cell.

    XTC holds the times of all frames in ps, and coordinates to 0.01 Å (its format's
    usual precision). DCD holds full float32 coordinates, and in its header the first
    time and the interval, in AKMA units: MDAnalysis and `readers` read the right times
    from it, mdtraj reads no times from any DCD file and counts frames 0, 1, 2, ...

    Args:
        positions: of the last atoms of the topology (the ligand), or of all, Å.
        times: ps.

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
    all_times = times.double().cpu().numpy()
    header = _dcd_header(path, all_times) if suffix == ".dcd" else b""
    with atomic_path(path) as temporary, plain_path(temporary) as plain:
        if suffix == ".dcd":
            with DCDTrajectoryFile(str(plain), "w") as dcd:
                for _, frames in _chunks(path, positions, topology):
                    _write_dcd(dcd, frames)
            _patch(temporary, header)
        else:
            with XTCTrajectoryFile(str(plain), "w") as xtc:
                for start, frames in _chunks(path, positions, topology):
                    steps = np.arange(start, start + len(frames), dtype=np.int32)
                    xtc.write(
                        frames / np.float32(ANGSTROM_PER_NM),
                        time=all_times[steps].astype(np.float32),
                        step=steps,
                        # all zero is "no cell"; left out it would be a cube of 1 nm
                        box=np.zeros((len(frames), 3, 3), dtype=np.float32),
                    )


def _write_dcd(dcd: Any, frames: Float[ndarray, "chunk all 3"]) -> None:  # noqa: ANN401
    """Write frames, or say that the disk is full: mdtraj fails at saying it."""
    try:
        dcd.write(frames)
    except TypeError as error:
        raise OSError(errno.ENOSPC, "no space is left for the file") from error


def _chunks(
    path: Path, positions: Float[Tensor, "frames atoms 3"], topology: gemmi.Structure
) -> Iterator[tuple[int, Float[ndarray, "chunk all_atoms 3"]]]:
    """Frames of all atoms with the number of the first, a few megabytes at a time."""
    rigid = rigid_positions(topology)
    step = max(1, _VALUES_AT_ONCE // (3 * len(rigid)))
    for start in range(0, len(positions), step):
        frames = _array(positions[start : start + step])
        if not np.isfinite(frames).all():
            frame = start + int(np.argmin(np.isfinite(frames).all(axis=(1, 2))))
            raise OutputError(
                f"{path.name}: frame {frame} has a coordinate that is not a number.",
                hint="The simulation left its range; use a shorter time step.",
            )
        yield start, _with_rigid(frames, rigid)


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
