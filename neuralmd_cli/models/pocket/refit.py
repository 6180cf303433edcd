"""The push of a pocket fitted anew to one complex, held to what it was."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.models.pocket.pocket import Pocket, relaxed_poses
from neuralmd_cli.models.pocket.push import N_COLUMNS, settled_move
from neuralmd_cli.models.pocket.surroundings import surroundings
from neuralmd_cli.models.system import Start


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Starts, and how far it is from each to where the ligand was seen to be."""

    columns: Float[Tensor, "starts atoms 3 columns"]  # float64
    ways: Float[Tensor, "starts atoms 3"]  # Å

    def error(self, weights: Float[Tensor, " columns"], farthest: float) -> float:
        """Mean distance (Å) per atom from the settled poses to where they should be."""
        moves = torch.stack(settled_move(list(self.columns), weights, farthest))
        return float((moves - self.ways).square().sum(dim=-1).sqrt().mean())

    def weights(
        self, before: Float[Tensor, " columns"], ridge: float
    ) -> Float[Tensor, " columns"]:
        """Weights that take the starts nearest to their ends, not far from `before`.

        Ridge regression on what the weights before leave over. Each column counts by
        its own size, so that the ridge, as in `fit_pocket.py`, has no unit.

        Args:
            before: of each column.
            ridge: of the squared change, over the mean squared column.
        """
        a = self.columns.reshape(-1, N_COLUMNS)
        old = before.to(a)
        left = self.ways.reshape(-1) - a @ old
        scale = a.square().mean(dim=0).sqrt().clamp(min=1e-12)
        a = a / scale
        normal = a.T @ a / len(a) + ridge * torch.eye(N_COLUMNS).to(a)
        change: Tensor = torch.linalg.solve(normal, a.T @ left / len(a)) / scale
        return old + change


def ways(
    pocket: Pocket, start: Start, means: Sequence[Float[Tensor, "atoms 3"]]
) -> Ways:
    """What the push of these starts is made of, and what it should have been.

    Args:
        pocket: whose springs answer.
        start: windows of one complex, each with its surroundings.
        means: where the ligand was on average, Å, one for each.
    """
    around = surroundings(start.batch, start.molecules)
    resting = relaxed_poses(start, around)
    found = torch.stack(pocket.columns(around, resting))
    at = torch.stack([x.positions for x in around])
    return Ways(columns=found, ways=torch.stack(list(means)).to(at) - at)
