"""Checks on a ligand's molecule, and the tensors made from it."""

from collections import Counter

import numpy as np
import torch
from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors

from neuralmd_cli.complex import Ligand
from neuralmd_cli.errors import InputError

_ELEMENTS = frozenset("H B C N O F Si P S Cl Se Br I".split())
"""Elements of metal-free organic ligands."""

_AMINO_ACID_UNITS = 3
_PEPTIDE = Chem.MolFromSmarts(
    "".join(["[#7][CX4]C(=O)"] * _AMINO_ACID_UNITS) + "[#7,#8]"
)
_SHORTEST, _LONGEST = 0.7, 3.2
"""Bond lengths beyond which coordinates are not in Å or not of this molecule, Å.

Every organic bond between heavy atoms is between 1.1 (C#N) and 2.7 (I-I).
"""
_STRETCHED, _SQUEEZED = 1.3, 0.75
"""Share of the summed covalent radii beyond which a bond is worth a word."""
_APART = 0.8
"""Å; heavy atoms nearer than this are one atom twice, or of two molecules."""
_FARTHEST = 1e5
"""Å; coordinates beyond are no molecule's."""
_FLAT_ANGLE_SUM = 356.0
"""Sum of bond angles above which an atom is planar, degrees: sp3 has 329, sp2 360."""


def heavy_atoms(molecule: Chem.Mol) -> tuple[int, ...]:
    """Indices of all atoms but hydrogen and its isotopes, in file order."""
    return tuple(a.GetIdx() for a in molecule.GetAtoms() if a.GetAtomicNum() != 1)


def ligand_tensors(molecule: Chem.Mol) -> Ligand:
    """The heavy atoms and the bonds between them, as the model sees them.

    Masses are those of the elements; bonded hydrogens are not added to them.
    """
    heavy = heavy_atoms(molecule)
    row = {atom: index for index, atom in enumerate(heavy)}
    numbers = [molecule.GetAtomWithIdx(i).GetAtomicNum() for i in heavy]
    table = Chem.GetPeriodicTable()
    ends = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]
    bonds = [(row[a], row[b]) for a, b in ends if a in row and b in row]
    positions = molecule.GetConformer().GetPositions()[list(heavy)]
    return Ligand(
        positions=torch.from_numpy(positions.astype(np.float32)),
        atomic_numbers=torch.tensor(numbers, dtype=torch.int64),
        masses=torch.tensor([table.GetAtomicWeight(z) for z in numbers]),
        bonds=torch.tensor(bonds, dtype=torch.int64).reshape(-1, 2),
    )


def check_molecule(molecule: Chem.Mol, where: str) -> tuple[str, ...]:
    """Refuse what cannot be simulated as a ligand; notes on what looks odd.

    Args:
        molecule: as parsed, not yet sanitised.
        where: file and record, to begin messages with.

    Raises:
        InputError: see the functions called, one for each reason.
    """
    _check_atoms(molecule, where)
    _check_coordinates(molecule, where)
    sanitise(molecule, where)
    _check_pieces(molecule, where)
    _check_elements(molecule, where)
    _check_organic(molecule, where)
    _check_not_peptide(molecule, where)
    _check_bond_lengths(molecule, where)
    _check_distinct(molecule, where)
    return (*_odd_bonds_note(molecule), *_flat_atoms_note(molecule))


def sanitise(molecule: Chem.Mol, where: str) -> None:
    """Sanitise in place, or say which atom's bonding is impossible."""
    with rdBase.BlockLogs():
        try:
            problems = Chem.DetectChemistryProblems(molecule)
            if not problems:
                Chem.SanitizeMol(molecule)
                Chem.AssignStereochemistryFrom3D(molecule)
                return
        except (RuntimeError, ValueError) as error:
            # Charges and valences beyond all bounds break RDKit's own assumptions.
            raise InputError(
                f"{where}: RDKit cannot make sense of its atoms.",
                hint="Correct charges, valences and isotopes in the atom block.",
            ) from error
    problem = problems[0]
    kind = problem.GetType()
    if kind == "AtomValenceException":
        atom = molecule.GetAtomWithIdx(problem.GetAtomIdx())
        valence = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds())
        reason = (
            f"{atom_name(atom)} has bonds of total order {valence:g}, more than "
            f"{atom.GetSymbol()} with charge {atom.GetFormalCharge():+d} can have"
        )
    elif kind == "KekulizeException":
        rows = ", ".join(str(i + 1) for i in problem.GetAtomIndices())
        reason = f"the aromatic bonds of atoms {rows} fit no single and double bonds"
    else:
        reason = problem.Message().splitlines()[0]
    raise InputError(
        f"{where}: {reason}.",
        hint="Correct bond orders, formal charges and hydrogens of the ligand.",
    )


def atom_name(atom: Chem.Atom) -> str:
    """An atom by its number in the file, from 1: "atom 12 (C)"."""
    return f"atom {atom.GetIdx() + 1} ({atom.GetSymbol()})"


def _check_atoms(molecule: Chem.Mol, where: str) -> None:
    if molecule.GetNumAtoms() == 0:
        raise InputError(
            f"{where} holds no atoms.", hint="Give a ligand with 3-D coordinates."
        )
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() == 0:
            raise InputError(
                f"{where}: atom {atom.GetIdx() + 1} has no element "
                f"(its column reads {atom.GetSymbol()!r}).",
                hint="Write the element in the atom block, columns 32 to 34.",
            )
    heavy = heavy_atoms(molecule)
    if len(heavy) < 2:
        atom = molecule.GetAtomWithIdx(heavy[0] if heavy else 0)
        charge = atom.GetFormalCharge()
        what = f"ion {atom.GetSymbol()}{charge:+d}" if charge else atom.GetSymbol()
        raise InputError(
            f"{where} is a single heavy atom ({what}), not a ligand.",
            hint="An ion belongs in the protein file, where it is kept rigid.",
        )


def _check_coordinates(molecule: Chem.Mol, where: str) -> None:
    if molecule.GetNumConformers() == 0:
        raise _no_coordinates(where)
    positions = molecule.GetConformer().GetPositions()
    # Written so that NaN fails as well.
    near = (np.abs(positions) < _FARTHEST).all(axis=1)
    if not near.all():
        row = int(np.flatnonzero(~near)[0])
        name = atom_name(molecule.GetAtomWithIdx(row))
        raise InputError(
            f"{where}: {name} has no coordinates that could be its own.",
            hint="Correct the atom block of the file.",
        )
    if not positions.any():
        raise _no_coordinates(where)
    # Three atoms are planar anyway, but none of them has z = 0 in a pocket.
    if not positions[:, 2].any():
        raise InputError(
            f"{where} has 2-D coordinates (every z is 0).",
            hint="Dock the ligand or take its pose from a crystal structure; "
            "a drawing says nothing about where it sits in the pocket.",
        )


def _no_coordinates(where: str) -> InputError:
    return InputError(
        f"{where} has no coordinates.",
        hint="Dock the ligand first: the run starts from its pose in the pocket.",
    )


def _check_pieces(molecule: Chem.Mol, where: str) -> None:
    pieces = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=False)
    if len(pieces) == 1:
        return
    for piece in pieces:
        piece.UpdatePropertyCache(strict=False)
    formulas = Counter(rdMolDescriptors.CalcMolFormula(x) for x in pieces)
    shown = ", ".join(f"{n} x {f}" if n > 1 else f for f, n in formulas.most_common(6))
    raise InputError(
        f"{where} holds {len(pieces)} molecules that are not bonded to each other: "
        f"{shown}.",
        hint="Leave only the ligand in the record; put counter-ions and solvent aside.",
    )


def _check_elements(molecule: Chem.Mol, where: str) -> None:
    for atom in molecule.GetAtoms():
        if atom.GetSymbol() not in _ELEMENTS:
            raise InputError(
                f"{where}: {atom_name(atom)} is not an element of organic ligands.",
                hint="Metal complexes and the like cannot be simulated; ligands hold "
                "H, B, C, N, O, F, Si, P, S, Cl, Se, Br and I.",
            )


def _check_organic(molecule: Chem.Mol, where: str) -> None:
    """Refuse phosphate, sulphate and the like, which files hold as buffer."""
    if not any(atom.GetAtomicNum() == 6 for atom in molecule.GetAtoms()):
        formula = rdMolDescriptors.CalcMolFormula(molecule)
        raise InputError(
            f"{where} holds no carbon ({formula}): an ion or solvent, not a ligand.",
            hint="Give an organic ligand; ions stay in the protein file, rigid.",
        )


def _check_not_peptide(molecule: Chem.Mol, where: str) -> None:
    if molecule.HasSubstructMatch(_PEPTIDE):
        raise InputError(
            f"{where} is a peptide: {_AMINO_ACID_UNITS} or more amino acids in a row.",
            hint="The model was not trained on peptides; give a small molecule.",
        )


def _check_bond_lengths(molecule: Chem.Mol, where: str) -> None:
    """Refuse coordinates that cannot be those of this molecule in Å."""
    conformer = molecule.GetConformer()
    for bond in molecule.GetBonds():
        first, second = bond.GetBeginAtom(), bond.GetEndAtom()
        if 1 in (first.GetAtomicNum(), second.GetAtomicNum()):
            continue
        ends = [conformer.GetAtomPosition(x.GetIdx()) for x in (first, second)]
        length = ends[0].Distance(ends[1])
        if not _SHORTEST < length < _LONGEST:
            raise InputError(
                f"{where}: the bond between {atom_name(first)} and {atom_name(second)} "
                f"is {length:.2f} Å long.",
                hint="Coordinates must be in Å and belong to the bonds of the file.",
            )


def _check_distinct(molecule: Chem.Mol, where: str) -> None:
    """Refuse two heavy atoms in one place."""
    heavy = list(heavy_atoms(molecule))
    positions = molecule.GetConformer().GetPositions()[heavy]
    apart = np.linalg.norm(positions[:, None] - positions, axis=2)
    for a, b in np.argwhere(np.triu(apart < _APART, 1)):
        first, second = (molecule.GetAtomWithIdx(heavy[k]) for k in (a, b))
        raise InputError(
            f"{where}: {atom_name(first)} and {atom_name(second)} are "
            f"{apart[a, b]:.2f} Å apart, in one place.",
            hint="Remove the atom that is there twice, or one of the two poses.",
        )


def _odd_bonds_note(molecule: Chem.Mol) -> tuple[str, ...]:
    """A note on bonds of a length that no relaxed molecule has."""
    table, conformer = Chem.GetPeriodicTable(), molecule.GetConformer()
    odd = []
    for bond in molecule.GetBonds():
        ends = bond.GetBeginAtom(), bond.GetEndAtom()
        numbers = [x.GetAtomicNum() for x in ends]
        if 1 in numbers:
            continue
        usual = sum(table.GetRcovalent(z) for z in numbers)
        places = [conformer.GetAtomPosition(x.GetIdx()) for x in ends]
        length = places[0].Distance(places[1])
        if not _SQUEEZED < length / usual < _STRETCHED:
            names = " and ".join(map(atom_name, ends))
            odd.append(f"{names}, {length:.2f} Å")
    if not odd:
        return ()
    more = f" and {len(odd) - 3} more" if len(odd) > 3 else ""
    return (
        "The ligand has bonds of a length that looks wrong: "
        f"{'; '.join(odd[:3])}{more}.",
    )


def _flat_atoms_note(molecule: Chem.Mol) -> tuple[str, ...]:
    """A note on carbons drawn tetrahedral but flat: their bond orders look wrong."""
    positions = molecule.GetConformer().GetPositions()
    flat = []
    for atom in molecule.GetAtoms():
        around = [x.GetIdx() for x in atom.GetNeighbors() if x.GetAtomicNum() != 1]
        is_tetrahedral = atom.GetHybridization() == Chem.HybridizationType.SP3
        if atom.GetSymbol() != "C" or not is_tetrahedral or len(around) != 3:
            continue
        arms = positions[around] - positions[atom.GetIdx()]
        arms /= np.linalg.norm(arms, axis=1, keepdims=True)
        cosines = [arms[0] @ arms[1], arms[1] @ arms[2], arms[2] @ arms[0]]
        angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
        if angles.sum() > _FLAT_ANGLE_SUM:
            flat.append(atom_name(atom))
    if not flat:
        return ()
    return (
        f"The ligand's bond orders look wrong: {', '.join(flat)} "
        f"{'is' if len(flat) == 1 else 'are'} flat but drawn with single bonds only.",
    )
