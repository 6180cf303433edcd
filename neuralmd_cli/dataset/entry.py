"""One complex of the store as arrays: what is kept of a recording, and its hash."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from neuralmd_cli.dataset.quality import Quality
from neuralmd_cli.recording import Motion, Recording

UNIT = 1e-3
"""Å; coordinates are whole numbers of this, as PDB files give them."""
FRAME_FIELDS = (
    "interaction_energies",
    "ligand_rmsds",
    "distances",
    "buried_areas",
)

LIGAND_ATOM = np.dtype([("atomic_number", "u1"), ("mass", "<f4")])
RESIDUE = np.dtype([("type", "u1"), ("segment", "<u2")])
FRAME = np.dtype(
    [
        ("rotation", "<f4", (3,)),  # rotation vector, radians
        ("shift", "<f4", (3,)),  # Å
        ("centre", "<f4", (3,)),  # Å
        *((name, "<f4") for name in FRAME_FIELDS),  # nan: the source has none
    ]
)
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the store holds of one complex."""

    name: str
    arrays: Arrays
    facts: dict[str, Any]  # plain numbers, texts, lists and dicts of these

    @property
    def flags(self) -> tuple[str, ...]:
        """Why the entry is suspect."""
        return tuple(self.facts["flags"])

    @property
    def quality(self) -> Quality:
        """What was measured when the entry was made."""
        return Quality.from_plain(self.facts["quality"])

    def digest(self) -> str:
        """SHA-256 of names, types, shapes and values of all that is stored."""
        digest = hashlib.sha256(canonical(self.facts).encode())
        for key in sorted(self.arrays):
            array = np.ascontiguousarray(self.arrays[key])
            head = [key, str(array.dtype.descr), list(array.shape)]
            digest.update(canonical(head).encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


def canonical(value: object) -> str:
    """JSON in one spelling."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def entry_of(
    recording: Recording, quality: Quality, *, source: str, all_atom: bool
) -> Entry:
    """What the store keeps of a recording.

    Args:
        recording: with `backbone_rows`, `pocket_motion` and `centres`, as read from a
            file.
        quality: what was measured on it; its flags become the entry's.
        source: name of the file it comes from.
        all_atom: keep the protein's heavy atoms in every snapshot, not in the first
            only.
    """
    motion, rows = recording.pocket_motion, recording.backbone_rows
    if motion is None or rows is None or recording.centres is None:
        raise ValueError("only a recording with its pocket motion can be stored")
    protein = recording.obstacle_positions
    masses = recording.complex_at(0).ligand.masses
    arrays: Arrays = {
        "ligand_atoms": _table(
            LIGAND_ATOM,
            recording.n_atoms,
            atomic_number=recording.atomic_numbers.numpy(),
            mass=masses.numpy(),
        ),
        "ligand_bonds": recording.bonds.numpy().astype("<u2"),
        "ligand_positions": whole_numbers(recording.positions),
        "protein_atomic_numbers": recording.obstacle_numbers.numpy().astype("u1"),
        "protein_positions": whole_numbers(protein if all_atom else protein[:1]),
        "backbone_atoms": rows.numpy().astype("<i4"),
        "residues": _table(
            RESIDUE,
            len(rows),
            type=recording.residue_types.numpy(),
            segment=recording.segments.numpy(),
        ),
        "frames": _table(
            FRAME,
            recording.n_frames,
            rotation=Rotation.from_matrix(motion.rotations.double()).as_rotvec(),
            shift=motion.shifts.numpy(),
            centre=recording.centres.numpy(),
            **{name: _values(recording, name) for name in FRAME_FIELDS},
        ),
    }
    facts = {
        "source": source,
        "spacing_ps": recording.spacing_ps,
        "attributes": dict(recording.attributes),
        "flags": list(quality.flags),
        "quality": asdict(quality),
    }
    # Through JSON and back, so that a hash made now is the one of what is read later.
    return Entry(name=recording.name, arrays=arrays, facts=json.loads(canonical(facts)))


def recording_of(entry: Entry) -> Recording:
    """The recording in an entry; its protein moves only in an all-atom store."""
    a = entry.arrays
    frames, residues = a["frames"], a["residues"]
    rows = torch.from_numpy(a["backbone_atoms"].astype(np.int64))
    protein = angstroms(a["protein_positions"])
    turns = Rotation.from_rotvec(frames["rotation"].astype(np.float64)).as_matrix()
    return Recording(
        name=entry.name,
        spacing_ps=float(entry.facts["spacing_ps"]),
        atomic_numbers=_int64(a["ligand_atoms"]["atomic_number"]),
        bonds=_int64(a["ligand_bonds"]),
        positions=angstroms(a["ligand_positions"]),
        backbone=protein[:, rows],
        residue_types=_int64(residues["type"]),
        segments=_int64(residues["segment"]),
        obstacle_positions=protein,
        obstacle_numbers=_int64(a["protein_atomic_numbers"]),
        backbone_rows=rows,
        pocket_motion=Motion(
            rotations=torch.from_numpy(turns.astype(np.float32)),
            shifts=_float32(frames["shift"]),
        ),
        centres=_float32(frames["centre"]),
        attributes=entry.facts["attributes"],
        flags=entry.flags,
        molecule=None,
        **{
            name: None if np.isnan(frames[name]).all() else _float32(frames[name])
            for name in FRAME_FIELDS
        },
    )


def whole_numbers(positions: Tensor) -> NDArray[np.int32]:
    """Coordinates in units of 0.001 Å, rounded."""
    return np.rint(positions.numpy().astype(np.float64) / UNIT).astype("<i4")


def angstroms(numbers: NDArray[np.int32]) -> Tensor:
    """Coordinates in Å; those a file gave to 0.001 Å come back bit for bit."""
    return torch.from_numpy((numbers * UNIT).astype(np.float32))


def _table(kind: np.dtype[Any], rows: int, **columns: NDArray[Any]) -> NDArray[Any]:
    table = np.zeros(rows, dtype=kind)
    for name, values in columns.items():
        table[name] = values
    return table


def _values(recording: Recording, name: str) -> NDArray[np.float32]:
    values: Tensor | None = getattr(recording, name)
    if values is None:
        return np.full(recording.n_frames, np.nan, dtype=np.float32)
    return values.numpy()


def _int64(values: NDArray[Any]) -> Int[Tensor, "..."]:
    return torch.from_numpy(values.astype(np.int64))


def _float32(values: NDArray[Any]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
