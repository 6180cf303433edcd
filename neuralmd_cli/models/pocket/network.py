"""A ligand and the pocket atoms next to it as one elastic network, for a push to move.

In a snapshot both are out of place, and move together: what looks like a close
contact may be the pocket's doing. So the atoms next to the ligand yield, and are
pushed as well.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from neuralmd_cli.models.pocket.config import PocketConfig
from neuralmd_cli.models.pocket.hydrogen_bonds import BONDED, partners_by_bonds
from neuralmd_cli.models.pocket.springs import (
    Stiffness,
    cage_strength,
    contact_strength,
    within_ligand,
)
from neuralmd_cli.models.pocket.surroundings import Surroundings

CENTRES = (2.8, 3.3, 3.8, 4.3, 4.9, 5.6, 6.5)
WIDTHS = (0.35, 0.35, 0.35, 0.4, 0.45, 0.55, 0.7)
"""Å, of the Gaussians of a contact's length."""
TURNING = 3
"""Of them, those that pairs three bonds apart can have."""
N_PUSHES = 8 * len(CENTRES) + TURNING
PAIRED = 9.0
"""Å, beyond which two atoms do not push each other."""
THREE_BONDS = 5.0
"""Å, no less than three bonds reach."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """Pairs of an atom that moves and any other; the ligand's atoms come first.

    Two atoms that both move are two pairs. Those within the ligand are left out: its
    own bonds and strain say more.
    """

    n_ligand: int
    n_free: int  # atoms that move; those that do not come after
    first: Int[Tensor, " pairs"]  # moves
    second: Int[Tensor, " pairs"]
    distance: Float[Tensor, " pairs"]  # Å
    unit: Float[Tensor, "pairs 3"]  # toward the first
    polar: Bool[Tensor, " atoms"]
    repelling: Bool[Tensor, " pairs"]  # both polar, and no hydrogen bond between them
    steps: Int[Tensor, " pairs"]  # bonds between them, 4 for more

    def stiffness(self, around: Surroundings, config: PocketConfig) -> Stiffness:
        """Second derivative of the energy by what moves, kT/Å² at 300 K.

        Positive definite: to the springs and the background comes the cage of close
        contacts, which yields only in time. Bonds of the pocket are as the ligand's.
        """
        springs = config.springs
        bonded = self.steps < 4
        polar = self.polar[self.first] & self.polar[self.second]
        contact = contact_strength(self.distance, polar, springs)
        cage = cage_strength(self.distance, config.cage, config.cage_range)
        of_bonds = self.distance.new_tensor(
            [0.0, springs.bond, springs.angle, springs.torsion, 0.0]
        )[self.steps]
        zero = torch.zeros_like(contact)
        along = torch.where(bonded, of_bonds, (1 - springs.isotropy) * contact + cage)
        even = torch.where(bonded, zero, springs.isotropy / 3 * contact)
        one = torch.eye(3).to(contact)
        blocks = along[:, None, None] * self.unit[:, :, None] * self.unit[:, None, :]
        blocks = blocks + even[:, None, None] * one
        n = self.n_free
        matrix = blocks.new_zeros(n * n, 3, 3)
        matrix.index_add_(0, self.first * (n + 1), blocks)
        both = self.second < n
        matrix.index_add_(0, (self.first * n + self.second)[both], -blocks[both])
        matrix[torch.arange(n) * (n + 1)] += springs.background * one
        found = matrix.reshape(n, n, 3, 3).transpose(1, 2).reshape(3 * n, 3 * n)
        own = 3 * self.n_ligand
        found[:own, :own] += within_ligand(around, springs)
        return found

    def pushes(self) -> Float[Tensor, "free 3 pushes"]:
        """Unit pushes apart of each kind of pair, by the length of the contact.

        Ligand and pocket, five kinds: by which of them is polar, and where both are, by
        whether one can give the other a hydrogen bond. Two atoms of the pocket, three
        kinds by how many are polar; and two of the pocket three bonds apart.
        """
        centres, widths = self.distance.new_tensor([CENTRES, WIDTHS])
        weight = (-(((self.distance[:, None] - centres) / widths) ** 2) / 2).exp()
        first, second = self.polar[self.first].long(), self.polar[self.second].long()
        of_ligand = self.first < self.n_ligand
        crossing = of_ligand | (self.second < self.n_ligand)
        own, other = (
            torch.where(of_ligand, *x) for x in ((first, second), (second, first))
        )
        polarity = 2 * own + other + self.repelling.long()
        kind = torch.where(crossing, polarity, 5 + first + second)
        kind = torch.where(self.steps == 3, 8, kind)
        counts = self.steps > 2
        values = weight[counts][:, :, None] * self.unit[counts][:, None, :]
        found = values.new_zeros(self.n_free * 9, len(CENTRES), 3)
        found.index_add_(0, (self.first * 9 + kind)[counts], values)
        every: Tensor = found.reshape(self.n_free, 9 * len(CENTRES), 3)
        return every[:, :N_PUSHES].transpose(1, 2)


def network(around: Surroundings, yielding: float) -> Network:
    """The network of a ligand where it is.

    Args:
        around: the ligand and what is around it.
        yielding: Å from the ligand within which the atoms of the pocket move.
    """
    ligand, pocket = around.positions, around.obstacles
    far = torch.cdist(ligand, pocket).amin(dim=0)
    far, order = far.sort(stable=True)
    order, far = order[far < yielding + PAIRED], far[far < yielding + PAIRED]
    n_ligand, n_yielding = len(ligand), int((far < yielding).sum())
    n_free = n_ligand + n_yielding
    x = torch.cat([ligand, pocket[order]])
    away = x[:n_free, None] - x
    distance = torch.linalg.vector_norm(away, dim=-1).clamp(min=1e-6)
    paired = distance < PAIRED
    paired[:n_ligand, :n_ligand] = False
    paired.diagonal().fill_(False)
    first, second = paired.nonzero(as_tuple=True)
    steps = torch.full(distance.shape, 4)
    last = n_ligand + int((far < yielding + THREE_BONDS).sum())
    steps[n_ligand:, n_ligand:last] = bonds_apart(x[n_ligand:last], n_yielding)
    length = distance[first, second]
    polar = torch.cat([around.polar, around.obstacle_polar[order]])
    partners = around.partners.followed_by(
        partners_by_bonds(pocket[order], around.obstacle_numbers[order])
    )
    both = polar[first] & polar[second]
    return Network(
        n_ligand=n_ligand,
        n_free=n_free,
        first=first,
        second=second,
        distance=length,
        unit=away[first, second] / length[:, None],
        polar=polar,
        repelling=both & ~partners.can_bond(first, second),
        steps=steps[first, second],
    )


def bonds_apart(
    positions: Float[Tensor, "atoms 3"], rows: int
) -> Int[Tensor, "rows atoms"]:
    """How many bonds lie between the first atoms and all: 1 to 3, or 4 for more.

    0 of an atom and itself. Atoms nearer than `BONDED` are bonded.
    """
    step = (torch.cdist(positions, positions) < BONDED).float()
    reached = torch.eye(len(positions))[:rows]
    count = torch.where(reached > 0, 0, 4)
    for distance in (1, 2, 3):
        reached = reached @ step
        count[(reached > 0) & (count == 4)] = distance
    return count
