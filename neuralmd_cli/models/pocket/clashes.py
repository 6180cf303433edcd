"""No atom enters the protein: a pose that would is drawn back toward the start."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.constraints import Shapes
from neuralmd_cli.models.pocket.surroundings import Surroundings

CLASH_SHARE = 0.75
"""As in `analysis.validity`, which takes half a second to import."""
CLOSEST = 0.76
"""Share of the sum of van der Waals radii that is kept, where the start has it."""
SHARES = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25, 0.1, 0.0)
"""Of the way from the start to a pose, tried in turn."""


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """How near each ligand atom of a batch may come to each obstacle."""

    start: Float[Tensor, "atoms 3"]  # Å
    atom_complex: Int[Tensor, " atoms"]
    obstacles: Float[Tensor, "complexes slots 3"]  # Å
    closest: Float[Tensor, "atoms slots"]  # Å; 0 in empty slots

    def cleared(
        self, positions: Float[Tensor, "atoms 3"], shape: Shapes
    ) -> Float[Tensor, "atoms 3"]:
        """The pose, or for complexes with a clash the first of `SHARES` without.

        A start that clashes, as one may, may go on clashing as much. Where none is
        without, it is the last: the settled shape at the start.
        """
        clashing = self._clashing(positions)
        if not bool(clashing.any()):
            return positions
        found, open_ = positions, clashing
        for share in SHARES[1:]:
            way = self.start + share * (positions - self.start)
            # As the settled pose has it, so that it is whole on the way as well.
            trial = shape.restored(way, way)
            found = torch.where(open_[self.atom_complex, None], trial, found)
            open_ = open_ & self._clashing(trial)
            if not bool(open_.any()):
                break
        return found

    def _clashing(
        self, positions: Float[Tensor, "atoms 3"]
    ) -> Bool[Tensor, " complexes"]:
        others = self.obstacles[self.atom_complex]
        distance = torch.linalg.vector_norm(positions[:, None] - others, dim=-1)
        hit = (distance < self.closest).any(dim=1)
        count = torch.zeros(len(self.obstacles), device=positions.device)
        return count.index_add(0, self.atom_complex, hit.to(count)) > 0


def clearance(around: Sequence[Surroundings], batch: Batch) -> Clearance:
    """The clearance of a batch; what is nearer at the start may stay as near."""
    width = max(1, max(len(x.obstacles) for x in around))
    obstacles = torch.zeros(len(around), width, 3, dtype=torch.float64)
    closest = torch.zeros(len(batch.positions), width, dtype=torch.float64)
    first = 0
    for line, one in enumerate(around):
        n, m = len(one.positions), len(one.obstacles)
        obstacles[line, :m] = one.obstacles
        sums = one.radii[:, None] + one.obstacle_radii
        distance, _ = one.contacts(one.positions)
        # The start is clear of it by a little, or clashes itself and may go on so.
        slack = 0.99 * distance
        near = torch.where(distance > CLASH_SHARE * sums, CLASH_SHARE * sums, slack)
        limit = torch.where(slack > CLOSEST * sums, CLOSEST * sums, near)
        closest[first : first + n, :m] = limit
        first += n
    return Clearance(
        start=batch.positions,
        atom_complex=batch.atom_complex,
        obstacles=obstacles.to(batch.positions),
        closest=closest.to(batch.positions),
    )
