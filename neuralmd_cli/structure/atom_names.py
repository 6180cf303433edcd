"""Names for the atoms of a protein of which only elements and places are known."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from string import ascii_lowercase, ascii_uppercase, digits

import gemmi
import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from rdkit import Chem
from scipy.spatial import cKDTree

from neuralmd_cli.complex import RESIDUE_NAMES

_LONGEST = 2.6
"""Å; no bond between heavy atoms of a protein is longer."""
_SLACK = 0.35
"""Å by which a bond may exceed the covalent radii: 1-3 neighbours are 0.9 beyond."""
_STANDARD = {"CYX": "CYS", "HIE": "HIS"}
_BACKBONE = ("N", "CA", "C")
_CHAINS = "".join(
    x for x in ascii_uppercase + ascii_lowercase + digits if x not in "LX"
)
"""L is the ligand's chain, X that of atoms outside all residues."""
_MOST_MATCHES = 64

Bonds = dict[int, list[int]]


def named_protein(
    atomic_numbers: Int[ndarray, " atoms"],
    positions: Float[ndarray, "atoms 3"],
    backbone_rows: Int[ndarray, "residues 3"],
    residue_types: Int[ndarray, " residues"],
    segments: Int[ndarray, " residues"],
) -> tuple[gemmi.Structure, Int[ndarray, " atoms"]]:
    """A structure of heavy atoms, with the names that their bonds give them.

    An atom belongs to the residue whose backbone is fewest bonds away. Within it, the
    atoms are named as in the PDB where they are bonded as in that amino acid; of atoms
    alike by symmetry, the first gets the first name. What is left is named by element
    and number, and atoms bonded to no residue stand in chain X. Each unbroken segment
    is a chain; residues are numbered through, as the true numbers are not known.

    Args:
        atomic_numbers: of heavy atoms.
        positions: Å.
        backbone_rows: N, CA, C of each residue.
        residue_types: index into RESIDUE_NAMES.
        segments: number of the unbroken stretch of chain each residue lies in.

    Returns:
        The structure, and which of the atoms each of its atoms is.
    """
    bonds = _bonds(atomic_numbers, positions)
    owners = _owners(backbone_rows, bonds, len(atomic_numbers))
    model = gemmi.Model(1)
    order: list[int] = []
    for k, (kind, segment) in enumerate(
        zip(residue_types.tolist(), segments.tolist(), strict=True)
    ):
        if not k or segment != segments[k - 1]:
            model.add_chain(gemmi.Chain(_CHAINS[segment % len(_CHAINS)]))
        rows = np.flatnonzero(owners == k).tolist()
        name = RESIDUE_NAMES[kind]
        names = _names(name, rows, backbone_rows[k].tolist(), bonds, atomic_numbers)
        residue = _residue(name, k + 1, rows, names, atomic_numbers, positions)
        model[-1].add_residue(residue)
        order += rows
    others = _pieces(np.flatnonzero(owners < 0).tolist(), bonds)
    if others:
        model.add_chain(gemmi.Chain("X"))
    for number, rows in enumerate(others, start=1):
        names = _counted([_symbol(int(atomic_numbers[x])) for x in rows], set())
        name = "UNL" if len(rows) > 1 else _symbol(int(atomic_numbers[rows[0]]))
        names = names if len(rows) > 1 else [name]
        residue = _residue(name, number, rows, names, atomic_numbers, positions)
        residue.het_flag = "H"
        model[-1].add_residue(residue)
        order += rows
    structure = gemmi.Structure()
    structure.add_model(model)
    structure.assign_serial_numbers()
    return structure, np.array(order)


def skeleton(numbers: Sequence[int], bonds: Iterable[tuple[int, int]]) -> Chem.Mol:
    """Elements and which are bonded, with no word on orders, charges or hydrogens."""
    molecule = Chem.RWMol()
    for number in numbers:
        atom = Chem.Atom(int(number))
        atom.SetNoImplicit(True)
        molecule.AddAtom(atom)
    for first, second in bonds:
        molecule.AddBond(first, second, Chem.BondType.SINGLE)
    Chem.FastFindRings(molecule)
    return molecule.GetMol()


def _bonds(
    atomic_numbers: Int[ndarray, " atoms"], positions: Float[ndarray, "atoms 3"]
) -> Bonds:
    """Neighbours of each atom, by distance."""
    table = Chem.GetPeriodicTable()
    radii = np.array([table.GetRcovalent(int(z)) for z in atomic_numbers])
    pairs = cKDTree(positions).query_pairs(_LONGEST, output_type="ndarray")
    first, second = pairs.T
    lengths = np.linalg.norm(positions[first] - positions[second], axis=1)
    bonded = pairs[lengths < radii[first] + radii[second] + _SLACK]
    found: Bonds = {k: [] for k in range(len(atomic_numbers))}
    for a, b in sorted(bonded.tolist()):
        found[a].append(b)
        found[b].append(a)
    return found


def _owners(
    backbone_rows: Int[ndarray, "residues 3"], bonds: Bonds, n_atoms: int
) -> Int[ndarray, " atoms"]:
    """The residue each atom belongs to; -1 for those bonded to none."""
    owners = np.full(n_atoms, -1)
    owners[backbone_rows] = np.arange(len(backbone_rows))[:, None]
    edge: list[int] = backbone_rows.ravel().tolist()
    while edge:
        reached = []
        for atom in edge:
            for other in bonds[atom]:
                if owners[other] < 0:
                    owners[other] = owners[atom]
                    reached.append(other)
        edge = reached
    return owners


def _names(
    residue: str,
    rows: list[int],
    backbone: list[int],
    bonds: Bonds,
    atomic_numbers: Int[ndarray, " atoms"],
) -> list[str]:
    """Names of a residue's atoms, in the order of `rows`."""
    known = dict(zip(backbone, _BACKBONE, strict=True))
    template, names = _template(residue)
    place = {row: k for k, row in enumerate(rows)}
    inside = [(place[a], place[b]) for a in rows for b in bonds[a] if b in place]
    target = skeleton(
        [int(atomic_numbers[x]) for x in rows], [(a, b) for a, b in inside if a < b]
    )
    spine = [place[x] for x in backbone]
    at = [names.index(x) for x in _BACKBONE] if names else []
    matches = [
        match
        for match in target.GetSubstructMatches(
            template, uniquify=False, maxMatches=_MOST_MATCHES
        )
        if [match[x] for x in at] == spine
    ]
    if matches:
        known |= {rows[k]: x for k, x in zip(min(matches), names, strict=True)}
    ends = [x for x in bonds[backbone[2]] if x in place and x not in known]
    if len(ends) == 1 and atomic_numbers[ends[0]] == 8:
        known[ends[0]] = "OXT"
    rest = [x for x in rows if x not in known]
    symbols = [_symbol(int(atomic_numbers[x])) for x in rest]
    known |= dict(zip(rest, _counted(symbols, set(known.values())), strict=True))
    return [known[x] for x in rows]


@cache
def _template(residue: str) -> tuple[Chem.Mol, tuple[str, ...]]:
    """The bonds within an amino acid, and the names of its atoms."""
    standard = _STANDARD.get(residue, residue)
    letter = gemmi.find_tabulated_residue(standard).one_letter_code
    molecule = Chem.MolFromSequence(letter)
    names = [x.GetPDBResidueInfo().GetName().strip() for x in molecule.GetAtoms()]
    atoms = dict(zip(names, molecule.GetAtoms(), strict=True))
    if residue == "ILE" and "CG1" not in _neighbours(atoms["CD1"]):
        # RDKit gives the longer branch to CG2; to the PDB it is CG1.
        swap = {"CG1": "CG2", "CG2": "CG1"}
        names = [swap.get(name, name) for name in names]
    # What ends a chain is there once per chain, not in every residue.
    kept = [k for k, name in enumerate(names) if name != "OXT"]
    place = {atom: k for k, atom in enumerate(kept)}
    bonds = [
        (place[b.GetBeginAtomIdx()], place[b.GetEndAtomIdx()])
        for b in molecule.GetBonds()
        if b.GetBeginAtomIdx() in place and b.GetEndAtomIdx() in place
    ]
    numbers = [molecule.GetAtomWithIdx(k).GetAtomicNum() for k in kept]
    return skeleton(numbers, bonds), tuple(names[k] for k in kept)


def _neighbours(atom: Chem.Atom) -> set[str]:
    """PDB names of the atoms bonded to one."""
    around = atom.GetNeighbors()
    return {str(x.GetPDBResidueInfo().GetName()).strip() for x in around}


def _counted(symbols: Sequence[str], taken: set[str]) -> list[str]:
    """C1, C2, O1, ... that are not taken."""
    counts, names = Counter[str](), []
    for symbol in symbols:
        while True:
            counts[symbol] += 1
            name = f"{symbol}{counts[symbol]}"
            if name not in taken:
                break
        names.append(name)
    return names


def _symbol(number: int) -> str:
    return str(gemmi.Element(number).name).upper()


def _residue(
    name: str,
    number: int,
    rows: Sequence[int],
    names: Sequence[str],
    atomic_numbers: Int[ndarray, " atoms"],
    positions: Float[ndarray, "atoms 3"],
) -> gemmi.Residue:
    residue = gemmi.Residue()
    residue.name, residue.seqid, residue.het_flag = name, gemmi.SeqId(str(number)), "A"
    for row, atom_name in zip(rows, names, strict=True):
        atom = gemmi.Atom()
        atom.name, atom.element = atom_name, gemmi.Element(int(atomic_numbers[row]))
        atom.pos = gemmi.Position(*positions[row].astype(float))
        atom.occ, atom.b_iso = 1.0, 0.0
        residue.add_atom(atom)
    return residue


def _pieces(rows: list[int], bonds: Bonds) -> list[list[int]]:
    """The atoms by molecule, in their order."""
    waiting, found = set(rows), []
    for row in rows:
        if row not in waiting:
            continue
        piece, edge = [], [row]
        waiting.discard(row)
        while edge:
            atom = edge.pop()
            piece.append(atom)
            near = [x for x in bonds[atom] if x in waiting]
            waiting -= set(near)
            edge += near
        found.append(sorted(piece))
    return found
