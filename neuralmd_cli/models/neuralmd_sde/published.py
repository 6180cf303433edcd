"""The noise of the authors' SDE checkpoints, flaws included (eq. 11, 37)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.ligand import LigandEncoder
from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.ode import ForceField
from neuralmd_cli.errors import InputError
from neuralmd_cli.graph import slots


@dataclass(frozen=True, kw_only=True)
class NoisyForce:
    """F(x) + γ ⊙ ξ ⊙ σ(x), ξ drawn anew at each evaluation.

    The noise is part of the drift, so one Euler step h changes a velocity by h times
    it: its variance over a given time falls with the step, which no diffusion does.
    """

    force_field: ForceField
    network: LigandEncoder  # σ
    scale: Float[Tensor, "atoms 3"]  # γ, of every atom of the batch
    batch: Batch
    draw: Callable[[], Tensor]  # ξ, [atoms, 1] or [atoms, 3]
    unit: float  # amu Å ps⁻² per unit of the network's output

    def __call__(
        self, time: Float[Tensor, ""], positions: Float[Tensor, "atoms 3"]
    ) -> Float[Tensor, "atoms 3"]:
        """Return forces, amu Å ps⁻²; no two calls give the same."""
        noise = self.scale * self.draw().to(positions) * self.sigma(positions)
        return self.force_field(time, positions) + noise * self.unit

    def sigma(self, positions: Float[Tensor, "atoms 3"]) -> Float[Tensor, "atoms 3"]:
        """BindingNet-Ligand's answer, model units."""
        rows = slots(self.batch.atom_complex, self.batch.n_complexes)
        answer: Tensor = self.network(self.batch.atomic_numbers, positions, rows).forces
        return answer


def atom_scale(
    scale: Float[Tensor, "rows 3"], batch: Batch
) -> Float[Tensor, "atoms 3"]:
    """γ of every atom of a batch.

    Raises:
        InputError: γ belongs to the atoms of a ligand of another size.
    """
    if len(scale) == 1:
        return scale.expand(len(batch.positions), 3)
    counts = torch.bincount(batch.atom_complex, minlength=batch.n_complexes).tolist()
    for count in counts:
        if count != len(scale):
            raise InputError(
                f"These weights hold noise for each atom of one ligand of {len(scale)} "
                f"heavy atoms; this ligand has {count}.",
                hint="Simulate the ligand they were trained on, or take weights with "
                "one noise scale for all atoms.",
            )
    return scale.repeat(batch.n_complexes, 1)
