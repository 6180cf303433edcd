"""The error along a rollout, as every system is fitted to it."""

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.graph import distances
from neuralmd_cli.models.system import Objective, Window


def pose_loss(
    positions: Float[Tensor, "times atoms 3"],
    targets: Float[Tensor, "times atoms 3"],
    window: Window,
    objective: Objective,
) -> Float[Tensor, ""]:
    """Error of positions (eq. 13) plus squared change of bonds and 1-3 distances.

    `mae` is the mean of |dx| + |dy| + |dz| over atoms and times, as the paper prints
    it; `mse` the mean squared distance.
    """
    difference = positions - targets
    size = difference.abs() if objective.error == "mae" else difference.square()
    error: Tensor = size.sum(dim=-1).mean()
    if not objective.geometry_weight or not len(window.rigid_pairs):
        return error
    start = window.start.batch.positions
    now = distances(positions, window.rigid_pairs)
    strain = (now - distances(start, window.rigid_pairs)).square().mean()
    total: Tensor = error + objective.geometry_weight * strain
    return total
