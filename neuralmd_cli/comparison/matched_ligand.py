"""The ligand that both trajectory files have, as a container."""

import torch
from jaxtyping import Bool, Float, Int
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.comparison.matching import Rows
from neuralmd_cli.complex import Ligand
from neuralmd_cli.connectivity import bonds_by_distance
from neuralmd_cli.readers import LoadedTrajectory


def matched_ligand(
    positions: Float[Tensor, "atoms 3"],
    predicted: LoadedTrajectory,
    reference: LoadedTrajectory,
    atoms: Rows,
) -> tuple[Ligand, tuple[str, ...]]:
    """Elements, masses and bonds of the matched atoms, and notes on where from.

    Bonds are the reference topology's, else the predicted one's, else by distance.

    Args:
        positions: of the matched atoms at the reference's start, Å.
        atoms: the matched heavy atoms of both.
    """
    numbers = reference.atomic_numbers[atoms.reference]
    bonds = _bonds_among(reference.bonds, atoms.reference, reference.heavy)
    if not len(bonds):
        bonds = _bonds_among(predicted.bonds, atoms.predicted, predicted.heavy)
    notes: tuple[str, ...] = ()
    if not len(bonds) and len(numbers) > 1:
        bonds = bonds_by_distance(numbers.numpy(), positions.numpy())
        notes = ("no topology has the ligand's bonds; they were found by distance",)
    table = Chem.GetPeriodicTable()
    masses = [table.GetAtomicWeight(z) for z in numbers.tolist()]
    ligand = Ligand(
        positions=positions,
        atomic_numbers=numbers,
        masses=torch.tensor(masses),
        bonds=bonds,
    )
    return ligand, notes


def _bonds_among(
    bonds: Int[Tensor, "bonds 2"],
    rows: Int[Tensor, " atoms"],
    heavy: Bool[Tensor, " all_atoms"],
) -> Int[Tensor, "kept 2"]:
    """Bonds between heavy atoms, as places in `rows`."""
    place = torch.full((len(heavy),), -1)
    place[rows] = torch.arange(len(rows))
    moved = place[bonds]
    return moved[(moved >= 0).all(dim=1)]
