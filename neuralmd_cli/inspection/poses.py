"""The poses an opened trajectory visits."""

from typing import Literal

from neuralmd_cli.analysis.clusters import MOST, Clusters, cluster_poses
from neuralmd_cli.analysis.geometry import in_frame_of
from neuralmd_cli.analysis.symmetry import (
    equivalent_orders,
    equivalent_orders_of_graph,
)
from neuralmd_cli.errors import InputError
from neuralmd_cli.opening.opened import Opened


def poses(
    opened: Opened,
    cutoff: float,
    superpose: Literal["pocket", "ligand"] = "pocket",
    *,
    every: int = 1,
) -> Clusters:
    """Clusters of like poses, equivalent atoms exchanged freely; see `cluster_poses`.

    Args:
        every: as the snapshots were thinned, for the message.

    Raises:
        InputError: too many snapshots, or a coordinate is not a number.
    """
    opened.need_finite()
    n = opened.loaded.n_frames
    if n > MOST:
        raise InputError(
            f"{opened.loaded.path.name} has {n} snapshots; {MOST:,} can be clustered.",
            hint=f"Take fewer with --every {-(-n // MOST) * every}.",
        )
    seen = in_frame_of("pocket", opened.positions, opened.loaded.ca_positions)
    if opened.molecule is None:
        orders = equivalent_orders_of_graph(opened.atomic_numbers, opened.bonds)
    else:
        orders = equivalent_orders(opened.molecule)
    return cluster_poses(seen, cutoff, superpose, orders)
