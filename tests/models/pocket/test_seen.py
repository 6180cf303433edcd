"""What a complex has that the weights never saw is said, and nothing else is."""

from dataclasses import replace

import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.models.pocket.seen import Seen, burial
from tests.toy import toy_complex

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
SEEN = Seen(smiles=(ASPIRIN, "CCOC(=O)c1ccccc1O"), atoms_around=(2.0, 10.0))


def like(complex_=None):
    """A complex that is well within the range."""
    complex_ = complex_ or toy_complex(0)
    here = burial(complex_)
    return replace(SEEN, atoms_around=(0.8 * here, 1.2 * here)), complex_


def test_a_relative_in_a_like_pocket_gets_no_warning():
    """With or without explicit hydrogens."""
    seen, complex_ = like()
    molecule = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)OC")
    assert seen.warnings(complex_, molecule) == []
    assert seen.warnings(complex_, Chem.AddHs(molecule)) == []
    assert seen.warnings(complex_, None) == []


@pytest.mark.parametrize(
    ("smiles", "words"),
    [
        ("CC(=O)Oc1ccccc1C(=O)OCCCCCCCCCCCC", "heavy atoms"),
        ("CC(=O)Oc1ccccc1C(=O)[O-]", "charge is -1"),
        ("C1CC2CCC1N2CCS", "similarity"),
    ],
)
def test_an_unlike_ligand_is_named(smiles, words):
    """By its size, its charge, or the lack of any relative."""
    seen, complex_ = like()
    assert any(words in x for x in seen.warnings(complex_, Chem.MolFromSmiles(smiles)))


def test_a_metal_by_the_ligand_is_named():
    """And one that is far away is not."""
    complex_ = toy_complex(0)
    numbers = complex_.protein.obstacle_numbers.clone()
    nearest = torch.cdist(
        complex_.protein.obstacle_positions, complex_.ligand.positions
    ).amin(dim=1)
    for index, expected in ((nearest.argmin(), True), (nearest.argmax(), False)):
        changed = numbers.clone()
        changed[index] = 30
        positions = complex_.protein.obstacle_positions.clone()
        if not expected:
            positions[index] += 30.0
        protein = replace(
            complex_.protein, obstacle_numbers=changed, obstacle_positions=positions
        )
        seen, there = like(replace(complex_, protein=protein))
        assert any("Zn" in x for x in seen.warnings(there, None)) == expected


def test_a_ligand_in_the_open_is_named():
    """A pose outside of any pocket is none that was trained on."""
    seen, complex_ = like()
    far = complex_.protein.obstacle_positions + 40.0
    alone = replace(complex_, protein=replace(complex_.protein, obstacle_positions=far))
    (warning,) = seen.warnings(alone, None)
    assert "heavy atoms within" in warning


def test_it_survives_json():
    """As part of a checkpoint."""
    values = {"smiles": list(SEEN.smiles), "atoms_around": list(SEEN.atoms_around)}
    assert Seen.from_dict(values) == SEEN


def test_a_molecule_with_coordinates_is_compared_by_its_bonds():
    """As `prepare` gives it: hydrogens, conformer and all."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(ASPIRIN))
    AllChem.EmbedMolecule(molecule, randomSeed=0)
    seen, complex_ = like()
    assert seen.warnings(complex_, molecule) == []
