"""A small peptide and a small ligand beside it, written as files."""

from collections.abc import Callable
from pathlib import Path

import gemmi
import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

SEQUENCE = "GACDHFKMSW"


@pytest.fixture(scope="session")
def peptide() -> gemmi.Structure:
    """A ten-residue chain A with hydrogens."""
    molecule = Chem.AddHs(Chem.MolFromSequence(SEQUENCE), addResidueInfo=True)
    assert AllChem.EmbedMolecule(molecule, randomSeed=7, useRandomCoords=True) == 0
    block = Chem.MolToPDBBlock(molecule)
    atoms = [x for x in block.splitlines() if x.startswith(("ATOM", "HETATM"))]
    return gemmi.read_pdb_string("\n".join(atoms))


@pytest.fixture(scope="session")
def molecule(peptide) -> Chem.Mol:
    """A charged, halogenated ligand with hydrogens, 3.4 Å from the peptide."""
    found = Chem.AddHs(Chem.MolFromSmiles("Clc1ccccc1C[NH+](C)C"))
    assert AllChem.EmbedMolecule(found, randomSeed=7) == 0
    conformer = found.GetConformer()
    places = conformer.GetPositions()
    heavy = [x.GetAtomicNum() > 1 for x in found.GetAtoms()]
    wall = np.array(
        [
            a.pos.tolist()
            for c in peptide[0]
            for r in c
            for a in r
            if a.element.name > "B"
        ]
    )
    for shift in np.arange(60, -60, -0.1):
        moved = places + np.array([shift, 0, 0])
        gap = np.linalg.norm(moved[heavy][:, None] - wall[None], axis=2).min()
        if gap < 3.5:
            break
    for index, place in enumerate(moved):
        conformer.SetAtomPosition(index, place.tolist())
    return found


@pytest.fixture
def write(tmp_path) -> Callable[[str, object], Path]:
    """Write text, a gemmi structure (as PDB) or a molecule (as SDF) to a file."""

    def save(name: str, content: object) -> Path:
        path = tmp_path / name
        if isinstance(content, gemmi.Structure):
            content = content.make_pdb_string()
        elif isinstance(content, Chem.Mol):
            content = Chem.MolToMolBlock(content) + "$$$$\n"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return save


@pytest.fixture(scope="session")
def embed() -> Callable[[str], Chem.Mol]:
    """Make a molecule with hydrogens and 3-D coordinates from a SMILES."""

    def make(smiles: str) -> Chem.Mol:
        found = Chem.AddHs(Chem.MolFromSmiles(smiles))
        assert AllChem.EmbedMolecule(found, randomSeed=3, useRandomCoords=True) == 0
        return found

    return make
