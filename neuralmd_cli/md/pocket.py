"""The part of a protein around its ligand, for a droplet."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from neuralmd_cli.errors import InputError
from neuralmd_cli.md.protein import Chains, Residue, Stretch, with_bonds_kept

CUTOFF = 9.0
"""Å; residues with a heavy atom this near a heavy atom of the ligand are kept."""
GAP = 3
"""So many residues between two kept ones are kept as well."""
LONE = 6.0
"""Å; a residue kept alone is dropped if it is farther than this from the ligand."""

Neighbours = dict[str, tuple[Residue | None, Residue | None]]


@dataclass(frozen=True, kw_only=True)
class Pocket:
    """The residues kept, and who stood beside each in the whole protein."""

    chains: Chains
    neighbours: Neighbours  # by label: the residues before and after


def pocket_of(
    chains: Chains, ligand: Float[ndarray, "atoms 3"], *, cutoff: float = CUTOFF
) -> Pocket:
    """The residues near the ligand, short gaps filled, lone distant ones dropped.

    Args:
        chains: the whole protein, complete, without caps.
        ligand: its heavy atoms, Å.
        cutoff: Å.

    Raises:
        InputError: no residue is near.
    """
    kept: list[Stretch] = []
    neighbours: Neighbours = {}
    for stretch in chains.stretches:
        far = np.array([distance(x, ligand) for x in stretch])
        rows = _filled(np.flatnonzero(far < cutoff).tolist())
        for run in _runs(rows):
            if len(run) == 1 and far[run[0]] > LONE:
                continue
            kept.append(tuple(stretch[k] for k in run))
        for k, residue in enumerate(stretch):
            neighbours[residue.label] = (
                stretch[k - 1] if k else None,
                stretch[k + 1] if k + 1 < len(stretch) else None,
            )
    if not kept:
        raise InputError(
            f"No residue is within {cutoff:g} Å of the ligand.",
            hint="Check that ligand and protein are in one coordinate system.",
        )
    return Pocket(chains=with_bonds_kept(chains, kept), neighbours=neighbours)


def distance(residue: Residue, ligand: Float[ndarray, "atoms 3"]) -> float:
    """Shortest distance between heavy atoms of a residue and the ligand, Å."""
    atoms = np.array(list(residue.atoms.values()))
    return float(np.linalg.norm(atoms[:, None] - ligand[None], axis=-1).min())


def _filled(rows: Sequence[int]) -> list[int]:
    """The rows and those in gaps of up to `GAP` between them."""
    found = set(rows)
    for a, b in pairwise(rows):
        if b - a - 1 <= GAP:
            found.update(range(a, b))
    return sorted(found)


def _runs(rows: Sequence[int]) -> list[list[int]]:
    """Rows that follow each other, together."""
    numbered = enumerate(rows)
    return [
        [row for _, row in group]
        for _, group in groupby(numbered, key=lambda x: x[1] - x[0])
    ]
