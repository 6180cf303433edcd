"""Local frames: three axes that turn with the molecule and ignore where it is.

A frame is stored as [..., axis, xyz]: row k is the k-th axis. Degenerate geometry
(parallel vectors, coincident atoms) gives shrunk or zero axes, never NaN.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

COINCIDENT = 1e-2
"""Length in Å below which a difference of positions no longer gives a direction."""
PARALLEL = 1e-1
"""Sine below which two directions no longer span a plane."""


def unit(v: Float[Tensor, "*rows 3"]) -> Float[Tensor, "*rows 3"]:
    """V / |v|, and 0 for v = 0."""
    length = torch.linalg.vector_norm(v, dim=-1, keepdim=True)
    return v / torch.where(length > 0, length, torch.ones_like(length))


def smooth_unit(v: Float[Tensor, "*rows 3"], scale: float) -> Float[Tensor, "*rows 3"]:
    """V / sqrt(|v|² + scale²): a unit vector that vanishes smoothly with v."""
    return v / (v.square().sum(dim=-1, keepdim=True) + scale**2).sqrt()


def scalarise(
    vectors: Float[Tensor, "rows 3 channels"], frames: Float[Tensor, "rows 3 3"]
) -> Float[Tensor, "rows 3 channels"]:
    """Components of each vector along the three axes (scalarisation, eq. 31)."""
    return frames @ vectors


def edge_frames(
    direction: Float[Tensor, "pairs 3"],
    surrounding_source: Float[Tensor, "pairs 3"],
    surrounding_target: Float[Tensor, "pairs 3"],
) -> Float[Tensor, "pairs 3 3"]:
    """Frame of a ligand atom pair (eq. 3 without absolute positions).

    The paper crosses the two positions; so that nothing depends on the origin, the
    second axis is the cross product with the directions in which the two atoms have
    their neighbours. It is a pseudovector, which makes the network see chirality.

    Args:
        direction: unit vector from target to source.
        surrounding_source, surrounding_target: weighted sums of the unit vectors to
            the neighbours of either atom.
    """
    plane = torch.linalg.cross(direction, surrounding_source + surrounding_target)
    second = smooth_unit(plane, PARALLEL)
    third = torch.linalg.cross(direction, second)
    return torch.stack([direction, second, third], dim=-2)


def edge_frames_published(
    source: Float[Tensor, "pairs 3"], target: Float[Tensor, "pairs 3"]
) -> Float[Tensor, "pairs 3 3"]:
    """Eq. 3 as published: absolute positions enter the second axis."""
    first = unit(source - target)
    second = unit(torch.linalg.cross(source, target))
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-2)


def backbone_frames(
    n: Float[Tensor, "residues 3"],
    ca: Float[Tensor, "residues 3"],
    c: Float[Tensor, "residues 3"],
) -> Float[Tensor, "residues 3 3"]:
    """Orthonormal frame of each residue (eq. 4 after Gram-Schmidt, eq. 25).

    Args:
        n, ca, c: positions of the backbone atoms, Å.
    """
    first = unit(n - ca)
    inward = ca - c
    second = unit(inward - (inward * first).sum(dim=-1, keepdim=True) * first)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-2)


def backbone_frames_published(
    n: Float[Tensor, "residues 3"],
    ca: Float[Tensor, "residues 3"],
    c: Float[Tensor, "residues 3"],
) -> Float[Tensor, "residues 3 3"]:
    """Eq. 4 as published: unit(CA - N), unit(C - CA), not orthogonal."""
    first, second = unit(ca - n), unit(c - ca)
    third = unit(torch.linalg.cross(first, second))
    return torch.stack([first, second, third], dim=-2)


def residue_frames(
    n: Float[Tensor, "residues 3"],
    ca: Float[Tensor, "residues 3"],
    c: Float[Tensor, "residues 3"],
    segments: Int[Tensor, " residues"],
) -> Float[Tensor, "residues 3 3"]:
    """Frame of each residue in its chain (eq. 5 without absolute positions).

    Built from the direction the chain comes from and the one it goes to: CA to CA
    where the neighbour is peptide-bonded, the residue's own backbone at an end.

    Args:
        n, ca, c: positions of the backbone atoms, Å.
        segments: residues next to each other with equal numbers are bonded.
    """
    bonded = (segments[1:] == segments[:-1])[:, None]
    step = ca[1:] - ca[:-1]
    incoming = torch.cat([(ca - n)[:1], torch.where(bonded, step, (ca - n)[1:])])
    outgoing = torch.cat([torch.where(bonded, step, (c - ca)[:-1]), (c - ca)[-1:]])
    return _bisector_frames(unit(incoming), unit(outgoing))


def residue_frames_published(
    ca: Float[Tensor, "residues 3"], residue_complex: Int[Tensor, " residues"]
) -> Float[Tensor, "residues 3 3"]:
    """Eq. 5 as published: consecutive CA of the file, whatever the chain.

    The first and last residue of a complex take their neighbour's frame.
    """
    if len(ca) < 3:
        return ca.new_zeros(len(ca), 3, 3)
    step = unit(ca[1:] - ca[:-1])
    frames = _bisector_frames(step[:-1], step[1:])
    frames = torch.cat([frames[:1], frames, frames[-1:]])
    row = torch.arange(len(ca), device=ca.device)
    starts = torch.searchsorted(residue_complex, residue_complex, right=False)
    ends = torch.searchsorted(residue_complex, residue_complex, right=True)
    inner = torch.minimum(torch.maximum(row, starts + 1), ends - 2)
    whole = (ends - starts >= 3)[:, None, None]
    return torch.where(whole, frames[inner.clamp(0, len(ca) - 1)], 0.0)


def _bisector_frames(
    incoming: Float[Tensor, "residues 3"], outgoing: Float[Tensor, "residues 3"]
) -> Float[Tensor, "residues 3 3"]:
    first = unit(incoming - outgoing)
    second = unit(torch.linalg.cross(incoming, outgoing))
    third = unit(torch.linalg.cross(first, second))
    return torch.stack([first, second, third], dim=-2)
