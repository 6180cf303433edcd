"""Files in MISATO's layout: one HDF5 group per complex, checked and decoded."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neuralmd_cli.connectivity import bonds_by_distance
from neuralmd_cli.errors import InputError
from neuralmd_cli.hdf5 import (
    DAMAGED,
    attribute,
    child,
    h5py,
    names_in,
    open_hdf5,
    read_column,
    read_rows,
)
from neuralmd_cli.misato_topology import (
    Atoms,
    backbone_atoms,
    check_codes,
    check_ligand,
    segments,
    sound,
)
from neuralmd_cli.recording import FRAME_VALUES, Reading, Recording, pocket_motion

MISATO_SPACING_PS = 80.0
MISATO_SNAPSHOTS = 100
SPACING = "spacing_ps"
"""Attribute of a group whose snapshots are not MISATO's 100 at 80 ps."""
BLOCK_BYTES = 16 * 2**20
"""About how much of the coordinates is unpacked at a time."""
FARTHEST = 1e5
"""Å; coordinates beyond are no molecule's."""
MANY_ZEROS = 32
"""Exact zeros on one axis of a snapshot; HDF5 fills with them what was never written.

A coordinate given to 0.001 Å is zero once in some 50,000 times.
"""


def recording_names(path: Path) -> list[str]:
    """Names of the complexes in a file, in the file's order."""
    with open_hdf5(path) as file:
        return names_in(file, path.name)


def read_recording(path: Path, name: str) -> Recording:
    """Read one complex; see `read`."""
    return read(path, name).recording


def read_atoms(path: Path, name: str) -> Atoms:
    """Read what a group says of its atoms; it may hold no trajectory.

    Raises:
        InputError: no such file or group, or a dataset missing or malformed.
    """
    with open_hdf5(path) as file:
        return _atoms(_group(file, path, name), f"{path.name}: complex {name}")


def ligand_at_start(
    path: Path, name: str
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Elements and places (Å) of the ligand's atoms in snapshot 0, with hydrogens.

    Raises:
        InputError: see `read`.
    """
    where = f"{path.name}: complex {name}"
    with open_hdf5(path) as file:
        group = _group(file, path, name)
        atoms = _atoms(group, where)
        dataset = _trajectory(group, atoms, where)
        check_ligand(atoms, where)
        start = read_rows(dataset, slice(0, 1), where)[0]
    begin = atoms.ligand_begin
    return atoms.numbers[begin:], start[begin:].astype(np.float64)


def read(path: Path, name: str) -> Reading:
    """Read one complex.

    Args:
        path: an HDF5 file in MISATO's layout.
        name: the group, a PDB id in upper case.

    Raises:
        InputError: no such file or group, a dataset is missing or malformed, or the
            complex has no small-molecule ligand or no complete residue.
    """
    where = f"{path.name}: complex {name}"
    with open_hdf5(path) as file:
        group = _group(file, path, name)
        atoms = _atoms(group, where)
        dataset = _trajectory(group, atoms, where)
        check_ligand(atoms, where)
        coordinates, centres = _coordinates(dataset, atoms.heavy, where)
        values = _frame_values(group, len(coordinates), where)
        attributes = {k: attribute(group, k) for k in group.attrs}
    backbone, incomplete = backbone_atoms(atoms, where)
    # Only heavy atoms were read: indices among them, from here on.
    rows = np.searchsorted(atoms.heavy, backbone)
    whole = sound(coordinates[0, rows])
    if not whole.any():
        raise InputError(
            f"{where}: trajectory_coordinates do not fit the atoms: no residue has its "
            "N, CA and C at the length of bonds.",
            hint=DAMAGED,
        )
    rows, backbone = rows[whole], backbone[whole]
    n_protein = len(atoms.protein_heavy)
    numbers = atoms.numbers[atoms.ligand_heavy]
    ligand = torch.from_numpy(coordinates[:, n_protein:].copy())
    backbone_positions = torch.from_numpy(coordinates[:, rows])
    recording = Recording(
        name=name,
        spacing_ps=float(attributes.get(SPACING, MISATO_SPACING_PS)),
        atomic_numbers=torch.from_numpy(numbers),
        bonds=bonds_by_distance(numbers, coordinates[0, n_protein:]),
        positions=ligand,
        backbone=backbone_positions,
        residue_types=torch.from_numpy(atoms.residues[backbone[:, 1]] - 1),
        segments=torch.from_numpy(segments(coordinates[0, rows])),
        obstacle_positions=torch.from_numpy(coordinates[:, :n_protein].copy()),
        obstacle_numbers=torch.from_numpy(atoms.numbers[atoms.protein_heavy]),
        backbone_rows=torch.from_numpy(rows),
        pocket_motion=pocket_motion(backbone_positions, ligand),
        centres=torch.from_numpy(centres),
        attributes=attributes,
        **values,
    )
    return Reading(
        recording=recording,
        n_atoms=atoms.n_atoms,
        n_molecules=len(atoms.begins) - 1,
        incomplete_residues=incomplete + int((~whole).sum()),
        missing=tuple(FRAME_VALUES[k] for k, v in values.items() if v is None),
    )


def _group(file: h5py.File, path: Path, name: str) -> h5py.Group:
    names = names_in(file, path.name)
    if name not in names:
        shown = ", ".join(names[:5])
        raise InputError(
            f"{path.name}: there is no complex {name!r}.",
            hint=f"The file holds {len(names)}, among them {shown}."
            if names
            else "The file is empty.",
        )
    return child(file, name, h5py.Group, path.name)


def _atoms(group: h5py.Group, where: str) -> Atoms:
    """The per-atom datasets, checked against each other and MISATO's tables."""
    numbers = read_column(group, "atoms_number", None, "iu", where)
    length = len(numbers)
    has_elements = "atoms_element" in group

    def column(name: str, size: int | None) -> NDArray[np.int64]:
        return read_column(group, name, size, "iu", where).astype(np.int64)

    atoms = Atoms(
        numbers=numbers.astype(np.int64),
        types=column("atoms_type", length),
        residues=column("atoms_residue", length),
        begins=column("molecules_begin_atom_index", None),
        elements=column("atoms_element", length) if has_elements else None,
    )
    check_codes(atoms, where)
    return atoms


def _trajectory(group: h5py.Group, atoms: Atoms, where: str) -> h5py.Dataset:
    """The dataset of coordinates, its shape and type checked."""
    if "trajectory_coordinates" not in group and "atoms_coordinates_ref" in group:
        raise InputError(
            f"{where} lacks the dataset trajectory_coordinates: it holds a structure "
            "only.",
            hint="Get the file with trajectories, MD.hdf5.",
        )
    dataset = child(group, "trajectory_coordinates", h5py.Dataset, where)
    if dataset.ndim != 3 or dataset.shape[1:] != (atoms.n_atoms, 3):
        raise InputError(
            f"{where} has {atoms.n_atoms} atoms, but trajectory_coordinates has shape "
            f"{dataset.shape}.",
            hint=DAMAGED,
        )
    if dataset.dtype.kind != "f":
        raise InputError(
            f"{where}: trajectory_coordinates holds {dataset.dtype}, not real numbers.",
            hint=DAMAGED,
        )
    snapshots = dataset.shape[0]
    spacing = attribute(group, SPACING, MISATO_SPACING_PS)
    if not isinstance(spacing, int | float) or not 0 < spacing < float("inf"):
        raise InputError(
            f"{where}: the attribute {SPACING} is {spacing!r}, not a time.",
            hint="Write the time between two snapshots, in ps.",
        )
    if snapshots != MISATO_SNAPSHOTS and SPACING not in group.attrs:
        raise InputError(
            f"{where}: trajectory_coordinates holds {snapshots} snapshots; MISATO's "
            f"have {MISATO_SNAPSHOTS}.",
            hint="The entry is cut short. If it is not of MISATO, give its group the "
            f"attribute {SPACING}, the time between snapshots.",
        )
    if snapshots < 2:
        raise InputError(
            f"{where}: trajectory_coordinates holds {snapshots} snapshot"
            f"{'s' if snapshots != 1 else ''}, so nothing moves.",
            hint="Leave the entry out.",
        )
    return dataset


def _coordinates(
    dataset: h5py.Dataset, heavy: NDArray[np.int64], where: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Heavy atoms in every snapshot, and the mean of all atoms, block by block.

    A block is a whole number of HDF5 chunks, so none is unpacked twice, and memory
    does not grow with the number of hydrogens or the width of the file's numbers.

    Returns:
        (frames, heavy, 3) and (frames, 3), Å.
    """
    frames, n_atoms, _ = dataset.shape
    chunk = dataset.chunks[0] if dataset.chunks else 1
    per_frame = max(1, n_atoms * 3 * dataset.dtype.itemsize)
    step = chunk * max(1, BLOCK_BYTES // (per_frame * chunk))
    kept = np.empty((frames, len(heavy), 3), dtype=np.float32)
    centres = np.empty((frames, 3), dtype=np.float32)
    for first in range(0, frames, step):
        block = read_rows(dataset, slice(first, first + step), where)
        sums = block.sum(axis=1, dtype=np.float64)
        _check_block(block, sums, first, where)
        kept[first : first + step] = block[:, heavy]
        centres[first : first + step] = sums / n_atoms
    return kept, centres


def _check_block(
    block: NDArray[Any], sums: NDArray[np.float64], first: int, where: str
) -> None:
    """Refuse coordinates that are no positions of atoms, with the first snapshot.

    Args:
        block: (frames, atoms, 3), Å.
        sums: over the atoms; not a number where one of them is not.
        first: number of the block's first snapshot.
        where: file and complex, to begin messages with.
    """
    strange = np.flatnonzero(~np.isfinite(sums).all(axis=1))
    if len(strange):
        frame = int(strange[0])
        atom = int(np.flatnonzero(~np.isfinite(block[frame]).all(axis=1))[0])
        raise InputError(
            f"{where}: trajectory_coordinates are not numbers (snapshot "
            f"{first + frame}, atom {atom}).",
            hint=DAMAGED,
        )
    # As Python's own numbers: the limit is no number of half precision.
    if max(float(block.max()), -float(block.min())) > FARTHEST:
        frame = int(np.abs(block).max(axis=(1, 2)).argmax())
        raise InputError(
            f"{where}: trajectory_coordinates go beyond {FARTHEST:g} Å (snapshot "
            f"{first + frame}).",
            hint=DAMAGED,
        )
    if block.size - np.count_nonzero(block) < MANY_ZEROS:
        return
    empty = np.flatnonzero(((block == 0).sum(axis=1) >= MANY_ZEROS).any(axis=1))
    if len(empty):
        raise InputError(
            f"{where}: trajectory_coordinates are zero for many atoms (snapshot "
            f"{first + empty[0]}), so a part of them was never written.",
            hint=DAMAGED,
        )


def _frame_values(group: h5py.Group, frames: int, where: str) -> dict[str, Any]:
    """The numbers per snapshot that the file has, by field of `Recording`."""
    values: dict[str, Any] = {}
    for field, name in FRAME_VALUES.items():
        if name not in group:
            values[field] = None
            continue
        column = read_column(group, name, frames, "fiu", where).astype(np.float32)
        if not np.isfinite(column).all():
            bad = int(np.flatnonzero(~np.isfinite(column))[0])
            raise InputError(
                f"{where}: {name} is not a number (snapshot {bad}).", hint=DAMAGED
            )
        values[field] = torch.from_numpy(column)
    return values
