"""A small run of ours and a foreign one, as files, for tests that look at them."""

import json
from pathlib import Path

import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.run_record import hashed
from neuralmd_cli.topology import ligand_topology
from neuralmd_cli.writers import (
    write_ligand_sdf,
    write_topology_pdb,
    write_trajectory,
)

SMILES = "C[C@H](O)C(=O)Nc1ccccc1"
"""Lactanilide: a stereocentre, an amide, a ring, two bonds that turn."""


def molecule(smiles: str = SMILES) -> Chem.Mol:
    """The molecule with hydrogens in a relaxed conformer."""
    found = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(found, randomSeed=7)
    AllChem.MMFFOptimizeMolecule(found)
    return found


def heavy_start(full: Chem.Mol) -> torch.Tensor:
    """Positions of the heavy atoms, Å."""
    positions = torch.tensor(full.GetConformer().GetPositions())
    return positions[[a.GetAtomicNum() > 1 for a in full.GetAtoms()]].float()


def write_run(
    folder: Path,
    frames: torch.Tensor,
    full: Chem.Mol,
    *,
    protein: Path | None = None,
    name: str = "run",
) -> Path:
    """Files as `simulate` writes them: trajectory, topology, ligand, run record."""
    path = folder / f"{name}.dcd"
    topology = ligand_topology(full, with_hydrogens=False)
    start = heavy_start(full)
    write_trajectory(path, frames, 80.0 * torch.arange(1, len(frames) + 1), topology)
    write_topology_pdb(path.with_suffix(".pdb"), start, topology)
    write_ligand_sdf(path.with_suffix(".sdf"), full, start)
    if protein is not None:
        record = {
            "command": ["neuralmd", "simulate", "--protein", str(protein)],
            "inputs": {"protein": vars(hashed(protein))},
            "outputs": [path.name],
        }
        path.with_suffix(".json").write_text(json.dumps(record))
    return path


def write_foreign(folder: Path, frames: torch.Tensor, full: Chem.Mol) -> Path:
    """A multi-model PDB with all hydrogens and residue UNL, as another program's."""
    path = folder / "foreign.pdb"
    held = Chem.Mol(full)
    held.RemoveAllConformers()
    for frame in frames:
        conformer = Chem.Conformer(held.GetNumAtoms())
        conformer.SetPositions(frame.double().numpy())
        held.AddConformer(conformer, assignId=True)
    path.write_text(Chem.MolToPDBBlock(held, flavor=4))
    return path
