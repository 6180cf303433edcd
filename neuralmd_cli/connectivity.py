"""Which atoms are bonded, where only their places are known."""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from rdkit import Chem
from rdkit.Chem import rdDetermineBonds
from torch import Tensor

LARGE = (14, 15, 16, 17)
"""Si, P, S, Cl: RDKit may bond two of them across an atom between."""
LONGEST_BOND = 2.3
"""Å: two P with an oxygen between come as near as 2.4; a bond of two P has 2.2."""


def bare_molecule(
    atomic_numbers: Int[ndarray, " atoms"], positions: Float[ndarray, "atoms 3"]
) -> Chem.RWMol:
    """Atoms in their places (Å), no bonds yet."""
    molecule = Chem.RWMol()
    for number in atomic_numbers.tolist():
        molecule.AddAtom(Chem.Atom(number))
    conformer = Chem.Conformer(len(positions))
    conformer.SetPositions(positions.astype(np.float64))
    molecule.AddConformer(conformer)
    return molecule


def connect(molecule: Chem.RWMol) -> None:
    """Bond the atoms of a bare molecule by their distances, as RDKit does.

    Less what it bonds across an atom between two large ones.
    """
    rdDetermineBonds.DetermineConnectivity(molecule)
    x = molecule.GetConformer().GetPositions()
    for bond in list(molecule.GetBonds()):
        ends = bond.GetBeginAtom(), bond.GetEndAtom()
        first, second = (atom.GetIdx() for atom in ends)
        around = [{n.GetIdx() for n in atom.GetNeighbors()} for atom in ends]
        large = all(atom.GetAtomicNum() in LARGE for atom in ends)
        bridged = bool(around[0] & around[1])
        if large and bridged and np.linalg.norm(x[first] - x[second]) > LONGEST_BOND:
            molecule.RemoveBond(first, second)


def bonds_by_distance(
    atomic_numbers: Int[ndarray, " atoms"], positions: Float[ndarray, "atoms 3"]
) -> Int[Tensor, "bonds 2"]:
    """Pairs of bonded atoms.

    Args:
        atomic_numbers: Z of each atom.
        positions: of one snapshot, Å.
    """
    molecule = bare_molecule(atomic_numbers, positions)
    connect(molecule)
    pairs = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
