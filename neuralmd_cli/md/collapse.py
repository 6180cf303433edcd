"""Whether a ligand is still the molecule that was typed."""

import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.complex import Ligand
from neuralmd_cli.connectivity import bonds_by_distance

LOOKED_AT = 20
"""Snapshots, evenly spaced."""
OFTEN = 0.5
"""Share of them from which on it is no passing contact."""


def collapse_warnings(
    ligand: Ligand,
    positions: Float[Tensor, "snapshots atoms 3"],
    numbers: list[int],
) -> list[str]:
    """A sentence for each pair of atoms that stand as near as if they were bonded.

    Force fields know next to no size of some hydrogens: a neutral phosphate's hydroxyl
    may fall onto its neighbour, and everything else goes on as if nothing were wrong.

    Args:
        ligand: as it was prepared, heavy atoms only.
        positions: of its heavy atoms, Å.
        numbers: of the atoms in their file, to name them by.
    """
    drawn = {frozenset(x) for x in ligand.bonds.tolist()}
    chosen = torch.linspace(0, len(positions) - 1, min(len(positions), LOOKED_AT))
    frames = positions[chosen.round().long()].double().numpy()
    elements = ligand.atomic_numbers.numpy()
    seen: dict[frozenset[int], int] = {}
    for frame in frames:
        for pair in map(frozenset, bonds_by_distance(elements, frame).tolist()):
            if pair not in drawn:
                seen[pair] = seen.get(pair, 0) + 1
    symbol = Chem.GetPeriodicTable().GetElementSymbol
    return [
        "The ligand has collapsed: "
        + " and ".join(f"atom {numbers[k]} ({symbol(int(elements[k]))})" for k in pair)
        + ", which are not bonded, stand like bonded ones in "
        f"{100 * count / len(frames):.0f} % of the snapshots. Do not use this run; "
        "charge the ligand as it is in water."
        for pair, count in ((sorted(x), n) for x, n in seen.items())
        if count >= OFTEN * len(frames)
    ]
