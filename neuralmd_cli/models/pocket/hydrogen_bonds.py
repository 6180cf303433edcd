"""Which heavy atoms can give a hydrogen bond, and which can take one."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.structure.molecule import heavy_atoms

BONDED = 2.1
"""Å, below which two heavy atoms of a pocket are bonded."""
CARBON, NITROGEN, OXYGEN = 6, 7, 8
_ACCEPTOR = Chem.MolFromSmarts(
    "[$([#8]),$([nX2,NX2,NX1]),$([NX3;+0;!$(N-C=[O,S,N]);!$(N-S(=O)=O);!$(N-a)])]"
)
"""O; N whose lone pair is not part of an amide, a sulphonamide or an aniline."""
THIRD_ROW = (15, 16)
"""Of phosphates and sulphates."""


@dataclass(frozen=True, kw_only=True)
class Partners:
    """Who gives and who takes; an atom may do both, or neither."""

    donors: Bool[Tensor, " atoms"]
    acceptors: Bool[Tensor, " atoms"]

    def followed_by(self, other: "Partners") -> "Partners":
        """These atoms, then others."""
        return Partners(
            donors=torch.cat([self.donors, other.donors]),
            acceptors=torch.cat([self.acceptors, other.acceptors]),
        )

    def can_bond(
        self, first: Int[Tensor, " pairs"], second: Int[Tensor, " pairs"]
    ) -> Bool[Tensor, " pairs"]:
        """True for pairs of one that gives and one that takes."""
        gives, takes = self.donors, self.acceptors
        return (gives[first] & takes[second]) | (takes[first] & gives[second])


def partners_of_molecule(
    molecule: Chem.Mol | None, polar: Bool[Tensor, " atoms"]
) -> Partners:
    """Of a ligand: what has a hydrogen gives, a lone pair that is free takes.

    Args:
        molecule: with bond orders; None where they are not known: each polar atom may
            then do both.
        polar: N and O.
    """
    if molecule is None:
        return Partners(donors=polar, acceptors=polar)
    heavy = [molecule.GetAtomWithIdx(x) for x in heavy_atoms(molecule)]
    takes = {x for (x,) in molecule.GetSubstructMatches(_ACCEPTOR)}
    gives = [x.GetTotalNumHs(includeNeighbors=True) > 0 for x in heavy]
    return Partners(
        donors=torch.tensor(gives) & polar,
        acceptors=torch.tensor([x.GetIdx() in takes for x in heavy]) & polar,
    )


def partners_by_bonds(
    positions: Float[Tensor, "atoms 3"], numbers: Int[Tensor, " atoms"]
) -> Partners:
    """Of a pocket's heavy atoms, whose hydrogens nobody knows, by their neighbours.

    N gives if it has fewer than three neighbours, and takes too between two ring atoms
    of an imidazole. O takes; one that is not of a carbonyl, an acid or bonded to P or S
    gives as well.
    """
    bonded = torch.cdist(positions, positions) < BONDED
    bonded.fill_diagonal_(False)

    def beside(chosen: Bool[Tensor, " atoms"]) -> Int[Tensor, " atoms"]:
        return (bonded & chosen).sum(dim=1)

    carbon, nitrogen, oxygen = (numbers == z for z in (CARBON, NITROGEN, OXYGEN))
    neighbours = bonded.sum(dim=1)
    between = carbon & (neighbours == 2) & (beside(nitrogen) == 2)
    imidazole = nitrogen & (neighbours == 2) & (beside(between) > 0)
    carbonyl = carbon & ((beside(nitrogen) > 0) | (beside(oxygen) > 1))
    third_row = torch.isin(numbers, torch.tensor(THIRD_ROW))
    alone = beside(carbonyl) + beside(third_row) == 0
    return Partners(
        donors=(nitrogen & (neighbours < 3)) | (oxygen & alone),
        acceptors=oxygen | imidazole,
    )
