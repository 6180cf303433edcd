"""A peptide of five residues with phenol beside it: as small as a complex can be."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.md.prepare import Inputs


@dataclass(frozen=True)
class Tiny:
    """Files of the complex."""

    protein: Path
    ligand: Path

    @property
    def inputs(self) -> Inputs:
        return Inputs(protein=self.protein, ligand=self.ligand)


def write_tiny(folder: Path) -> Tiny:
    """Peptide SAHKC as a PDB file without hydrogens, phenol as SDF with them."""
    peptide = Chem.AddHs(Chem.MolFromSequence("SAHKC"))
    AllChem.EmbedMolecule(peptide, randomSeed=7)
    AllChem.MMFFOptimizeMolecule(peptide)
    peptide = Chem.RemoveAllHs(peptide)
    protein = folder / "tiny.pdb"
    protein.write_text(Chem.MolToPDBBlock(peptide, flavor=2))
    phenol = Chem.AddHs(Chem.MolFromSmiles("Oc1ccccc1"))
    AllChem.EmbedMolecule(phenol, randomSeed=1)
    places = peptide.GetConformer().GetPositions()
    ring = phenol.GetConformer().GetPositions()
    phenol.GetConformer().SetPositions(beside(ring, places))
    ligand = folder / "phenol.sdf"
    with Chem.SDWriter(str(ligand)) as writer:
        writer.write(phenol)
    return Tiny(protein=protein, ligand=ligand)


def beside(ligand: np.ndarray, protein: np.ndarray) -> np.ndarray:
    """The ligand moved to 3.6 Å from the protein, along the shortest way out."""
    centred = ligand - ligand.mean(axis=0) + protein.mean(axis=0)
    best = None
    for direction in np.concatenate([np.eye(3), -np.eye(3)]):
        for far in np.arange(0.0, 30.0, 0.2):
            moved = centred + far * direction
            gap = np.linalg.norm(moved[:, None] - protein[None], axis=-1).min()
            if gap > 3.6:
                if best is None or far < best[0]:
                    best = (far, moved)
                break
    return best[1]
