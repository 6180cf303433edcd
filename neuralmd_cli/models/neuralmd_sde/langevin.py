"""What is warm, and by how much: the parts of our Langevin equation."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.constraints import Shapes, shapes
from neuralmd_cli.dynamics.sde import response
from neuralmd_cli.dynamics.stiff_parts import StiffParts, stiff_parts
from neuralmd_cli.graph import slots
from neuralmd_cli.models.neuralmd_sde.config import NeuralSDEConfig

ROOM_TEMPERATURE = 300.0
"""K, of the simulations that thermal speeds are taken from."""
UNRESOLVED = 0.05
"""Å per coordinate: swing of bonds and angles, which the model holds still."""


@dataclass(frozen=True, kw_only=True)
class Amplitude:
    """BindingNet-Ligand's factor on the noise of each atom (eq. 11, 37).

    Made of invariants, so it does not turn; between 1/limit and limit on any input.
    """

    network: LigandEncoder
    head: nn.Linear
    batch: Batch
    limit: float

    def __call__(self, positions: Float[Tensor, "atoms 3"]) -> Float[Tensor, " atoms"]:
        """Return factors; all 1 while the head is 0."""
        rows = slots(self.batch.atom_complex, self.batch.n_complexes)
        features = self.network(self.batch.atomic_numbers, positions, rows)
        answer = self.head(features.scalars)[:, 0]
        factors: Tensor = (math.log(self.limit) * answer.tanh()).exp()
        return factors


def batch_shapes(batch: Batch) -> Shapes:
    """The shapes of the ligands of a batch as they are at the start."""
    x, numbers = batch.positions.detach().cpu(), batch.atomic_numbers.cpu()
    complex_of, bonds = batch.atom_complex.cpu(), batch.bonds.cpu()
    parts: list[StiffParts] = []
    before: tuple[Tensor, ...] = ()
    for index in range(batch.n_complexes):
        own = complex_of == index
        first = int(own.nonzero()[0])
        molecule = (x[own], numbers[own], bonds[own[bonds[:, 0]]] - first)
        # Replicas of one complex follow each other: look once.
        same = bool(before) and all(map(torch.equal, before, molecule))
        parts.append(parts[-1] if same else stiff_parts(*molecule))
        before = molecule
    return shapes(parts, batch.positions, batch.masses, batch.atom_complex)


@dataclass(frozen=True, kw_only=True)
class Warmth:
    """How warm each atom of a batch is, and what its shape leaves of that."""

    thermal_energies: Float[Tensor, " atoms"]  # kT, amu Å² ps⁻²
    shares: Float[Tensor, " atoms"]  # of the free atom's variance, 0 to 1


def warmth(
    batch: Batch, shape: Shapes | None, thermal_speed: float, temperature_k: float
) -> Warmth:
    """The kT of each ligand, such that it swings as much as the training data did.

    The data's fluctuation sits in the few directions that keep bonds and angles. So
    that the swing of the whole ligand, weighted by mass, is thermal speed / sqrt(k)
    per coordinate at 300 K, each of these directions gets what all would have had.
    Without a shape to keep all directions are free, and each has its own.
    """
    counts = torch.bincount(batch.atom_complex, minlength=batch.n_complexes)
    if shape is None:
        freedom, shares = 3 * counts, torch.ones_like(batch.masses)
    else:
        freedom, shares = shape.freedom(batch.positions)
    total = batch.masses.new_zeros(batch.n_complexes)
    mean = total.index_add(0, batch.atom_complex, batch.masses) / counts
    gain = (3 * counts / freedom).to(batch.masses)
    energies = mean * gain * thermal_speed**2 * (temperature_k / ROOM_TEMPERATURE)
    return Warmth(
        thermal_energies=energies[batch.atom_complex], shares=shares.to(batch.masses)
    )


def spread(
    warm: Warmth,
    masses: Float[Tensor, " atoms"],
    factors: Float[Tensor, " atoms"],
    time_ps: float,
    *,
    friction_per_ps: float,
    stiffness_per_ps2: float,
    thermal_start: bool,
    unresolved: float = UNRESOLVED,
) -> Float[Tensor, " atoms"]:
    """Variance (Å²) of a coordinate some time after the start, about its mean.

    That of the tethered oscillator. With factors that differ between atoms it is an
    approximation: constraints pass motion on from one atom to the next.
    """
    after = response(friction_per_ps, stiffness_per_ps2, time_ps)
    grown = 2 * after.push - stiffness_per_ps2 * after.push**2
    if not thermal_start:
        grown -= after.impulse**2
    free = warm.thermal_energies / masses * factors.square()
    return free * warm.shares * grown + unresolved**2


def path_variances(
    amplitude: Amplitude,
    config: NeuralSDEConfig,
    times: Sequence[float],
    *,
    thermal_start: bool,
) -> Float[Tensor, "times atoms"]:
    """Variance (Å²) of each atom's coordinates about the mean path, at 300 K."""
    batch = amplitude.batch
    warm = warmth(batch, batch_shapes(batch), config.thermal_speed, ROOM_TEMPERATURE)
    factors = amplitude(batch.positions)
    rows = [
        spread(
            warm,
            batch.masses,
            factors,
            time,
            friction_per_ps=config.friction_per_ps,
            stiffness_per_ps2=config.tether_per_ps2,
            thermal_start=thermal_start,
        )
        for time in times
    ]
    return torch.stack(rows)


def likelihood_loss(
    errors: Float[Tensor, "times atoms 3"], variances: Float[Tensor, "times atoms"]
) -> Float[Tensor, ""]:
    """Negative log-likelihood per coordinate of Gaussian errors, without constants."""
    scaled = errors.square() / variances[..., None]
    loss: Tensor = 0.5 * (scaled + variances[..., None].log()).mean()
    return loss
