"""A ligand is typed, or refused by the atom that cannot be."""

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.errors import InputError
from neuralmd_cli.md.codes import TYPES, element_codes, type_codes
from neuralmd_cli.md.ligand import check_typeable, mol2_charges, parametrise


def embedded(smiles: str) -> Chem.Mol:
    """A molecule with hydrogens and coordinates."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    return molecule


@pytest.mark.parametrize("smiles", ["OB(O)c1ccccc1", "C[Si](C)(C)C", "C[Se]C"])
def test_elements_without_parameters_are_named(smiles):
    """Boron, silicon and selenium."""
    with pytest.raises(InputError, match="GAFF2 has no parameters for (B|Si|Se)"):
        check_typeable(Chem.MolFromSmiles(smiles), "ligand.sdf")


def test_an_unpaired_electron_is_named():
    """The atom that has it."""
    with pytest.raises(InputError, match=r"atom 2 \(C\) has an unpaired electron"):
        check_typeable(Chem.MolFromSmiles("C[CH]C"), "ligand.sdf")


def test_charges_add_up_and_can_be_given(tmp_path):
    """AM1-BCC of methanol sums to zero; its mol2 gives the same charges again."""
    methanol = embedded("CO")
    made = parametrise(methanol, tmp_path, charges="am1-bcc", where="methanol.sdf")
    charges = mol2_charges(made.mol2, methanol)
    assert sum(charges) == pytest.approx(0, abs=2e-3)
    oxygen = charges[1]
    assert -0.75 < oxygen < -0.45
    given = tmp_path / "given.mol2"
    made.mol2.rename(given)
    again = parametrise(methanol, tmp_path, charges=str(given), where="methanol.sdf")
    assert mol2_charges(again.mol2, methanol) == pytest.approx(charges, abs=1e-4)
    with pytest.raises(InputError, match="holds 6 atoms"):
        mol2_charges(given, embedded("CCO"))


def test_a_charged_ligand_keeps_its_charge(tmp_path):
    """Acetate is typed with -1."""
    acetate = embedded("CC(=O)[O-]")
    made = parametrise(acetate, tmp_path, charges="gasteiger", where="acetate.sdf")
    assert sum(mol2_charges(made.mol2, acetate)) == pytest.approx(-1, abs=1e-2)


def test_types_have_the_codes_of_the_table(shared):
    """Every name at the number that MISATO's table gives it."""
    import json

    path = shared / "data" / "misato_schema" / "type_codes.json"
    table = json.loads(path.read_text())
    assert TYPES == [table[str(k)]["amber_type"] for k in range(1, 111)]
    elements = json.loads((path.parent / "element_codes.json").read_text())
    for code, x in elements.items():
        import numpy as np

        assert element_codes(np.array([x["atomic_number"]]))[0] == int(code)


def test_newer_types_are_written_as_the_table_s_and_said():
    """c5 and c6 are c3."""
    import numpy as np

    codes, renamed = type_codes(["c5", "c3", "CX"], np.array([6, 6, 6]))
    assert codes[0] == codes[1] != codes[2] == 14
    assert renamed == ("c5 as c3",)
