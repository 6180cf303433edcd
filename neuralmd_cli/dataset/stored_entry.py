"""One entry of a store, read from its group and checked."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuralmd_cli.complex import RESIDUE_NAMES
from neuralmd_cli.dataset.entry import FRAME, LIGAND_ATOM, RESIDUE, Arrays, Entry
from neuralmd_cli.dataset.quality import Quality
from neuralmd_cli.errors import InputError
from neuralmd_cli.hdf5 import DAMAGED, check_stored, h5py
from neuralmd_cli.input_files import json_value

RENEW = "Make the store again with `neuralmd data prepare`."
HEAVIEST = 118  # atomic number


def read_entry(group: h5py.Group, name: str, where: str) -> Entry:
    """Read one entry's group, and check that its arrays fit each other.

    Raises:
        InputError: an array is missing, unreadable or of another shape or type.
    """
    facts = read_facts(group, where)
    arrays = {key: _array(group, key, where) for key in _TYPES}
    _check_arrays(arrays, where)
    return Entry(name=name, arrays=arrays, facts=facts)


def read_facts(group: h5py.Group, where: str) -> dict[str, Any]:
    """What is said of an entry.

    Raises:
        InputError: it is missing or no JSON.
    """
    try:
        facts: dict[str, Any] = json_value(group.attrs["facts"])
        spacing = facts["spacing_ps"]
        good = (
            isinstance(spacing, int | float)
            and 0 < spacing < math.inf
            and isinstance(facts["attributes"], dict)
            and isinstance(facts["source"], str)
            and all(isinstance(x, str) for x in facts["flags"])
        )
        Quality.from_plain(facts["quality"])
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{where}: the attribute facts cannot be read.", hint=RENEW
        ) from error
    if not good:
        raise InputError(f"{where}: the attribute facts is damaged.", hint=RENEW)
    return facts


_TYPES = {
    "ligand_atoms": LIGAND_ATOM,
    "ligand_bonds": np.dtype("<u2"),
    "ligand_positions": np.dtype("<i4"),
    "protein_atomic_numbers": np.dtype("u1"),
    "protein_positions": np.dtype("<i4"),
    "backbone_atoms": np.dtype("<i4"),
    "residues": RESIDUE,
    "frames": FRAME,
}


_FILE_TYPES = {key: h5py.h5t.py_create(kind) for key, kind in _TYPES.items()}


def _array(group: h5py.Group, key: str, where: str) -> NDArray[Any]:
    """One array of an entry.

    By h5py's low-level calls: the loader reads eight arrays per complex, and h5py's
    objects cost several times what the reading does.
    """
    try:
        name = key.encode()
        if group.id.links.get_info(name).type != h5py.h5l.TYPE_HARD:
            raise InputError(f"{where}: {key} is a link, not data.", hint=RENEW)
        dataset = h5py.h5d.open(group.id, name)
        check_stored(dataset, f"{where}: {key}")
        array = np.empty(dataset.shape, dtype=_TYPES[key])
        same = dataset.get_type() == _FILE_TYPES[key]
        if same:
            dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array, _FILE_TYPES[key])
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{where}: {key} cannot be read ({error}).", hint=RENEW
        ) from error
    if not same:
        raise InputError(f"{where}: {key} is not of type {_TYPES[key]}.", hint=RENEW)
    return array


def _check_arrays(arrays: Arrays, where: str) -> None:
    """Shapes that agree with each other, rows that are there, numbers that are some."""
    flat = [name for name, array in arrays.items() if not array.ndim]
    if flat:
        raise InputError(f"{where}: {flat[0]} is a single value.", hint=DAMAGED)
    frames, atoms = len(arrays["frames"]), len(arrays["ligand_atoms"])
    protein, residues = len(arrays["protein_atomic_numbers"]), len(arrays["residues"])
    moving = arrays["protein_positions"].shape[:1] == (frames,)
    shapes = {
        "ligand_bonds": (len(arrays["ligand_bonds"]), 2),
        "ligand_positions": (frames, atoms, 3),
        "protein_positions": (frames if moving else 1, protein, 3),
        "backbone_atoms": (residues, 3),
    }
    for name, array in arrays.items():
        wanted = shapes.get(name, array.shape[:1])
        if array.shape != wanted:
            raise InputError(
                f"{where}: {name} has shape {array.shape}, not {wanted}.",
                hint=DAMAGED,
            )
    for name, limit in (("ligand_bonds", atoms), ("backbone_atoms", protein)):
        rows = arrays[name]
        if rows.size and not 0 <= rows.min() <= rows.max() < limit:
            raise InputError(
                f"{where}: {name} names atoms that are not there.", hint=RENEW
            )
    frame = arrays["frames"]
    for name in ("rotation", "shift", "centre"):
        if not np.isfinite(frame[name]).all():
            raise InputError(
                f"{where}: frames: {name} is not a number in some snapshot.",
                hint=RENEW,
            )
    for name, codes, least, most in (
        ("residues", arrays["residues"]["type"], 0, len(RESIDUE_NAMES) - 1),
        ("ligand_atoms", arrays["ligand_atoms"]["atomic_number"], 1, HEAVIEST),
        ("protein_atomic_numbers", arrays["protein_atomic_numbers"], 1, HEAVIEST),
    ):
        if codes.size and not least <= codes.min() <= codes.max() <= most:
            raise InputError(
                f"{where}: {name} has a number that means nothing.", hint=RENEW
            )
