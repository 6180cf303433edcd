"""PDB or mmCIF file to the rigid protein, with a word on whatever was left out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import gemmi
import numpy as np
import torch
from numpy.typing import NDArray

from neuralmd_cli.complex import Protein
from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.components import (
    CAPS,
    TYPE_OF,
    is_nucleotide,
    is_plain,
    parent_name,
)
from neuralmd_cli.structure.coordinates import (
    cleaned,
    labelled_atoms,
    parse_structure,
    residue_label,
)

PEPTIDE_BOND = 2.0
"""Longest C-N distance read as a peptide bond, Å: it is 1.33, and 2.4 without one."""
BACKBONE_BOND = (1.0, 2.2)
"""Lengths between which N-CA and CA-C of a real residue are, Å; they are 1.46, 1.52."""
DISULFIDE_BOND = 2.5
"""Longest SG-SG distance read as a disulfide, Å: it is 2.05, and over 3.5 without."""


@dataclass(frozen=True, kw_only=True)
class HetGroup:
    """A residue outside the backbone: a ligand, cofactor, ion or cap."""

    name: str
    label: str  # "A:801 E20"
    chain: int  # index into the structure's first model
    residue: int  # index into that chain


@dataclass(frozen=True, kw_only=True)
class ProteinFile:
    """A protein as read, its residue labels, and what a user should know of it."""

    protein: Protein
    residue_labels: tuple[str, ...]  # "A:57 ALA", one per residue
    backbone_rows: NDArray[np.int64]  # (residues, 3): N, CA, C among the obstacles
    structure: gemmi.Structure  # one model, no water, no alternate locations
    het_groups: tuple[HetGroup, ...]
    reading_notes: tuple[str, ...]  # the part of `notes` that reading alone settles
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """A residue of the cleaned structure, and where it stands in it."""

    residue: gemmi.Residue
    label: str
    chain: int
    index: int
    parent: str | None  # in RESIDUE_NAMES
    backbone: NDArray[np.float32] | None  # N, CA, C: (3, 3), Å

    @property
    def is_chain_member(self) -> bool:
        """An amino acid the file lists as part of a chain, whatever it lacks."""
        return self.parent is not None and self.residue.het_flag != "H"


def read_protein(path: Path) -> ProteinFile:
    """Read a protein from a PDB or mmCIF file, gzipped or not.

    Raises:
        InputError: no such file, not a structure, or no residue with a backbone.
    """
    structure, notes = cleaned(parse_structure(path), path.name)
    return protein_file(structure, notes, path.name)


def without(file: ProteinFile, groups: Sequence[HetGroup], source: str) -> ProteinFile:
    """The protein less the given groups; its notes are those of what remains."""
    structure = file.structure.clone()
    for group in sorted(groups, key=lambda x: (x.chain, x.residue), reverse=True):
        del structure[0][group.chain][group.residue]
    return protein_file(structure, file.reading_notes, source)


def protein_file(
    structure: gemmi.Structure, notes: tuple[str, ...], source: str
) -> ProteinFile:
    """The rigid protein in a cleaned structure.

    A residue belongs to the backbone if it has N, CA and C, comes from a known amino
    acid, and is either listed as part of a chain or peptide-bonded to a neighbour:
    a free amino acid among the HETATM records is a ligand or an additive.

    Raises:
        InputError: no residue belongs to the backbone.
    """
    entries = _entries(structure)
    complete = [x for x in entries if x.backbone is not None]
    bonded = _bonded_to_next(complete)
    linked = bonded | np.roll(bonded, 1)
    kept = np.array(
        [
            x.is_chain_member or (x.parent is not None and bool(link))
            for x, link in zip(complete, linked, strict=True)
        ],
        dtype=bool,
    )
    if not kept.any():
        raise _no_backbone(entries, notes, source)
    residues = [x for x, keep in zip(complete, kept, strict=True) if keep]
    inside = {id(x) for x in residues}
    outside = [x for x in entries if id(x) not in inside]
    positions, numbers = _obstacles(structure)
    points = np.stack([x.backbone for x in residues if x.backbone is not None])
    return ProteinFile(
        protein=Protein(
            n=torch.from_numpy(points[:, 0].copy()),
            ca=torch.from_numpy(points[:, 1].copy()),
            c=torch.from_numpy(points[:, 2].copy()),
            residue_types=torch.tensor([TYPE_OF[x] for x in _type_names(residues)]),
            segments=torch.from_numpy(_segments(bonded, kept)),
            obstacle_positions=torch.from_numpy(positions),
            obstacle_numbers=torch.from_numpy(numbers),
        ),
        residue_labels=tuple(x.label for x in residues),
        backbone_rows=_backbone_rows(structure, residues),
        structure=structure,
        het_groups=tuple(
            HetGroup(name=x.residue.name, label=x.label, chain=x.chain, residue=x.index)
            for x in outside
            if not x.is_chain_member
        ),
        reading_notes=notes,
        notes=(*notes, *_notes(residues, outside)),
    )


def obstacle_name(file: ProteinFile, index: int) -> str:
    """Residue and atom name of one row of `obstacle_positions`."""
    atoms = (x for x in labelled_atoms(file.structure[0]) if _is_obstacle(x[1]))
    label, atom = next(islice(atoms, index, None))
    return f"{label} {atom.name}"


def _entries(structure: gemmi.Structure) -> list[_Entry]:
    """Every residue with its parent amino acid and its backbone, where it has them."""
    declared = {x.res_id.name: x.parent_comp_id for x in structure.mod_residues}
    parents: dict[str, str | None] = {}
    entries = []
    for c, chain in enumerate(structure[0]):
        for r, residue in enumerate(chain):
            name = residue.name
            if name not in parents:
                parents[name] = parent_name(name, declared)
            entries.append(
                _Entry(
                    residue=residue,
                    label=residue_label(chain, residue),
                    chain=c,
                    index=r,
                    parent=parents[name],
                    backbone=None if name in CAPS else _backbone(residue),
                )
            )
    return entries


def _backbone(residue: gemmi.Residue) -> NDArray[np.float32] | None:
    """Positions of N, CA and C; None if one is missing, or they are not bonded so."""
    found: dict[str, list[float]] = {}
    for atom in residue:
        # A calcium ion is also called CA.
        if atom.name in ("N", "CA", "C") and atom.element.name == atom.name[0]:
            found.setdefault(atom.name, atom.pos.tolist())
    if len(found) < 3:
        return None
    points = np.array([found["N"], found["CA"], found["C"]])
    area = np.linalg.norm(np.cross(points[0] - points[1], points[2] - points[1]))
    # A real one has 2.0 Å²; with none, the residue has no local frame.
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    sound = BACKBONE_BOND[0] < lengths.min() <= lengths.max() < BACKBONE_BOND[1]
    return points.astype(np.float32) if area > 0.05 and sound else None


def _backbone_rows(
    structure: gemmi.Structure, residues: Sequence[_Entry]
) -> NDArray[np.int64]:
    """Where N, CA and C of each residue are among the obstacles."""
    begin, first = 0, {}
    for c, chain in enumerate(structure[0]):
        for r, residue in enumerate(chain):
            first[c, r] = begin
            begin += sum(_is_obstacle(atom) for atom in residue)
    rows = []
    for x in residues:
        heavy = [(a.name, a.element.name) for a in x.residue if _is_obstacle(a)]
        rows.append([heavy.index((name, name[0])) for name in ("N", "CA", "C")])
    starts = np.array([first[x.chain, x.index] for x in residues])
    found: NDArray[np.int64] = np.array(rows) + starts[:, None]
    return found


def _bonded_to_next(entries: Sequence[_Entry]) -> NDArray[np.bool_]:
    """Whether each residue is peptide-bonded to the one after it in its chain."""
    bonded = np.zeros(len(entries), dtype=bool)
    if len(entries) > 1:
        points = np.stack([x.backbone for x in entries if x.backbone is not None])
        chains = np.array([x.chain for x in entries])
        lengths = np.linalg.norm(points[1:, 0] - points[:-1, 2], axis=1)
        bonded[:-1] = (chains[1:] == chains[:-1]) & (lengths < PEPTIDE_BOND)
    return bonded


def _segments(bonded: NDArray[np.bool_], kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number of the unbroken stretch of chain each kept residue lies in."""
    rows = np.flatnonzero(kept)
    joined = bonded[rows[:-1]] & (np.diff(rows) == 1)
    return np.concatenate([[0], np.cumsum(~joined)]).astype(np.int64)


def _type_names(residues: Sequence[_Entry]) -> list[str]:
    """Name in RESIDUE_NAMES of each residue; a cysteine in a disulfide is a CYX."""
    names = [x.parent or "" for x in residues]
    rows, sulphurs = [], []
    for row, (entry, name) in enumerate(zip(residues, names, strict=True)):
        sulphur = entry.residue.find_atom("SG", "*") if name == "CYS" else None
        if sulphur is not None:
            rows.append(row)
            sulphurs.append(sulphur.pos.tolist())
    if rows:
        points = np.array(sulphurs)
        lengths = np.linalg.norm(points[:, None] - points[None], axis=2)
        np.fill_diagonal(lengths, np.inf)
        for row, length in zip(rows, lengths.min(axis=1), strict=True):
            names[row] = "CYX" if length < DISULFIDE_BOND else "CYS"
    return names


def _is_obstacle(atom: gemmi.Atom) -> bool:
    """True for heavy atoms; virtual sites have no element."""
    return bool(atom.element.atomic_number > 1)


def _obstacles(
    structure: gemmi.Structure,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Positions (Å) and atomic numbers of all heavy atoms, in storage order."""
    atoms = [
        (*atom.pos.tolist(), atom.element.atomic_number)
        for chain in structure[0]
        for residue in chain
        for atom in residue
        if _is_obstacle(atom)
    ]
    table = np.array(atoms, dtype=np.float64).reshape(-1, 4)
    return table[:, :3].astype(np.float32), table[:, 3].astype(np.int64)


def obstacle_residues(structure: gemmi.Structure) -> NDArray[np.int64]:
    """Of each obstacle atom, the number of its residue in the structure, from 0."""
    residues = (residue for chain in structure[0] for residue in chain)
    rows = [
        number
        for number, residue in enumerate(residues)
        for atom in residue
        if _is_obstacle(atom)
    ]
    return np.array(rows, dtype=np.int64)


def _notes(residues: Sequence[_Entry], outside: Sequence[_Entry]) -> Iterator[str]:
    """What was read differently from how it is written, and what was left out."""
    modified = Counter(
        f"{x.residue.name} as {x.parent}"
        for x in residues
        if not is_plain(x.residue.name)
    )
    if modified:
        yield f"Modified residues read as their parent: {_listed(modified)}."
    incomplete = [x for x in outside if x.is_chain_member]
    if incomplete:
        shown = ", ".join(f"{x.label} ({_lacks(x)})" for x in incomplete[:5])
        more = f" and {len(incomplete) - 5} more" if len(incomplete) > 5 else ""
        yield f"Left out for want of a whole backbone: {shown}{more}."
    groups = [x for x in outside if not x.is_chain_member]
    caps = Counter(x.residue.name for x in groups if x.residue.name in CAPS)
    nucleotides = Counter(
        "nucleotides" for x in groups if is_nucleotide(x.residue.name)
    )
    unknown = [
        x
        for x in groups
        if x.residue.het_flag != "H"
        and x.backbone is not None
        and not is_nucleotide(x.residue.name)
    ]
    strange = {id(x) for x in unknown}
    if unknown:
        names = Counter(x.residue.name for x in unknown)
        yield (
            "Left out of the backbone, as their parent amino acid is not known: "
            f"{_listed(names)}."
        )
    others = Counter(
        x.residue.name
        for x in groups
        if id(x) not in strange
        and x.residue.name not in CAPS
        and not is_nucleotide(x.residue.name)
    )
    if caps or nucleotides or others:
        yield (
            "Kept as rigid atoms outside the backbone: "
            f"{_listed(others + nucleotides + caps)}."
        )


def _listed(counts: Counter[str]) -> str:
    """Names with their counts, the rarer ones after the commoner."""
    return ", ".join(
        f"{n} {name}" if n > 1 else name for name, n in counts.most_common()
    )


def _lacks(entry: _Entry) -> str:
    """Which backbone atoms the residue lacks."""
    there = {atom.name for atom in entry.residue}
    missing = [name for name in ("N", "CA", "C") if name not in there]
    return f"no {', '.join(missing)}" if missing else _strange_backbone(entry.residue)


def _strange_backbone(residue: gemmi.Residue) -> str:
    """What is wrong with N, CA and C that are all there."""
    n, ca, c = (residue.find_atom(x, "*") for x in ("N", "CA", "C"))
    if not all((n, ca, c)):
        return "N, CA or C of another element"
    lengths = n.pos.dist(ca.pos), ca.pos.dist(c.pos)
    if all(BACKBONE_BOND[0] < x < BACKBONE_BOND[1] for x in lengths):
        return "N, CA, C on one line"
    return f"N-CA {lengths[0]:.2f} Å, CA-C {lengths[1]:.2f} Å"


def _no_backbone(
    entries: Sequence[_Entry], notes: Sequence[str], source: str
) -> InputError:
    """Why there is no protein in the file."""
    model = " in its first model" if any("models" in x for x in notes) else ""
    members = [x for x in entries if x.is_chain_member]
    if members:
        first = members[0]
        return InputError(
            f"{source}: none of {len(members)} amino acids has its N, CA and C atoms "
            f"({first.label}: {_lacks(first)}).",
            hint="The model needs the backbone; rebuild it, for example with PDBFixer.",
        )
    names = Counter(x.residue.name for x in entries)
    return InputError(
        f"{source} holds no protein{model}, only {_listed(names) or 'water'}.",
        hint="Give the structure file that holds the protein chains.",
    )
