"""Conformational strain of a ligand, by MMFF94."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers
from torch import Tensor

FREE = 0.3
"""Å a heavy atom may move without penalty while vibrations are relaxed away."""

_STIFFNESS = 100.0
"""Of the restraint beyond that, kcal/mol/Å²."""

_STEPS = 200
_DIELECTRIC = 80.0
"""Water's: in vacuum, charges of one molecule would decide the energy."""


def strain(
    molecule: Chem.Mol,
    positions: Float[Tensor, "frames atoms 3"],
    on_snapshot: Callable[[int], None] = lambda done: None,
) -> Float[Tensor, " frames"] | None:
    """MMFF94 energy of each frame above that of the molecule's own conformer.

    Both are first relaxed with heavy atoms held within 0.3 Å (hydrogens free), so that
    bond vibrations, which hold some kT/2 per degree of freedom, do not count as strain.
    Dielectric constant 80. NaN for a frame whose coordinates are not finite.

    Args:
        molecule: with all hydrogens, its conformer the start.
        positions: of all atoms, Å.
        on_snapshot: told how many are done.

    Returns:
        kcal/mol, or None if MMFF94 has no type for an atom.
    """
    with rdBase.BlockLogs():
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(molecule)
    if properties is None:
        return None
    properties.SetMMFFDielectricConstant(_DIELECTRIC)
    at_start = molecule.GetConformer().GetPositions()
    scratch = Chem.Mol(molecule)
    reference = _relaxed(scratch, properties, at_start)
    energies = []
    for done, frame in enumerate(positions.double().cpu().numpy(), start=1):
        energies.append(_relaxed(scratch, properties, frame) - reference)
        on_snapshot(done)
    return torch.tensor(energies, dtype=torch.double)


def _relaxed(
    molecule: Chem.Mol, properties: object, positions: Float[np.ndarray, "atoms 3"]
) -> float:
    """Energy after the restrained relaxation, kcal/mol."""
    if not np.isfinite(positions).all():
        return float("nan")
    molecule.GetConformer().SetPositions(np.ascontiguousarray(positions))
    with rdBase.BlockLogs():
        held = rdForceFieldHelpers.MMFFGetMoleculeForceField(molecule, properties)
        held.Initialize()
        for atom in molecule.GetAtoms():
            if atom.GetAtomicNum() > 1:
                held.MMFFAddPositionConstraint(atom.GetIdx(), FREE, _STIFFNESS)
        held.Minimize(maxIts=_STEPS)
        bare = rdForceFieldHelpers.MMFFGetMoleculeForceField(molecule, properties)
        return float(bare.CalcEnergy())
