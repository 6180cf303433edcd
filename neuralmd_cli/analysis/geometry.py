"""Superposition of frames, and how far a ligand has moved."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Superpose = Literal["pocket", "ligand", "none"]
"""What is laid over itself before motion is measured."""

POCKET_RADIUS = 10.0
"""A CA atom this near the ligand in the first frame belongs to its pocket, Å."""

ANCHORS = 4
"""A fit on fewer CA atoms than these would say little about the pocket."""


def superpose(
    positions: Float[Tensor, "frames atoms 3"],
    anchors: Float[Tensor, "frames anchors 3"],
) -> Float[Tensor, "frames atoms 3"]:
    """Each frame after the rigid motion that best lays its anchors on the first's.

    Args:
        positions: what is moved, Å.
        anchors: what the fit is made on, Å.
    """
    return superpose_onto(positions, anchors, anchors[:1].expand_as(anchors))


def superpose_onto(
    positions: Float[Tensor, "frames atoms 3"],
    anchors: Float[Tensor, "frames anchors 3"],
    targets: Float[Tensor, "frames anchors 3"],
) -> Float[Tensor, "frames atoms 3"]:
    """Each frame after the rigid motion that best lays its anchors on its target.

    Kabsch's least-squares fit, all anchors with equal weight; never a reflection.
    Finite, if not unique, for anchors on a line or in a point. A frame in which an
    anchor is not finite has no fit: it becomes NaN.

    Args:
        positions: what is moved, Å.
        anchors: what the fit is made on, Å.
        targets: where the anchors are laid, Å.
    """
    known = (anchors.isfinite() & targets.isfinite()).all(dim=2).all(dim=1)
    good = known[:, None, None]
    moving = torch.where(good, anchors.double(), 0)
    target = torch.where(good, targets.double(), 0)
    centres, onto = moving.mean(dim=1, keepdim=True), target.mean(dim=1, keepdim=True)
    u, _, vh = torch.linalg.svd((moving - centres).mT @ (target - onto))
    flip = torch.ones_like(u[:, 0])
    flip[:, 2] = torch.sign(torch.linalg.det(u @ vh))
    rotated = (positions.double() - centres) @ ((u * flip[:, None]) @ vh)
    fitted: Tensor = torch.where(good, rotated + onto, torch.nan).to(positions.dtype)
    return fitted


def pocket_anchors(
    ca_positions: Float[Tensor, "frames residues 3"],
    ligand: Float[Tensor, "atoms 3"],
) -> Float[Tensor, "frames anchors 3"]:
    """CA atoms near the ligand's first frame, or all if there are hardly any.

    Args:
        ca_positions: of the protein, Å.
        ligand: heavy atoms in the first frame, Å.
    """
    return ca_positions[:, pocket_residues(ca_positions[0], ligand)]


def pocket_residues(
    ca_positions: Float[Tensor, "residues 3"], ligand: Float[Tensor, "atoms 3"]
) -> Bool[Tensor, " residues"]:
    """True for residues whose CA is near the ligand; for all if hardly any is.

    Args:
        ca_positions, ligand: in the same frame, Å.
    """
    near = torch.cdist(ca_positions.double(), ligand.double()) < POCKET_RADIUS
    chosen = near.any(dim=1)
    return chosen if chosen.sum() >= ANCHORS else torch.ones_like(chosen)


def in_frame_of(
    superpose_on: Superpose,
    positions: Float[Tensor, "frames atoms 3"],
    ca_positions: Float[Tensor, "frames residues 3"],
) -> Float[Tensor, "frames atoms 3"]:
    """The ligand's positions as seen by what is held still.

    `pocket` fits the pocket's CA atoms; without a protein in the file, or with one that
    does not move, coordinates are in the pocket's frame already and stay as they are.
    `ligand` fits the ligand on itself, which leaves its change of shape.

    Args:
        positions: heavy atoms, Å.
        ca_positions: of the protein, Å; may hold no residue.
    """
    if superpose_on == "ligand":
        return superpose(positions, positions)
    if superpose_on == "none" or ca_positions.shape[1] < ANCHORS:
        return positions
    if bool((ca_positions == ca_positions[0]).all()):
        return positions
    return superpose(positions, pocket_anchors(ca_positions, positions[0]))


def rmsd(positions: Float[Tensor, "frames atoms 3"]) -> Float[Tensor, " frames"]:
    """Root mean square displacement of the atoms since the first frame, Å."""
    moved = (positions - positions[0]).double()
    return moved.square().sum(dim=2).mean(dim=1).sqrt()
