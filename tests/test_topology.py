import gemmi
import pytest
from rdkit import Chem

from neuralmd_cli.errors import OutputError
from neuralmd_cli.topology import complex_topology, ligand_topology, topology_atoms


def names(topology: gemmi.Structure) -> list[str]:
    return [atom.name for atom in topology_atoms(topology)]


def test_atoms_are_named_by_element_and_count():
    """Names differ, in the molecule's order; hydrogens only if asked for."""
    molecule = Chem.AddHs(Chem.MolFromSmiles("CC(Cl)N"))
    assert names(ligand_topology(molecule, with_hydrogens=False)) == [
        "C1",
        "C2",
        "CL1",
        "N1",
    ]
    every = names(ligand_topology(molecule, with_hydrogens=True))
    assert len(set(every)) == molecule.GetNumAtoms() == len(every)


def test_names_from_a_pdb_file_are_kept():
    """Atoms that have names keep them; others get names that are free."""
    molecule = Chem.MolFromSmiles("CCO")
    for index, name in enumerate([" C2 ", " C9 "]):
        info = Chem.AtomPDBResidueInfo()
        info.SetName(name)
        molecule.GetAtomWithIdx(index).SetPDBResidueInfo(info)
    assert names(ligand_topology(molecule, with_hydrogens=False)) == ["C2", "C9", "O1"]


def test_doubtful_names_are_replaced():
    """Two atoms of one name in the file: all are named anew."""
    molecule = Chem.MolFromSmiles("CC")
    for atom in molecule.GetAtoms():
        info = Chem.AtomPDBResidueInfo()
        info.SetName(" C7 ")
        atom.SetPDBResidueInfo(info)
    assert names(ligand_topology(molecule, with_hydrogens=False)) == ["C1", "C2"]


def test_too_many_atoms_to_name_are_refused():
    """C1000 has five letters, a PDB file four columns."""
    molecule = Chem.MolFromSmiles("C" * 1000)
    with pytest.raises(OutputError, match="C1000"):
        ligand_topology(molecule, with_hydrogens=False)


def test_too_many_atoms_for_a_pdb_file_are_refused():
    """100,000 atoms have no serial numbers a PDB reader understands."""
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    chain = gemmi.Chain("A")
    for number in range(1, 2001):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "UNK", gemmi.SeqId(number, " ")
        for index in range(50):
            atom = gemmi.Atom()
            atom.name, atom.element = f"C{index}", gemmi.Element("C")
            residue.add_atom(atom)
        chain.add_residue(residue)
    structure[0].add_chain(chain)
    ligand = ligand_topology(Chem.MolFromSmiles("C"), with_hydrogens=False)
    with pytest.raises(OutputError, match=r"100,001 atoms"):
        complex_topology(structure, ligand)


def test_long_names_fit_a_pdb_file():
    """Chain names and residue codes of mmCIF are shortened, the input is not."""
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    residue = gemmi.Residue()
    residue.name, residue.seqid = "A1ABC", gemmi.SeqId("4")
    atom = gemmi.Atom()
    atom.name, atom.element = "C1", gemmi.Element("C")
    residue.add_atom(atom)
    chain = gemmi.Chain("AAA")
    chain.add_residue(residue)
    structure[0].add_chain(chain)
    ligand = ligand_topology(Chem.MolFromSmiles("C"), with_hydrogens=False)
    joined = complex_topology(structure, ligand)
    assert len(joined[0][0].name) == 1
    assert len(joined[0][0][0].name) <= 3
    assert structure[0][0].name == "AAA"


def test_bonds_of_a_cofactor_are_kept():
    """CONECT records of the structure follow its atoms to their new serials."""
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    chain, residue = gemmi.Chain("A"), gemmi.Residue()
    residue.name, residue.seqid = "COF", gemmi.SeqId("1")
    for serial in (70, 80):
        atom = gemmi.Atom()
        atom.name, atom.element, atom.serial = f"C{serial}", gemmi.Element("C"), serial
        residue.add_atom(atom)
    chain.add_residue(residue)
    structure[0].add_chain(chain)
    structure.add_conect(70, 80, 1)
    ligand = ligand_topology(Chem.MolFromSmiles("CO"), with_hydrogens=False)
    joined = complex_topology(structure, ligand)
    assert joined.conect_map == {1: [2], 2: [1], 3: [4], 4: [3]}
