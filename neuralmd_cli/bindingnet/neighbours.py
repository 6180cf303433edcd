"""Who is whose neighbour: the radius graphs of the three modules, capped as published.

The authors' graph library keeps at most 32 neighbours per centre. Drug-size ligands and
backbones have fewer within 5 Å, so the cap leaves them alone; but the velocity network
is given a displacement per atom in place of positions, all of them are within 5 of each
other, and a ligand of more than 33 heavy atoms loses pairs. Which ones depends on the
order of its atoms and on the library: see `NeighbourCap`.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.graph import Pairs, Slots, radius_pairs

NEIGHBOUR_CAP = 32
"""Neighbours that the authors' graphs keep per centre."""


def neighbour_pairs(
    points: Float[Tensor, "points 3"], point_slots: Slots, config: BindingNetConfig
) -> Pairs:
    """Pairs of points within the cutoff, the target being the centre.

    Args:
        points: Å; in the velocity network, displacements.
        point_slots: which points belong to which complex.
        config: cutoff and cap.
    """
    pairs = radius_pairs(
        points, point_slots, points, point_slots, config.cutoff, same=True
    )
    if config.cap == "none":
        return pairs
    rank = _ranks(pairs.target)
    if config.cap == "lowest33_with_self":
        # The point itself takes one of 33 places, where its own index comes up.
        return _kept(pairs, rank + (pairs.source > pairs.target) < NEIGHBOUR_CAP + 1)
    return _kept(pairs, rank < NEIGHBOUR_CAP)


def pocket_pairs(
    ca: Float[Tensor, "residues 3"],
    residue_slots: Slots,
    positions: Float[Tensor, "atoms 3"],
    atom_slots: Slots,
    config: BindingNetConfig,
) -> Pairs:
    """Pairs of a residue (source) and a ligand atom near its CA (target).

    The centre is the residue. It is no atom of the ligand, so both caps keep the same
    32 atoms.
    """
    pairs = radius_pairs(ca, residue_slots, positions, atom_slots, config.pair_cutoff)
    if config.cap == "none":
        return pairs
    order = torch.argsort(pairs.source, stable=True)  # targets stay in order
    rank = torch.empty_like(order)
    rank[order] = _ranks(pairs.source[order])
    return _kept(pairs, rank < NEIGHBOUR_CAP)


def _ranks(centre: Int[Tensor, " pairs"]) -> Int[Tensor, " pairs"]:
    """The how manieth of its centre each pair is; equal centres are neighbours."""
    _, counts = torch.unique_consecutive(centre, return_counts=True)
    starts = counts.cumsum(0) - counts
    rows = torch.arange(len(centre), device=centre.device)
    ranks: Tensor = rows - starts.repeat_interleave(counts)
    return ranks


def _kept(pairs: Pairs, keep: Bool[Tensor, " pairs"]) -> Pairs:
    return Pairs(source=pairs.source[keep], target=pairs.target[keep])
