"""The atoms of a group in MISATO's layout: codes checked, ligand and backbone found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuralmd_cli.complex import RESIDUE_NAMES
from neuralmd_cli.errors import InputError
from neuralmd_cli.hdf5 import DAMAGED

CA_TYPE, C_TYPE, N_TYPES = 14, 3, (24, 26)
"""Amber atom type codes of CX (always and only CA), C, and N or N3."""
N_TYPE_CODES = 110
"""Atom type codes run from 1 to this."""
ELEMENTS = (1, 6, 7, 8, 9, 15, 16, 17, 35, 53)
"""Atomic numbers of the element codes 1, 2, ..."""
LIGAND_RESIDUE, CAP = 0, 1
TWICE_N = tuple(RESIDUE_NAMES.index(x) + 1 for x in ("ASN", "GLN", "LYS"))
"""Residue codes with an N-typed atom in the side chain as well."""
PEPTIDE_BOND = 2.0
"""Å; a longer C-N distance is a chain break."""
BACKBONE_BOND = (1.1, 1.9)
"""Å; N-CA is 1.46 and CA-C 1.53. Outside, the three are not one residue's."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Atoms:
    """What a group says of its atoms, in Amber's order: protein, then ligand."""

    numbers: Ints  # atomic numbers
    types: Ints  # Amber type codes
    residues: Ints  # residue codes
    begins: Ints  # first atom of each molecule; the last entry is the ligand's
    elements: Ints | None  # element codes, where the file has them

    @property
    def n_atoms(self) -> int:
        """Number of atoms, hydrogens included."""
        return len(self.numbers)

    @property
    def ligand_begin(self) -> int:
        """Index of the first ligand atom; that of no atom where there is none."""
        return int(self.begins[-1]) if len(self.begins) else self.n_atoms

    @property
    def heavy(self) -> Ints:
        """Indices of all atoms but hydrogens."""
        return np.flatnonzero(self.numbers > 1)

    @property
    def ligand_heavy(self) -> Ints:
        """Indices of the ligand's heavy atoms."""
        return self.heavy[self.heavy >= self.ligand_begin]

    @property
    def protein_heavy(self) -> Ints:
        """Indices of all other heavy atoms."""
        return self.heavy[self.heavy < self.ligand_begin]


def check_codes(atoms: Atoms, where: str) -> None:
    """Refuse codes that MISATO's tables do not have, and an index off the end.

    Raises:
        InputError: with the dataset, the code and the atom (from 0).
    """
    known = {
        "atoms_number": (atoms.numbers, (atoms.numbers > 0) & (atoms.numbers < 119)),
        "atoms_type": (
            atoms.types,
            (atoms.types > 0) & (atoms.types <= N_TYPE_CODES),
        ),
        "atoms_residue": (
            atoms.residues,
            (atoms.residues >= 0) & (atoms.residues <= len(RESIDUE_NAMES)),
        ),
    }
    for name, (codes, good) in known.items():
        bad = np.flatnonzero(~good)
        if len(bad):
            more = f", and at {len(bad) - 1} more" if len(bad) > 1 else ""
            raise InputError(
                f"{where}: {name} holds the unknown code {codes[bad[0]]} at atom "
                f"{bad[0]}{more}.",
                hint="The entry is damaged, or written with tables other than "
                "MISATO's.",
            )
    if atoms.elements is not None:
        _check_elements(atoms.elements, atoms.numbers, where)
    begins = atoms.begins
    wrong = (begins < 0) | (begins > atoms.n_atoms)
    if wrong.any():
        raise InputError(
            f"{where}: molecules_begin_atom_index holds {begins[wrong][0]}, but the "
            f"complex has {atoms.n_atoms} atoms.",
            hint=DAMAGED,
        )
    if (np.diff(begins) < 0).any():
        raise InputError(
            f"{where}: molecules_begin_atom_index does not grow.", hint=DAMAGED
        )


def _check_elements(elements: Ints, numbers: Ints, where: str) -> None:
    """Refuse an element code that is unknown or belongs to another element."""
    known = (elements > 0) & (elements <= len(ELEMENTS))
    expected = np.array(ELEMENTS)[np.where(known, elements - 1, 0)]
    bad = np.flatnonzero(~known | (expected != numbers))
    if len(bad):
        raise InputError(
            f"{where}: atoms_element holds the code {elements[bad[0]]} at atom "
            f"{bad[0]}, where atoms_number has the element {numbers[bad[0]]}.",
            hint=DAMAGED,
        )


def check_ligand(atoms: Atoms, where: str) -> None:
    """Refuse a complex without a small-molecule ligand.

    Raises:
        InputError: saying what the last molecule is instead.
    """
    begin = atoms.ligand_begin
    codes = atoms.residues[begin:]
    if not len(codes):
        raise InputError(
            f"{where} has no small-molecule ligand: molecules_begin_atom_index leaves "
            "no atoms for it.",
            hint="Leave the entry out; it is protein only.",
        )
    if (codes != LIGAND_RESIDUE).all():
        names = "-".join(_run_names(codes)[:6])
        raise InputError(
            f"{where} has no small-molecule ligand: its last molecule is made of amino "
            f"acids ({names}).",
            hint="Peptide ligands are not supported; leave the entry out.",
        )
    if (codes != LIGAND_RESIDUE).any():
        odd = begin + int(np.flatnonzero(codes != LIGAND_RESIDUE)[0])
        raise InputError(
            f"{where}: the ligand begins at atom {begin}, but atom {odd} has the "
            f"residue code {atoms.residues[odd]}.",
            hint=DAMAGED,
        )
    if not len(atoms.ligand_heavy):
        raise InputError(f"{where}: the ligand has no heavy atom.", hint=DAMAGED)


def _run_names(codes: Ints) -> list[str]:
    """Names of the residues a run of codes stands for; equal neighbours are one."""
    starts = np.flatnonzero(np.append(True, np.diff(codes) != 0))
    return [RESIDUE_NAMES[k - 1] if k else "MOL" for k in codes[starts].tolist()]


def backbone_atoms(atoms: Atoms, where: str) -> tuple[Ints, int]:
    """N, CA and C of each residue that has them, found by Amber atom types.

    Each CA has the type CX. N is the last N-typed atom before it, the backbone C the
    last C-typed atom of its residue: in a side chain such types (ASN, GLN, TYR) stand
    between. A residue ends where the next N, another molecule or another residue code
    begins, so that the C of a cap is not taken for its neighbour's.

    Returns:
        Atom indices, (residues, 3), and how many residues lack N, CA or C.

    Raises:
        InputError: there is no residue with a whole backbone.
    """
    types = atoms.types[: atoms.ligand_begin]
    codes = atoms.residues[: atoms.ligand_begin]
    ca = np.flatnonzero(types == CA_TYPE)
    n_like = np.flatnonzero(np.isin(types, N_TYPES))
    c_like = np.flatnonzero(types == C_TYPE)
    if not len(ca) or not len(n_like) or not len(c_like):
        raise InputError(
            f"{where} has no residue with a complete backbone.",
            hint="The entry is damaged, or its atom types are not Amber's.",
        )
    changes = np.flatnonzero(np.diff(codes) != 0) + 1
    borders = np.unique(np.concatenate([[0], changes, atoms.begins, [len(types)]]))
    n = n_like[np.maximum(np.searchsorted(n_like, ca) - 1, 0)]
    next_n = np.append(n[1:], len(types))
    first = borders[np.searchsorted(borders, ca, side="right") - 1]
    ends = np.minimum(next_n, borders[np.searchsorted(borders, ca, side="right")])
    c = c_like[np.maximum(np.searchsorted(c_like, ends) - 1, 0)]
    before = np.append(-1, ca[:-1])
    whole = (c > ca) & (c < ends) & (n < ca) & (n >= first) & (n > before)
    if not whole.any():
        raise InputError(
            f"{where} has no residue with a complete backbone.",
            hint="The entry is damaged, or its atom types are not Amber's.",
        )
    lost = int((~whole).sum()) + _without_ca(types, codes, borders)
    return np.stack([n, ca, c], axis=1)[whole], lost


def _without_ca(types: Ints, codes: Ints, borders: Ints) -> int:
    """How many residues have no CA.

    Between two borders all residues are of one kind, and each has one N-typed atom, or
    two where the side chain ends in one; so many CA there should be.
    """
    lost = 0
    for first, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        code = int(codes[first])
        if code in (LIGAND_RESIDUE, CAP):
            continue
        n_typed = int(np.isin(types[first:end], N_TYPES).sum())
        residues = max(1, n_typed // (2 if code in TWICE_N else 1))
        lost += max(0, residues - int((types[first:end] == CA_TYPE).sum()))
    return lost


def sound(backbone: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which residues have N-CA and CA-C at the length of a bond.

    Args:
        backbone: N, CA, C of each residue in one snapshot, (residues, 3, 3), Å.
    """
    lengths = np.linalg.norm(np.diff(backbone, axis=1), axis=-1)
    low, high = BACKBONE_BOND
    good: NDArray[np.bool_] = ((lengths > low) & (lengths < high)).all(axis=1)
    return good


def segments(backbone: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number of the unbroken stretch of chain each residue lies in.

    Args:
        backbone: N, CA, C of each residue in one snapshot, (residues, 3, 3), Å.
    """
    gap = np.linalg.norm(backbone[1:, 0] - backbone[:-1, 2], axis=-1)
    return np.append(0, np.cumsum(gap > PEPTIDE_BOND)).astype(np.int64)
