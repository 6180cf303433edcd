"""Which atoms an output file holds, with their names, residues and bonds.

A *topology* here is a `gemmi.Structure` of one model: unlike mdtraj's own class it
keeps insertion codes, negative residue numbers and two-letter elements through a PDB
file. Its atoms are the file's atoms, the ligand's last.
"""

from collections import Counter
from collections.abc import Iterator

import gemmi
import numpy as np
from jaxtyping import Float
from numpy import ndarray
from rdkit import Chem

from neuralmd_cli.errors import OutputError

LIGAND_REMARK = "REMARK   1 NEURALMD LIGAND"
"""Starts the PDB line that names the ligand's residue, chain and number."""

_PDB_ATOMS = 99_999


def ligand_topology(
    molecule: Chem.Mol, *, with_hydrogens: bool, residue_name: str = "LIG"
) -> gemmi.Structure:
    """One residue with the molecule's atoms, in its order, and its bonds.

    Atoms keep the names they had in a PDB file; others are named C1, C2, N1, ... All
    names differ. Bond orders are left to the SDF: repeated CONECT entries, the PDB's
    only way to say them, are read as several bonds by some programs.

    Raises:
        OutputError: an atom name would not fit the four columns of a PDB file.
    """
    atoms = [
        atom
        for atom in molecule.GetAtoms()
        if with_hydrogens or atom.GetAtomicNum() > 1
    ]
    residue = gemmi.Residue()
    residue.name, residue.seqid, residue.het_flag = residue_name, gemmi.SeqId("1"), "H"
    for atom, name in zip(atoms, _atom_names(atoms), strict=True):
        new = gemmi.Atom()
        new.name, new.element = name, gemmi.Element(atom.GetAtomicNum())
        new.charge, new.occ, new.b_iso = atom.GetFormalCharge(), 1.0, 0.0
        residue.add_atom(new)
    chain = gemmi.Chain("L")
    chain.add_residue(residue)
    topology = _one_model([chain])
    serials = {atom.GetIdx(): n for n, atom in enumerate(atoms, start=1)}
    for bond in molecule.GetBonds():
        ends = serials.get(bond.GetBeginAtomIdx()), serials.get(bond.GetEndAtomIdx())
        if ends[0] is not None and ends[1] is not None:
            topology.add_conect(ends[0], ends[1], 1)
    return topology


def complex_topology(
    structure: gemmi.Structure, ligand: gemmi.Structure
) -> gemmi.Structure:
    """First model of a structure, then the ligand in a chain of its own.

    Chain names, residue numbers, insertion codes and CONECT records of the structure
    are kept (names of several letters, as mmCIF has, are shortened to what a PDB file
    holds); of alternative conformations the one of highest occupancy is. The ligand
    must not be in `structure` as well.

    Raises:
        OutputError: more atoms than a PDB file can number.
    """
    rest = structure.clone()
    rest.shorten_chain_names()
    rest.shorten_ccd_codes()
    chains = list(rest[0])
    for chain in chains:
        for residue in chain:
            _keep_one_conformer(residue)
    old = [atom.serial for chain in chains for residue in chain for atom in residue]
    chain = ligand[0][0].clone()
    taken = {other.name for other in chains}
    free = (x for x in "LXYZABCDEFGHIJKMNOPQRSTUVW0123456789" if x not in taken)
    chain.name = next(free, "L")
    topology = _one_model([*chains, chain])
    check_size(topology)
    new = {serial: n for n, serial in enumerate(old, start=1)}
    for start, ends in rest.conect_map.items():
        for end in set(ends):
            if start < end and start in new and end in new:
                topology.add_conect(new[start], new[end], 1)
    for start, ends in ligand.conect_map.items():
        for end in ends:
            if start < end:
                topology.add_conect(start + len(old), end + len(old), 1)
    return topology


def rigid_positions(topology: gemmi.Structure) -> Float[ndarray, "all_atoms 3"]:
    """Positions of all atoms as the topology has them, Å."""
    rows = [atom.pos.tolist() for atom in topology_atoms(topology)]
    return np.array(rows, dtype=np.float32)


def check_size(topology: gemmi.Structure) -> None:
    """Refuse what a PDB file cannot number."""
    n = topology[0].count_atom_sites()
    if n > _PDB_ATOMS:
        raise OutputError(
            f"Protein and ligand have {n:,} atoms; a PDB file numbers {_PDB_ATOMS:,}.",
            hint="Write the ligand alone (the default).",
        )


def _atom_names(atoms: list[Chem.Atom]) -> list[str]:
    """Names from the molecule's PDB file where it has them, else element and count."""
    given = [_pdb_name(atom) for atom in atoms]
    if len(set(given) - {""}) != len(given) - given.count(""):
        given = [""] * len(atoms)
    taken, counts, names = set(given), Counter[str](), []
    for atom, name in zip(atoms, given, strict=True):
        symbol = atom.GetSymbol().upper()
        while not name:
            counts[symbol] += 1
            candidate = f"{symbol}{counts[symbol]}"
            name = "" if candidate in taken else candidate
        names.append(name)
    longest = max(names, key=len)
    if len(longest) > 4:
        raise OutputError(
            f"The ligand has too many atoms to name in a PDB file ({longest}).",
            hint="Simulate a smaller ligand.",
        )
    return names


def _pdb_name(atom: Chem.Atom) -> str:
    """Name of the atom in the PDB file the molecule came from, or nothing."""
    info = atom.GetPDBResidueInfo()
    return "" if info is None else str(info.GetName()).strip()


def _one_model(chains: list[gemmi.Chain]) -> gemmi.Structure:
    """A structure of these chains, its atoms numbered from 1."""
    model = gemmi.Model(1)
    for chain in chains:
        model.add_chain(chain)
    topology = gemmi.Structure()
    topology.add_model(model)
    topology.assign_serial_numbers()
    return topology


def _keep_one_conformer(residue: gemmi.Residue) -> None:
    """Of atoms of one name keep that of highest occupancy, the first among equals."""
    best: dict[str, int] = {}
    for index, atom in enumerate(residue):
        if atom.name not in best or atom.occ > residue[best[atom.name]].occ:
            best[atom.name] = index
    for index in reversed(range(len(residue))):
        if index in best.values():
            residue[index].altloc = "\0"
        else:
            del residue[index]


def topology_atoms(topology: gemmi.Structure) -> Iterator[gemmi.Atom]:
    """All atoms of the topology in file order."""
    for chain in topology[0]:
        for residue in chain:
            yield from residue
