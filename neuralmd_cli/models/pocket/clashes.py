"""No atom enters another: a pose in which one would is drawn back to one without."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.constraints import Shapes
from neuralmd_cli.models.pocket.springs import bonds_between
from neuralmd_cli.models.pocket.surroundings import Surroundings

CLASH_SHARE = 0.75
"""As in `analysis.validity`, which takes half a second to import."""
INTERNAL_SHARES = {4: 0.49, 5: 0.70}
"""The same between atoms of the ligand, by bonds between them (5: five or more)."""
SPARE = 0.01
"""Share of the sum of radii that is kept beyond, where the start has it."""
SHARES = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25, 0.1, 0.0)
"""Of the way from home to a pose, tried in turn."""


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """How near the atoms of the ligands of a batch may come to others."""

    home: Float[Tensor, "atoms 3"]  # Å; in shape, without a clash
    atom_complex: Int[Tensor, " atoms"]
    obstacles: Float[Tensor, "complexes slots 3"]  # Å
    closest: Float[Tensor, "atoms slots"]  # Å; 0 in empty slots
    pairs: Int[Tensor, "pairs 2"]  # atoms of one ligand that can run into each other
    pair_closest: Float[Tensor, " pairs"]  # Å

    def cleared(
        self, positions: Float[Tensor, "atoms 3"], shape: Shapes
    ) -> Float[Tensor, "atoms 3"]:
        """The pose, or for complexes with a clash the first of `SHARES` without.

        A start that clashes, as one may, may go on clashing as much.
        """
        clashing = self.clashing(positions)
        if not bool(clashing.any()):
            return positions
        found, open_ = positions, clashing
        for share in SHARES[1:]:
            way = self.home + share * (positions - self.home)
            trial = shape.restored(way, self.home) if share else self.home
            found = torch.where(open_[self.atom_complex, None], trial, found)
            open_ = open_ & self.clashing(trial)
            if not bool(open_.any()):
                break
        return found

    def clashing(
        self, positions: Float[Tensor, "atoms 3"]
    ) -> Bool[Tensor, " complexes"]:
        """Whose ligand runs into something."""
        others = self.obstacles[self.atom_complex]
        distance = torch.linalg.vector_norm(positions[:, None] - others, dim=-1)
        hit = (distance < self.closest).any(dim=1)
        first, second = self.pairs.unbind(dim=1)
        apart = torch.linalg.vector_norm(positions[first] - positions[second], dim=-1)
        met = apart < self.pair_closest
        count = torch.zeros(len(self.obstacles), device=positions.device)
        count = count.index_add(0, self.atom_complex, hit.to(count))
        count = count.index_add(0, self.atom_complex[first], met.to(count))
        return count > 0


def clearance(
    around: Sequence[Surroundings], batch: Batch, home: Float[Tensor, "atoms 3"]
) -> Clearance:
    """The clearance of a batch; what is nearer at the start may stay as near.

    Args:
        around: of each ligand, at its start.
        batch: of them.
        home: the start put in shape, Å.
    """
    width = max(1, max(len(x.obstacles) for x in around))
    obstacles = torch.zeros(len(around), width, 3, dtype=torch.float64)
    closest = torch.zeros(len(batch.positions), width, dtype=torch.float64)
    pairs, pair_closest = [], []
    first = 0
    for line, one in enumerate(around):
        n, m = len(one.positions), len(one.obstacles)
        obstacles[line, :m] = one.obstacles
        sums = one.radii[:, None] + one.obstacle_radii
        begin = home[first : first + n].cpu().double()
        distance = torch.minimum(*(one.contacts(x)[0] for x in (one.positions, begin)))
        closest[first : first + n, :m] = _allowed(
            distance, torch.tensor(CLASH_SHARE), sums
        )
        inside, limit = _inside(one, begin)
        pairs.append(inside + first)
        pair_closest.append(limit)
        first += n
    return Clearance(
        home=home,
        atom_complex=batch.atom_complex,
        obstacles=obstacles.to(batch.positions),
        closest=closest.to(batch.positions),
        pairs=torch.cat(pairs).to(batch.bonds),
        pair_closest=torch.cat(pair_closest).to(batch.positions),
    )


def _inside(
    around: Surroundings, home: Float[Tensor, "atoms 3"]
) -> tuple[Int[Tensor, "pairs 2"], Float[Tensor, " pairs"]]:
    """Pairs of a ligand four or more bonds apart, and how near they may come, Å."""
    steps = bonds_between(len(around.positions), around.bonds).triu()
    pairs = (steps >= min(INTERNAL_SHARES)).nonzero()
    first, second = pairs.unbind(dim=1)
    shares = torch.tensor([INTERNAL_SHARES[int(x)] for x in steps[first, second]])
    distance = torch.minimum(
        *((x[first] - x[second]).norm(dim=-1) for x in (around.positions, home))
    )
    return pairs, _allowed(distance, shares, around.radii[first] + around.radii[second])


def _allowed(
    distance: Float[Tensor, "*pairs"],
    share: Float[Tensor, "*#pairs"],
    sums: Float[Tensor, "*pairs"],
) -> Float[Tensor, "*pairs"]:
    """Å; a start that is clear by a little, or clashes itself, may go on so."""
    least, kept = share * sums, (share + SPARE) * sums
    slack = 0.99 * distance
    near = torch.where(distance > least, least, slack)
    return torch.where(slack > kept, kept, near)
