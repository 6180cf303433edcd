"""The part of a protein that a ligand can feel.

A residue acts on the ligand atoms within the cutoff of its CA. What the protein module
says of it depends on the backbone atoms within the cutoff of its own, on those of
theirs, and on the residues before and behind it in the chain. The others are left out,
so a rollout costs the same in a protein of any size.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.engine.candidates import MARGIN
from neuralmd_cli.complex import Batch

ALONG_CHAIN = 2
"""Residues on either side that a residue's frame can depend on."""
ROWS = 4096
"""Points whose distances to a ligand are computed at once."""


def reached_residues(
    batch: Batch,
    positions: Float[Tensor, "atoms 3"],
    config: BindingNetConfig,
    margin: float = MARGIN,
) -> Bool[Tensor, " residues"]:
    """Residues that a ligand atom can reach by moving no farther than the margin.

    Of proteins that are the same, all have what one of them has.
    """
    with torch.no_grad():
        reach = config.pair_cutoff + margin
        parts = [
            _closest(batch.ca[rows], positions[atoms]) < reach
            for rows, atoms in _complexes(batch)
        ]
        for owner in set(batch.same_protein):
            twins = [k for k, x in enumerate(batch.same_protein) if x == owner]
            union = torch.stack([parts[k] for k in twins]).any(dim=0)
            for k in twins:
                parts[k] = union
        return torch.cat(parts)


def surroundings(
    batch: Batch, wanted: Bool[Tensor, " residues"], config: BindingNetConfig
) -> Bool[Tensor, " residues"]:
    """All residues that the features and frames of the wanted ones depend on."""
    with torch.no_grad():
        atoms = torch.stack([batch.n, batch.ca, batch.c], dim=1)
        parts: list[Tensor] = []
        for index, (rows, _) in enumerate(_complexes(batch)):
            if batch.same_protein and batch.same_protein[index] != index:
                parts.append(parts[batch.same_protein[index]])
                continue
            kept = wanted[rows]
            for _ in range(2):
                kept = kept | _neighbours(atoms[rows], kept, config.cutoff)
            chain = kept.clone()
            for step in range(1, ALONG_CHAIN + 1):
                chain[step:] |= wanted[rows][:-step]
                chain[:-step] |= wanted[rows][step:]
            parts.append(chain)
        return torch.cat(parts)


def part(batch: Batch, kept: Bool[Tensor, " residues"]) -> Batch:
    """The batch with these residues alone; where some lack the chain is broken."""
    rows = kept.nonzero()[:, 0]
    segments = batch.segments[rows]
    complex_ = batch.residue_complex[rows]
    torn = torch.ones_like(kept[: len(rows)])
    torn[1:] = (rows[1:] != rows[:-1] + 1) | (segments[1:] != segments[:-1])
    torn[1:] |= complex_[1:] != complex_[:-1]
    return replace(
        batch,
        n=batch.n[rows],
        ca=batch.ca[rows],
        c=batch.c[rows],
        residue_types=batch.residue_types[rows],
        segments=torn.cumsum(0) - 1,
        residue_complex=complex_,
    )


def _complexes(batch: Batch) -> Sequence[tuple[slice, slice]]:
    """Rows of the residues and of the atoms of each complex."""
    ends = []
    for owner in (batch.residue_complex, batch.atom_complex):
        counts = torch.bincount(owner, minlength=batch.n_complexes)
        ends.append([0, *counts.cumsum(0).tolist()])
    residues, atoms = ends
    return [
        (slice(residues[k], residues[k + 1]), slice(atoms[k], atoms[k + 1]))
        for k in range(batch.n_complexes)
    ]


def _closest(
    points: Float[Tensor, "points 3"], others: Float[Tensor, "others 3"]
) -> Float[Tensor, " points"]:
    """Distance of each point to the closest of the others, Å."""
    if not len(others):
        return torch.full_like(points[:, 0], torch.inf)
    found = [_distances(x, others).amin(dim=1) for x in torch.split(points, ROWS)]
    return torch.cat(found) if found else points[:, 0]


def _distances(
    points: Float[Tensor, "points 3"], others: Float[Tensor, "others 3"]
) -> Float[Tensor, "points others"]:
    # Not by way of a matrix product, which rounds more.
    return torch.cdist(points, others, compute_mode="donot_use_mm_for_euclid_dist")


def _neighbours(
    atoms: Float[Tensor, "residues 3 3"],
    kept: Bool[Tensor, " residues"],
    cutoff: float,
) -> Bool[Tensor, " residues"]:
    """Residues with a backbone atom within the cutoff of one of the kept ones."""
    near = torch.zeros_like(kept)
    if not kept.any():
        return near
    own = atoms[kept].flatten(0, 1)
    low, high = own.amin(dim=0) - cutoff, own.amax(dim=0) + cutoff
    inside = ((atoms >= low) & (atoms <= high)).all(dim=2).any(dim=1)
    place = inside.nonzero()[:, 0]
    closest = _closest(atoms[place].flatten(0, 1), own).view(-1, 3).amin(dim=1)
    near[place] = closest < cutoff
    return near


def rows_of(
    wanted: Bool[Tensor, " residues"], kept: Bool[Tensor, " residues"]
) -> Int[Tensor, " wanted"]:
    """Where the wanted residues stand among the kept ones."""
    places = kept.cumsum(0) - 1
    return places[wanted]
