"""Bonds by distance."""

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.connectivity import bonds_by_distance
from neuralmd_cli.structure.recorded_molecule import recorded_molecule

DIPHOSPHATE = "COP(=O)(O)OP(=O)(O)O"


def placed(smiles):
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(molecule, randomSeed=1) == 0
    molecule = Chem.RemoveHs(molecule)
    numbers = np.array([x.GetAtomicNum() for x in molecule.GetAtoms()])
    return molecule, numbers, molecule.GetConformer().GetPositions()


def drawn(molecule):
    return {
        frozenset((x.GetBeginAtomIdx(), x.GetEndAtomIdx())) for x in molecule.GetBonds()
    }


def found(numbers, positions):
    return {frozenset(x) for x in bonds_by_distance(numbers, positions).tolist()}


@pytest.mark.parametrize(
    "smiles", [DIPHOSPHATE, "CSSC", "CP(C)P(C)C", "CP(=S)(C)C", "ClSCC", "c1ccsc1Cl"]
)
def test_bonds_are_those_that_were_drawn(smiles):
    """Also between two large atoms."""
    molecule, numbers, x = placed(smiles)
    assert found(numbers, x) == drawn(molecule)


@pytest.mark.parametrize("apart", [2.42, 2.5, 2.55])
def test_phosphorus_is_not_bonded_across_an_oxygen(apart):
    """Force fields squeeze it so far; the molecule is still the one that was meant."""
    molecule, numbers, x = placed(DIPHOSPHATE)
    ends = molecule.GetSubstructMatch(Chem.MolFromSmarts("POP"))
    first, bridge, second = ends
    middle = (x[first] + x[second]) / 2
    along = (x[second] - x[first]) / np.linalg.norm(x[second] - x[first])
    aside = x[bridge] - middle
    aside -= (aside @ along) * along
    aside /= np.linalg.norm(aside)
    half = apart / 2
    moved = x.copy()
    moved[bridge] = middle + aside * np.sqrt(1.6**2 - half**2)
    # Each phosphorus takes what hangs on it along.
    side = Chem.FragmentOnBonds(
        molecule,
        [molecule.GetBondBetweenAtoms(bridge, k).GetIdx() for k in (first, second)],
        addDummies=False,
    )
    for part in Chem.GetMolFrags(side):
        for end, way in ((first, -1), (second, 1)):
            if end in part:
                moved[list(part)] += middle + way * half * along - x[end]
    assert found(numbers, moved) == drawn(molecule)
    read = recorded_molecule(numbers, moved, smiles=DIPHOSPHATE, where="X")
    flat = {Chem.MolToSmiles(x, isomericSmiles=False) for x in (read, molecule)}
    assert len(flat) == 1
