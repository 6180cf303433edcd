"""One ligand of a batch and the heavy atoms near it, on the CPU in float64."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.stiff_parts import StiffParts, stiff_parts
from neuralmd_cli.models.pocket.hydrogen_bonds import Partners, partners_of_molecule

POLAR = (7, 8)
"""Elements that make hydrogen bonds."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the springs and contacts of one complex are made of."""

    positions: Float[Tensor, "atoms 3"]  # Å, float64
    bonds: Int[Tensor, "bonds 2"]
    stiff: StiffParts
    polar: Bool[Tensor, " atoms"]
    partners: Partners
    radii: Float[Tensor, " atoms"]  # Å, van der Waals
    obstacles: Float[Tensor, "obstacles 3"]  # Å
    obstacle_numbers: Int[Tensor, " obstacles"]
    obstacle_polar: Bool[Tensor, " obstacles"]
    obstacle_radii: Float[Tensor, " obstacles"]  # Å

    def is_same(self, other: "Surroundings") -> bool:
        """True for replicas of one complex."""
        pairs = (
            (self.positions, other.positions),
            (self.bonds, other.bonds),
            (self.radii, other.radii),
            (self.obstacles, other.obstacles),
        )
        return all(torch.equal(a, b) for a, b in pairs)

    def contacts(
        self, positions: Float[Tensor, "atoms 3"]
    ) -> tuple[Float[Tensor, "atoms obstacles"], Float[Tensor, "atoms obstacles 3"]]:
        """Distances (Å) to the obstacles, and unit vectors away from them."""
        away = positions[:, None] - self.obstacles
        distance = torch.linalg.vector_norm(away, dim=-1).clamp(min=1e-6)
        return distance, away / distance[..., None]


def surroundings(
    batch: Batch, molecules: Sequence[Chem.Mol | None] | None = None
) -> list[Surroundings]:
    """What is around each ligand of a batch, at its positions.

    Replicas, which follow each other, share one object.

    Args:
        batch: of complexes.
        molecules: their ligands with bond orders, None where they are not known.
    """
    known = molecules or [None] * batch.n_complexes

    def here(x: Tensor) -> Tensor:
        return x.detach().cpu().double() if x.is_floating_point() else x.cpu()

    x, numbers = here(batch.positions), here(batch.atomic_numbers)
    atom_complex, bonds = here(batch.atom_complex), here(batch.bonds)
    around, around_numbers = here(batch.obstacles), here(batch.obstacle_numbers)
    obstacle_complex = here(batch.obstacle_complex)
    found: list[Surroundings] = []
    for index in range(batch.n_complexes):
        own = atom_complex == index
        near = obstacle_complex == index
        first = int(own.nonzero()[0])
        own_bonds = bonds[own[bonds[:, 0]]] - first
        one = _of_one(
            (x[own], numbers[own], own_bonds),
            (around[near], around_numbers[near]),
            known[index],
        )
        same = bool(found) and found[-1].is_same(one)
        found.append(found[-1] if same else one)
    return found


def _of_one(
    ligand: tuple[Tensor, Tensor, Tensor],
    around: tuple[Tensor, Tensor],
    molecule: Chem.Mol | None,
) -> Surroundings:
    positions, numbers, bonds = ligand
    obstacles, obstacle_numbers = around
    polar = _is_polar(numbers)
    return Surroundings(
        positions=positions,
        bonds=bonds,
        stiff=stiff_parts(positions, numbers, bonds),
        polar=polar,
        partners=partners_of_molecule(molecule, polar),
        radii=_radii(numbers),
        obstacles=obstacles,
        obstacle_numbers=obstacle_numbers,
        obstacle_polar=_is_polar(obstacle_numbers),
        obstacle_radii=_radii(obstacle_numbers),
    )


def _is_polar(numbers: Int[Tensor, " atoms"]) -> Bool[Tensor, " atoms"]:
    return torch.isin(numbers, torch.tensor(POLAR))


def _radii(numbers: Int[Tensor, " atoms"]) -> Float[Tensor, " atoms"]:
    table = Chem.GetPeriodicTable()
    radii = {z: table.GetRvdw(z) for z in set(numbers.tolist())}
    return torch.tensor([radii[z] for z in numbers.tolist()], dtype=torch.float64)
