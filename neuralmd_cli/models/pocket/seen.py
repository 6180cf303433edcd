"""What the weights of a pocket were fitted to, and how far a complex is from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import rdFingerprintGenerator

from neuralmd_cli.complex import Complex

AROUND = 6.0
"""Å, within which atoms count as around a ligand atom."""
ORGANIC = (1, 6, 7, 8, 16)
"""Elements of the proteins that were trained on."""
SIMILAR = 0.15
"""Tanimoto coefficient of Morgan fingerprints (radius 2, 2048 bits) below which the
nearest training ligand is no relative: two unrelated drugs have some 0.1."""
MARGIN = 1.5
"""Factor by which a number may leave the range of the training set."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Ligands and burials of the complexes a pocket was fitted to."""

    smiles: tuple[str, ...]
    atoms_around: tuple[float, float]  # heavy, within 6 Å of a ligand atom, on average

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Seen":
        """Rebuild from JSON."""
        low, high = values["atoms_around"]
        return cls(smiles=tuple(values["smiles"]), atoms_around=(low, high))

    def warnings(self, complex_: Complex, molecule: Chem.Mol | None) -> list[str]:
        """What is unlike anything the weights were fitted to, a sentence each."""
        found = [*self._of_pocket(complex_)]
        if molecule is not None:
            found += self._of_ligand(molecule)
        return found

    def _of_ligand(self, molecule: Chem.Mol) -> list[str]:
        found = []
        known = [_parsed(x) for x in self.smiles]
        sizes = [x.GetNumHeavyAtoms() for x in known]
        size = molecule.GetNumHeavyAtoms()
        if not min(sizes) / MARGIN <= size <= max(sizes) * MARGIN:
            found.append(
                f"The ligand has {size} heavy atoms; the weights were fitted to "
                f"{min(sizes)} to {max(sizes)}."
            )
        charges = [Chem.GetFormalCharge(x) for x in known]
        charge = Chem.GetFormalCharge(molecule)
        if not min(charges) <= charge <= max(charges):
            found.append(
                f"The ligand's charge is {charge:+d}; the weights were fitted to "
                f"{min(charges):+d} to {max(charges):+d}."
            )
        nearest = max(
            DataStructs.BulkTanimotoSimilarity(
                _fingerprint(molecule), [_fingerprint(x) for x in known]
            )
        )
        if nearest < SIMILAR:
            found.append(
                f"No ligand the weights were fitted to is like this one (similarity "
                f"{nearest:.2f} at most)."
            )
        return found

    def _of_pocket(self, complex_: Complex) -> list[str]:
        found = []
        around = burial(complex_)
        low, high = self.atoms_around
        if not low / MARGIN <= around <= high * MARGIN:
            found.append(
                f"The ligand has {around:.0f} heavy atoms within {AROUND:g} Å of each "
                f"of its own, on average; the weights were fitted to {low:.0f} to "
                f"{high:.0f}."
            )
        x, protein = complex_.ligand.positions, complex_.protein
        numbers = protein.obstacle_numbers
        strange = ~torch.isin(numbers, torch.tensor(ORGANIC).to(numbers))
        near = torch.cdist(x, protein.obstacle_positions[strange].to(x)) < AROUND
        table = Chem.GetPeriodicTable()
        symbols = {
            table.GetElementSymbol(z)
            for z in numbers[strange][near.any(dim=0)].tolist()
        }
        if symbols:
            found.append(
                f"{', '.join(sorted(symbols))} near the ligand: the weights never saw "
                "such atoms in a pocket."
            )
        return found


def burial(complex_: Complex) -> float:
    """Heavy atoms of the surroundings near a ligand atom, on average."""
    x = complex_.ligand.positions
    others = complex_.protein.obstacle_positions.to(x)
    return float((torch.cdist(x, others) < AROUND).sum(dim=1).double().mean())


@lru_cache(maxsize=64)
def _parsed(smiles: str) -> Chem.Mol:
    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(smiles)


def _fingerprint(molecule: Chem.Mol) -> DataStructs.ExplicitBitVect:
    with rdBase.BlockLogs():
        heavy = Chem.RemoveHs(molecule, sanitize=False)
        heavy.UpdatePropertyCache(strict=False)
        Chem.FastFindRings(heavy)
        generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
        bits: DataStructs.ExplicitBitVect = generator.GetFingerprint(heavy)
        return bits
