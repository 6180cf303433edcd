"""SDF and MOL files become ligands, or one clear message."""

import gzip
from dataclasses import fields

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.ligand import (
    read_ligand,
    with_hydrogens,
)


def embedded(smiles, hydrogens=True):
    """A molecule with 3-D coordinates."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(molecule, randomSeed=3, useRandomCoords=True) == 0
    return molecule if hydrogens else Chem.RemoveHs(molecule)


def block(molecule, **options):
    return Chem.MolToMolBlock(molecule, **options) + "$$$$\n"


def assert_same(first, second):
    for field in fields(first):
        one, two = getattr(first, field.name), getattr(second, field.name)
        torch.testing.assert_close(one, two, atol=1e-4, rtol=0, msg=field.name)


def test_heavy_atoms_come_in_file_order_with_plain_masses(molecule, write):
    """Positions, elements, masses and bonds are the file's; H adds no mass."""
    file = read_ligand(write("l.sdf", molecule))
    heavy = [a for a in molecule.GetAtoms() if a.GetAtomicNum() > 1]
    ligand = file.ligand
    assert ligand.atomic_numbers.tolist() == [a.GetAtomicNum() for a in heavy]
    places = molecule.GetConformer().GetPositions()[[a.GetIdx() for a in heavy]]
    np.testing.assert_allclose(ligand.positions.numpy(), places, atol=1e-4)
    assert ligand.masses[0].item() == pytest.approx(35.453)
    assert ligand.masses[1].item() == pytest.approx(12.011, abs=2e-3)
    assert len(ligand.bonds) == 11
    assert file.molecule.GetNumAtoms() == molecule.GetNumAtoms()
    assert Chem.GetFormalCharge(file.molecule) == 1
    assert file.notes == ()


def test_v2000_v3000_gzip_and_crlf_give_the_same_ligand(molecule, write):
    """None of the ways to write it changes a number."""
    text = block(molecule)
    plain = read_ligand(write("a.sdf", text)).ligand
    v3000 = block(molecule, forceV3000=True)
    for name, content in (
        ("b.sdf", v3000),
        ("c.sdf.gz", gzip.compress(v3000.encode())),
        ("d.sdf", text.replace("\n", "\r\n")),
        ("e.mol", text.replace("$$$$\n", "")),
    ):
        assert_same(plain, read_ligand(write(name, content)).ligand)


def test_hydrogens_change_nothing(molecule, write):
    """With and without hydrogens the heavy atoms are the same."""
    bare = Chem.RemoveHs(molecule)
    assert bare.GetNumAtoms() < molecule.GetNumAtoms()
    first = read_ligand(write("a.sdf", molecule)).ligand
    assert_same(first, read_ligand(write("b.sdf", bare)).ligand)


def test_added_hydrogens_leave_what_is_there_and_sit_on_their_carriers(molecule, write):
    """As many hydrogens as the formula needs, each a bond length from its atom."""
    bare = read_ligand(write("a.sdf", Chem.RemoveHs(molecule))).molecule
    full = with_hydrogens(bare)
    assert full.GetNumAtoms() == molecule.GetNumAtoms()
    places = full.GetConformer().GetPositions()
    kept = bare.GetConformer().GetPositions()
    np.testing.assert_array_equal(places[: len(kept)], kept)
    added = [full.GetAtomWithIdx(k) for k in range(len(kept), full.GetNumAtoms())]
    assert added
    for hydrogen in added:
        (carrier,) = hydrogen.GetNeighbors()
        length = np.linalg.norm(places[hydrogen.GetIdx()] - places[carrier.GetIdx()])
        assert 0.9 < length < 1.2
    assert with_hydrogens(full).GetNumAtoms() == full.GetNumAtoms()


def test_one_of_several_records_is_chosen_from_one(write):
    """Index 2 is the second; without an index the first, with a note."""
    text = block(embedded("CCO")) + block(embedded("CCN")) + block(embedded("CCF"))
    path = write("many.sdf", text)
    assert read_ligand(path, 2).ligand.atomic_numbers.tolist() == [6, 6, 7]
    assert read_ligand(path, 2).notes == ()
    first = read_ligand(path)
    assert first.ligand.atomic_numbers.tolist() == [6, 6, 8]
    assert "holds 3 molecules: took the first" in first.notes[0]
    for index in (0, 4, -1):
        with pytest.raises(InputError, match=f"no molecule {index}: it holds 3"):
            read_ligand(path, index)


def test_a_bad_record_is_named_by_number_and_line_and_spoils_no_other(write, capfd):
    """RDKit's reason goes into the message and not to stderr."""
    good, bad = block(embedded("CCO")), "x\n\n\n  2  1  0  0 V2000\nfoo\n$$$$\n"
    path = write("two.sdf", good + bad)
    line = good.count("\n") + 1
    assert read_ligand(path, 1).ligand.n_atoms == 3
    with pytest.raises(InputError) as caught:
        read_ligand(path, 2)
    assert f"molecule 2 of 2 (from line {line})" in caught.value.message
    assert "cannot be parsed: " in caught.value.message
    assert f"line {line + 4}" in caught.value.message
    assert capfd.readouterr().err == ""


def test_boron_silicon_selenium_and_halogens_are_ligands(write):
    """Metal-free organic molecules pass whatever they are made of."""
    for smiles in ("OB(O)c1ccccc1", "C[Si](C)(C)CO", "C[Se]CC", "FC(Cl)(Br)CI"):
        file = read_ligand(write("x.sdf", embedded(smiles)))
        assert file.ligand.n_atoms == Chem.MolFromSmiles(smiles).GetNumAtoms()


def test_flat_carbons_drawn_tetrahedral_get_a_note(write):
    """A benzoate whose ring is drawn with single bonds; the real one gets none."""
    real = embedded("Cc1ccccc1", hydrogens=False)
    assert read_ligand(write("a.sdf", real)).notes == ()
    wrong = Chem.RWMol(real)
    Chem.Kekulize(wrong, clearAromaticFlags=True)
    for bond in wrong.GetBonds():
        bond.SetBondType(Chem.BondType.SINGLE)
    note = read_ligand(write("b.sdf", wrong.GetMol())).notes[0]
    assert note == (
        "The ligand's bond orders look wrong: atom 2 (C) is flat but drawn with "
        "single bonds only."
    )


def changed(molecule, *, scale=1.0, flat=False, drop=False):
    """The molecule with other coordinates."""
    other = Chem.Mol(molecule)
    if drop:
        other.RemoveAllConformers()
        return other
    conformer = other.GetConformer()
    for index, place in enumerate(conformer.GetPositions() * scale):
        conformer.SetAtomPosition(index, (place * [1, 1, 0 if flat else 1]).tolist())
    return other


def scene(name):
    """The content of one bad ligand file."""
    alcohol = embedded("CCO")
    text = block(alcohol)
    atom = text.splitlines()[4]
    five = Chem.RWMol(embedded("CC(C)(C)C", hydrogens=False))
    far = five.AddAtom(Chem.Atom(6))
    five.GetConformer().SetAtomPosition(far, [0.9, 0.9, 0.9])
    five.AddBond(1, far, Chem.BondType.SINGLE)
    return {
        "empty": "",
        "no atoms": block(Chem.Mol()),
        "2-D": block(changed(alcohol, flat=True)),
        "no coordinates": block(changed(alcohol, scale=0.0)),
        "NaN": text.replace(atom, "       nan" + atom[10:]),
        "element": text.replace(atom, atom[:31] + "*  " + atom[34:]),
        "no such element": text.replace(atom, atom[:31] + "Qq " + atom[34:]),
        "ion": "x\n\n\n  1  0  0  0  0  0  0  0  0  0999 V2000\n"
        "    1.0000    2.0000    3.0000 Ca  0  0\nM  CHG  1   1   2\nM  END\n$$$$\n",
        "methane": block(embedded("C")),
        "salt": block(embedded("CC[NH3+].[Cl-]")),
        "phosphate": block(embedded("OP(=O)([O-])[O-]")),
        "metal": block(embedded("C[Hg]C")),
        "peptide": block(embedded("CC(N)C(=O)NC(C)C(=O)NC(CO)C(=O)O")),
        "nm": block(changed(alcohol, scale=0.1)),
        "valence": block(five.GetMol(), kekulize=False),
        "cut": "\n".join(text.splitlines()[:6]) + "\n",
    }[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", "x.sdf is empty"),
        ("no atoms", "x.sdf holds no atoms"),
        ("2-D", "has 2-D coordinates (every z is 0)"),
        ("no coordinates", "x.sdf has no coordinates"),
        ("NaN", "cannot be parsed: Cannot process coordinates on line 5"),
        ("element", "atom 1 has no element (its column reads '*')"),
        ("no such element", "cannot be parsed: Element 'Qq' not found"),
        ("ion", "is a single heavy atom (ion Ca+2), not a ligand"),
        ("methane", "is a single heavy atom (C), not a ligand"),
        ("salt", "holds 2 molecules that are not bonded to each other: C2H8N+, Cl-"),
        ("phosphate", "holds no carbon (HO4P-2): an ion or solvent"),
        ("metal", "atom 2 (Hg) is not an element of organic ligands"),
        ("peptide", "is a peptide: 3 or more amino acids in a row"),
        ("nm", "the bond between atom 1 (C) and atom 2 (C) is 0.15 Å long"),
        ("valence", "atom 2 (C) has bonds of total order 5, more than C"),
        ("cut", "cannot be parsed: EOF hit while reading atoms"),
    ],
)
def test_an_unusable_ligand_gets_one_clear_message(name, message, write, capfd):
    """And nothing of RDKit's own on stderr."""
    path = write("x.sdf", scene(name))
    capfd.readouterr()
    with pytest.raises(InputError) as caught:
        read_ligand(path)
    assert message in caught.value.message
    assert caught.value.hint
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("l.mol2", "@<TRIPOS>MOLECULE\n", "in the format .mol2", "Convert it to SDF"),
        ("l.pdb", "HETATM\n", "is a structure file", "--ligand-id and --smiles"),
        ("l.smi", "CCO\n", "in the format .smi", "Convert it to SDF"),
        ("l", "CCO\n", "ligands of this kind", "Convert it to SDF"),
    ],
)
def test_other_file_types_are_refused_with_the_way_to_go(
    name, content, message, hint, write
):
    """A PDB file names --ligand-id; anything else is to be converted."""
    with pytest.raises(InputError, match=message) as caught:
        read_ligand(write(name, content))
    assert hint in caught.value.hint
