"""Forces that keep a learned force field within the range it was trained in."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.dynamics.ode import ForceField


@dataclass(frozen=True, kw_only=True)
class Tethered:
    """A force field whose equilibrium lies within `reach` of a reference pose.

    Each atom feels m k r (s(u) - d / r), where d is its displacement from the
    reference, r the reach, u = F / (m k r) the learned force and
    s(u) = u / sqrt(1 + |u|²). Small forces act unchanged; however large they are,
    the equilibrium displacement stays below r, on any input.
    """

    force_field: ForceField
    reference: Float[Tensor, "atoms 3"]  # Å
    masses: Float[Tensor, " atoms"]  # amu
    stiffness_per_ps2: float
    reach: float  # Å

    def __call__(
        self, time: Float[Tensor, ""], positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        """Return forces, amu Å ps⁻²."""
        weight = self.masses[:, None] * self.stiffness_per_ps2
        return weight * (self.pull(time, positions) - (positions - self.reference))

    def held(
        self, time: Float[Tensor, ""], positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        """The learned force alone, bounded, amu Å ps⁻²: the tether is left out."""
        weight = self.masses[:, None] * self.stiffness_per_ps2
        return weight * self.pull(time, positions)

    def pull(
        self, time: Float[Tensor, ""], positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        """Displacement from the reference that the learned force holds, Å: r s(u)."""
        weight = self.masses[:, None] * self.stiffness_per_ps2
        u = self.force_field(time, positions) / (weight * self.reach)
        return self.reach * u / (1.0 + u.square().sum(dim=-1, keepdim=True)).sqrt()
