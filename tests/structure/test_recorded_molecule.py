"""Bare atoms of a recording become the molecule that was simulated."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.recorded_molecule import recorded_molecule

DRUGLIKE = [
    "CC(=O)[O-]",
    "C[NH3+]",
    "[NH3+]C(C)C(=O)[O-]",  # zwitterion
    "NC(=[NH2+])c1ccc(O)cc1",  # amidinium
    "O=[N+]([O-])c1ccccc1",  # charges that cancel in one group
    "CS(=O)(=O)Nc1ccncc1",
    "O=c1[nH]c(-c2ccccc2)nc2ccccc12",
    "C#Cc1c[nH]c2ccccc12",
    "COP(=O)([O-])[O-]",
    "FC(F)(F)c1cscn1",
]


def atoms_of(smiles):
    """Elements and places of all atoms, hydrogens included."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(molecule, randomSeed=1) == 0
    numbers = np.array([x.GetAtomicNum() for x in molecule.GetAtoms()])
    return numbers, molecule.GetConformer().GetPositions()


def flat(molecule):
    return Chem.MolToSmiles(molecule, isomericSmiles=False)


@pytest.mark.parametrize("with_smiles", [True, False])
@pytest.mark.parametrize("smiles", DRUGLIKE)
def test_orders_and_charges_come_back(smiles, with_smiles):
    """The same molecule, heavy atoms in their order and places."""
    numbers, positions = atoms_of(smiles)
    found = recorded_molecule(
        numbers, positions, smiles=smiles if with_smiles else None, where="x"
    )
    assert flat(found) == Chem.CanonSmiles(smiles)
    assert [x.GetAtomicNum() for x in found.GetAtoms()] == numbers[numbers > 1].tolist()
    np.testing.assert_allclose(
        found.GetConformer().GetPositions(), positions[numbers > 1]
    )


@pytest.mark.parametrize("with_smiles", [True, False])
@pytest.mark.parametrize("file", ["droplet_4ps.hdf5", "droplet_10ps.hdf5"])
def test_every_ligand_of_our_recordings_is_its_smiles(shared, file, with_smiles):
    """20 of 20, from a thermal snapshot, with and without the SMILES to help."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(shared / "data" / "md" / file) as recordings:
        for name, group in recordings.items():
            first = int(group["molecules_begin_atom_index"][-1])
            smiles = group.attrs["smiles"]
            found = recorded_molecule(
                group["atoms_number"][first:],
                group["trajectory_coordinates"][50, first:],
                smiles=smiles if with_smiles else None,
                where=name,
            )
            assert flat(found) == flat(Chem.MolFromSmiles(smiles)), name


def test_hydrogens_may_be_missing_where_there_is_a_smiles():
    """Some files keep heavy atoms alone."""
    numbers, positions = atoms_of("CC(=O)Nc1ccccc1")
    heavy = numbers > 1
    found = recorded_molecule(
        numbers[heavy], positions[heavy], smiles="CC(=O)Nc1ccccc1", where="x"
    )
    assert flat(found) == "CC(=O)Nc1ccccc1"


@pytest.mark.parametrize(
    ("change", "smiles", "message"),
    [
        (lambda z, x: (z, x), "CC(=O)OC", "1ABC has the heavy atoms"),
        (lambda z, x: (z, x), "O=CCO", "not bonded as the SMILES says"),
        (lambda z, x: (z, x), "CC(=O)[O-]", "4 hydrogens, its SMILES 3"),
        (lambda z, x: (z[z > 1], x[z > 1]), None, "no hydrogens and no SMILES"),
        (lambda z, x: (z[:-1], x[:-1]), None, None),  # a charge instead
    ],
)
def test_what_cannot_be_right_is_refused(change, smiles, message):
    """Another molecule, another protonation, atoms that are missing."""
    numbers, positions = change(*atoms_of("CC(=O)O"))
    if message is None:
        found = recorded_molecule(numbers, positions, where="1ABC")
        assert flat(found) == "CC(=O)[O-]"
        return
    with pytest.raises(InputError, match=message):
        recorded_molecule(numbers, positions, smiles=smiles, where="1ABC")


def test_a_radical_is_refused():
    """Ethane short of a hydrogen would need a charged carbon."""
    numbers, positions = atoms_of("CC")
    with pytest.raises(InputError, match="1ABC: no bond orders fit"):
        recorded_molecule(numbers[:-1], positions[:-1], where="1ABC")


@pytest.mark.parametrize("smiles", ["CC(=O)O", "CC(=N)N", "OC(=O)C=CC(=O)O"])
def test_the_shorter_bond_is_the_double_one(smiles):
    """Ends that are bonded alike, in either order of the atoms."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert rdDistGeom.EmbedMolecule(molecule, randomSeed=5) == 0
    rdForceFieldHelpers.MMFFOptimizeMolecule(molecule)
    molecule = Chem.RemoveAllHs(molecule)
    for order in (range(molecule.GetNumAtoms()), range(molecule.GetNumAtoms())[::-1]):
        atoms = Chem.RenumberAtoms(molecule, list(order))
        numbers = np.array([x.GetAtomicNum() for x in atoms.GetAtoms()])
        places = atoms.GetConformer().GetPositions()
        found = recorded_molecule(numbers, places, smiles=smiles, where="x")
        for bond in atoms.GetBonds():
            ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            same = found.GetBondBetweenAtoms(*ends)
            assert same.GetBondType() == bond.GetBondType()
        hydrogens = [x.GetTotalNumHs() for x in atoms.GetAtoms()]
        assert [x.GetTotalNumHs() for x in found.GetAtoms()] == hydrogens
