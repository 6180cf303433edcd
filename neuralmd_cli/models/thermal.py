"""Draws for a whole batch, one random stream per complex."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.velocities import thermal_velocities


def normal_draws(
    batch: Batch, generators: Sequence[torch.Generator], columns: int
) -> Float[Tensor, "atoms columns"]:
    """Standard normal numbers per ligand atom.

    Each complex draws from its own stream, so its numbers do not depend on what else
    is in the batch, nor on the device or precision.
    """
    counts = torch.bincount(batch.atom_complex, minlength=batch.n_complexes).tolist()
    draws = [
        torch.randn(count, columns, generator=generator, dtype=torch.float64)
        for count, generator in zip(counts, generators, strict=True)
    ]
    return torch.cat(draws).to(batch.positions)


def batch_thermal_velocities(
    batch: Batch, speed: float, generators: Sequence[torch.Generator]
) -> Float[Tensor, "atoms 3"]:
    """`thermal_velocities` of every complex, Å/ps."""
    parts = []
    for index, generator in enumerate(generators):
        own = batch.atom_complex == index
        first = int(own.nonzero()[0])
        bonds = batch.bonds[own[batch.bonds[:, 0]]] - first
        parts.append(
            thermal_velocities(
                batch.positions[own], batch.masses[own], bonds, speed, generator
            )
        )
    return torch.cat(parts)
