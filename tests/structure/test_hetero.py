"""A ligand inside the protein's file: found by name, never with guessed bonds."""

import gemmi
import pytest
from rdkit import Chem

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.hetero import ligand_from_structure

SMILES = "Clc1ccccc1C[NH+](C)C"

# Two components as archive files describe them: acetate, and nitromethane.
DESCRIPTION = """
loop_
_chem_comp_atom.comp_id
_chem_comp_atom.atom_id
_chem_comp_atom.type_symbol
{atoms}
loop_
_chem_comp_bond.comp_id
_chem_comp_bond.atom_id_1
_chem_comp_bond.atom_id_2
_chem_comp_bond.value_order
{bonds}
"""


def with_group(structure, molecule, name="LIG", numbers=(801,), hydrogens=False):
    """The structure with copies of the molecule as HETATM groups of chain A."""
    full = structure.clone()
    for number in numbers:
        group = gemmi.Residue()
        group.name, group.seqid, group.het_flag = name, gemmi.SeqId(number, " "), "H"
        places = molecule.GetConformer().GetPositions()
        for atom in molecule.GetAtoms():
            if atom.GetAtomicNum() == 1 and not hydrogens:
                continue
            new = gemmi.Atom()
            new.name = f"{atom.GetSymbol().upper()}{atom.GetIdx()}"
            new.element = gemmi.Element(atom.GetSymbol())
            new.pos = gemmi.Position(*places[atom.GetIdx()])
            group.add_atom(new)
        full[0][0].add_residue(group)
    return full


def test_smiles_gives_bond_orders_charge_and_hydrogens(peptide, molecule, write):
    """Atoms stay in the order and place of the file."""
    path = write("p.pdb", with_group(peptide, molecule))
    for spec in ("LIG", "lig", "LIG:A", "LIG:A:801", "LIG::801"):
        file = ligand_from_structure(path, spec, SMILES)
        expected = Chem.CanonSmiles(SMILES)
        assert Chem.MolToSmiles(file.molecule) == expected
        numbers = file.ligand.atomic_numbers.tolist()
        heavy = [a.GetAtomicNum() for a in molecule.GetAtoms() if a.GetAtomicNum() > 1]
        assert numbers == heavy
        assert "Ligand taken from p.pdb: A:801 LIG." in file.notes


def test_hydrogens_of_the_group_are_not_used_and_that_is_said(peptide, molecule, write):
    """The SMILES decides on protonation."""
    path = write("p.pdb", with_group(peptide, molecule, hydrogens=True))
    file = ligand_from_structure(path, "LIG", SMILES)
    assert file.molecule.GetNumAtoms() == file.ligand.n_atoms
    assert any("hydrogens in the structure file are not used" in x for x in file.notes)


def cif(structure, atoms, bonds):
    """The structure as mmCIF, with a component description."""
    structure = structure.clone()
    structure.setup_entities()
    text = structure.make_mmcif_document().as_string()
    return text + DESCRIPTION.format(atoms="\n".join(atoms), bonds="\n".join(bonds))


NITRO_ATOMS = [
    *("LIG C0 C", "LIG N1 N", "LIG O2 O", "LIG O3 O"),
    *("LIG H1 H", "LIG H2 H", "LIG H3 H"),
]
NITRO_BONDS = [
    *("LIG C0 N1 SING", "LIG N1 O2 doub", "LIG N1 O3 sing"),
    *("LIG C0 H1 sing", "LIG C0 H2 sing", "LIG C0 H3 sing"),
]


@pytest.fixture
def nitro(peptide, embed):
    """A peptide with nitromethane beside it."""
    return with_group(peptide, embed("C[N+](=O)[O-]"))


def test_an_mmcif_file_that_describes_its_component_needs_no_smiles(nitro, write):
    """Charges follow from the bonds: the archive lists every hydrogen, no charge."""
    path = write("p.cif", cif(nitro, NITRO_ATOMS, NITRO_BONDS))
    file = ligand_from_structure(path, "LIG", None)
    assert Chem.MolToSmiles(file.molecule) == "C[N+](=O)[O-]"


@pytest.mark.parametrize(
    ("atoms", "bonds", "message"),
    [
        ([*NITRO_ATOMS, "LIG C9 C"], NITRO_BONDS, "component description: C9"),
        (NITRO_ATOMS, [*NITRO_BONDS[1:], "LIG C0 N1 arom"], "the order 'arom'"),
        (NITRO_ATOMS, NITRO_BONDS[:-1], "C0 has bonds of total order 3"),
    ],
)
def test_a_description_that_does_not_fit_is_not_bent(
    atoms, bonds, message, nitro, write
):
    """Missing atoms, unclear orders and open charges are each refused."""
    path = write("p.cif", cif(nitro, atoms, bonds))
    with pytest.raises(InputError, match=message):
        ligand_from_structure(path, "LIG", None)


def test_a_free_amino_acid_is_known(peptide, embed, write):
    """RDKit lists its bonds."""
    path = write("p.pdb", with_group(peptide, embed("N[C@@H](CC(N)=O)C(=O)O"), "ASN"))
    file = ligand_from_structure(path, "ASN", None)
    assert Chem.MolToSmiles(file.molecule) == "NC(=O)C[C@H](N)C(=O)O"


def test_another_stereoisomer_in_the_smiles_is_said(peptide, embed, write):
    """The coordinates win, with a note; the right isomer gets none."""
    path = write("p.pdb", with_group(peptide, embed("C[C@H](F)Cl")))
    right = ligand_from_structure(path, "LIG", "C[C@H](F)Cl")
    wrong = ligand_from_structure(path, "LIG", "C[C@@H](F)Cl")
    assert len(right.notes) == 1
    assert "another stereoisomer" in wrong.notes[1]


@pytest.mark.parametrize(
    ("spec", "smiles", "message"),
    [
        ("LIG:A:801", None, "the file does not say its bond orders"),
        ("LIG:A:801", "CCO", "heavy atoms C9 Cl N, the SMILES C2 O"),
        ("LIG:A:801", "Clc1cccc(C[NH+](C)C)c1", "not bonded as the SMILES says"),
        ("LIG:A:801", "C(", "'C(' is not a valid SMILES"),
        ("LIG", SMILES, "holds 2 groups LIG: A:801 LIG, A:802 LIG"),
        ("LIG:B", SMILES, "holds no LIG:B; LIG is at A:801 LIG, A:802 LIG"),
        ("XYZ", SMILES, "holds no group XYZ; it holds A:801 LIG, A:802 LIG"),
        ("HOH", SMILES, "HOH is water"),
        ("ALA", SMILES, "ALA is an amino acid of the chains"),
        ("a:b:c:d", SMILES, "'a:b:c:d' does not name a ligand"),
        ("", SMILES, "'' does not name a ligand"),
    ],
)
def test_a_group_that_cannot_be_taken_gets_one_clear_message(
    spec, smiles, message, peptide, molecule, write
):
    """Unknown and ambiguous names list what there is."""
    path = write("p.pdb", with_group(peptide, molecule, numbers=(801, 802)))
    with pytest.raises(InputError) as caught:
        ligand_from_structure(path, spec, smiles)
    assert message in caught.value.message
    assert caught.value.hint


def test_a_single_ion_is_no_ligand(peptide, embed, write):
    """It stays with the protein."""
    ion = Chem.RemoveHs(embed("[Cl-]"))
    path = write("p.pdb", with_group(peptide, ion, "CL"))
    with pytest.raises(InputError, match="is a single atom, not a ligand"):
        ligand_from_structure(path, "CL", None)


def test_donepezil_is_taken_from_its_crystal_structure(shared):
    """1EVE as the PDB distributes it."""
    path = shared / "data" / "structures" / "pdb" / "1eve.pdb"
    smiles = "COc1cc2CC(CC3CCN(CC3)Cc4ccccc4)C(=O)c2cc1OC"
    file = ligand_from_structure(path, "E20", smiles)
    assert file.ligand.n_atoms == 28
    with pytest.raises(InputError, match="holds 5 groups NAG"):
        ligand_from_structure(path, "NAG", None)


def test_what_could_be_meant_is_listed_first(shared):
    """Not the 122 nucleotides around it; and without any group, --ligand is named."""
    root = shared / "data" / "structures" / "pdb"
    with pytest.raises(InputError, match="holds no group XYZ; it holds A:101 GLN"):
        ligand_from_structure(root / "5ddr.pdb", "XYZ", None)
    with pytest.raises(InputError, match="no ligand at all") as caught:
        ligand_from_structure(root / "4day.pdb", "XYZ", None)
    assert "--ligand" in caught.value.hint
