"""Small ligands in the pocket of the example, as many as a test wants."""

from pathlib import Path

import numpy as np
from rdkit import Chem

from neuralmd_cli.models.neuralmd_sde.system import NeuralSDE
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from tests.toy import toy_system

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "nik"
PROTEIN = EXAMPLE / "nik.pdb"
PYRIMIDINE = "c1cnc(N)nc1"


def fragment(smarts: str = PYRIMIDINE) -> Chem.Mol:
    """A ring of the example's ligand, where it lies in the pocket."""
    whole = Chem.MolFromMolFile(str(EXAMPLE / "ligand_13v.sdf"))
    pattern = Chem.MolFromSmarts(smarts)
    keep = set(whole.GetSubstructMatch(pattern))
    assert keep, "the example's ligand has no such ring"
    cut = Chem.RWMol(whole)
    for index in sorted(set(range(whole.GetNumAtoms())) - keep, reverse=True):
        cut.RemoveAtom(index)
    found = cut.GetMol()
    Chem.SanitizeMol(found)
    return found


def block(title: str, shift: float = 0.0, molecule: Chem.Mol | None = None) -> str:
    """The ring as an SDF record, shifted by so many Å along x."""
    moved = Chem.Mol(molecule or fragment())
    conformer = moved.GetConformer()
    conformer.SetPositions(conformer.GetPositions() + np.array([shift, 0.0, 0.0]))
    moved.SetProp("_Name", "x")
    text = Chem.MolToMolBlock(moved)
    return title + text[1:] + "$$$$\n"


def write_poses(path: Path, count: int) -> Path:
    """So many poses, each a little beside the last."""
    molecule = fragment()
    path.write_text(
        "".join(block(f"pose {k}", 0.01 * k, molecule) for k in range(count))
    )
    return path


def write_weights(path: Path) -> Path:
    """A small system that draws at every step."""
    system = toy_system(NeuralSDE).float()
    metadata = CheckpointMetadata(
        name="toy", model=system.name, config=system.config.to_dict()
    )
    save_checkpoint(path, system.state_dict(), metadata)
    return path
