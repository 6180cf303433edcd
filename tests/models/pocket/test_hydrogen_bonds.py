"""Who can give a hydrogen bond, and who can take one."""

import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.models.pocket.hydrogen_bonds import (
    partners_by_bonds,
    partners_of_molecule,
)


def roles(partners, index):
    return ("d" if partners.donors[index] else "") + (
        "a" if partners.acceptors[index] else ""
    )


def numbers_of(molecule):
    return torch.tensor([x.GetAtomicNum() for x in molecule.GetAtoms()])


@pytest.mark.parametrize("hydrogens", [False, True])
@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCO", {2: "da"}),
        ("COC", {1: "a"}),
        ("CC(=O)N", {2: "a", 3: "d"}),
        ("CC(=O)[O-]", {2: "a", 3: "a"}),
        ("C[NH3+]", {1: "d"}),
        ("CN(C)C", {1: "a"}),
        ("Nc1ccncc1", {0: "d", 4: "a"}),
        ("c1c[nH]cn1", {2: "d", 4: "a"}),
        ("CS(=O)(=O)N(C)C", {2: "a", 3: "a", 4: ""}),
        ("CC#N", {2: "a"}),
        ("C[N+](C)(C)C", {1: ""}),
        ("Fc1ccccc1", {0: ""}),
    ],
)
def test_a_ligand_gives_and_takes_as_chemists_say(smiles, expected, hydrogens):
    """Whether its hydrogens are atoms of the molecule or not."""
    molecule = Chem.MolFromSmiles(smiles)
    numbers = numbers_of(molecule)
    molecule = Chem.AddHs(molecule) if hydrogens else molecule
    polar = (numbers == 7) | (numbers == 8)
    partners = partners_of_molecule(molecule, polar)
    assert {k: roles(partners, k) for k in expected} == expected
    assert len(partners.donors) == len(numbers)


def test_without_bond_orders_every_polar_atom_may_do_both():
    polar = torch.tensor([True, False])
    partners = partners_of_molecule(None, polar)
    assert [roles(partners, k) for k in (0, 1)] == ["da", ""]


@pytest.mark.parametrize(
    ("residue", "expected"),
    [
        ("S", {"OG": "da", "N": "d", "O": "a"}),
        ("Y", {"OH": "da"}),
        ("D", {"OD1": "a", "OD2": "a"}),
        ("N", {"OD1": "a", "ND2": "d"}),
        ("K", {"NZ": "d"}),
        ("R", {"NE": "d", "NH1": "d", "NH2": "d"}),
        ("W", {"NE1": "d"}),
        ("H", {"ND1": "da", "NE2": "da"}),
        ("P", {"N": ""}),
        ("M", {"O": "a"}),
    ],
)
def test_a_residue_gives_and_takes_as_its_neighbours_tell(residue, expected):
    """Heavy atoms alone, between two glycines; histidine may be either tautomer."""
    peptide = Chem.MolFromSequence(f"G{residue}G")
    whole = Chem.AddHs(peptide)
    AllChem.EmbedMolecule(whole, randomSeed=1)
    AllChem.MMFFOptimizeMolecule(whole)
    positions = torch.from_numpy(whole.GetConformer().GetPositions())
    heavy = peptide.GetNumAtoms()
    partners = partners_by_bonds(positions[:heavy], numbers_of(peptide))
    names = {
        x.GetPDBResidueInfo().GetName().strip(): x.GetIdx()
        for x in peptide.GetAtoms()
        if x.GetPDBResidueInfo().GetResidueNumber() == 2
    }
    assert {k: roles(partners, names[k]) for k in expected} == expected


def test_pairs_that_can_bond_are_one_of_each():
    """Two that only give, or only take, repel each other."""
    molecule = Chem.MolFromSmiles("CC(=O)NCC(=O)N")
    polar = (numbers_of(molecule) == 7) | (numbers_of(molecule) == 8)
    partners = partners_of_molecule(molecule, polar)
    gives, takes = 3, 2
    first = torch.tensor([gives, takes, gives, takes])
    second = torch.tensor([takes, gives, 7, 6])
    assert partners.can_bond(first, second).tolist() == [True, True, False, False]
