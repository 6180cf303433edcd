"""Poses of a ligand sorted into clusters, each with the snapshot that stands for it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist, squareform
from torch import Tensor

from neuralmd_cli.analysis.geometry import superpose_onto

MOST = 5_000
"""Snapshots whose pairwise distances fit in some 200 MB."""


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """Which cluster each snapshot is in, the largest first.

    A cluster's medoid is the snapshot with the least mean RMSD to its others.
    """

    of_snapshot: Int[Tensor, " frames"]  # from 0
    medoids: Int[Tensor, " clusters"]  # snapshots, from 0
    sizes: Int[Tensor, " clusters"]
    spread: Float[Tensor, " clusters"]  # mean RMSD to the medoid, Å
    distances: Float[Tensor, "frames frames"]  # RMSD of all pairs, Å


def cluster_poses(
    positions: Float[Tensor, "frames atoms 3"],
    cutoff: float,
    superpose: Literal["pocket", "ligand"] = "pocket",
    orders: Int[Tensor, "orders atoms"] | None = None,
) -> Clusters:
    """Average-linkage clusters of poses, cut where clusters are `cutoff` apart.

    Args:
        positions: heavy atoms, in the frame of the pocket, Å.
        cutoff: mean RMSD between two clusters above which they stay apart, Å.
        superpose: `pocket` compares poses as they lie; `ligand` fits each pair, so only
            shape counts.
        orders: of atoms that are equivalent; without them atoms are told apart by
            their place.
    """
    if len(positions) > MOST:
        raise ValueError(f"{len(positions)} snapshots, {MOST} can be clustered")
    distances = pose_distances(positions, superpose, orders)
    if len(positions) == 1:
        labels = np.zeros(1, dtype=int)
    else:
        tree = linkage(squareform(distances, checks=False), method="average")
        labels = fcluster(tree, t=cutoff, criterion="distance")
    names, first, counts = np.unique(labels, return_index=True, return_counts=True)
    # Largest first; of equal ones, the one that came first.
    order = np.lexsort((first, -counts))
    place = np.empty(len(names), dtype=int)
    place[order] = np.arange(len(names))
    of_snapshot = place[np.searchsorted(names, labels)]
    medoids, spread = [], []
    for cluster in range(len(names)):
        members = np.flatnonzero(of_snapshot == cluster)
        means = distances[np.ix_(members, members)].mean(axis=1)
        medoids.append(int(members[means.argmin()]))
        spread.append(float(means.min()))
    return Clusters(
        of_snapshot=torch.from_numpy(of_snapshot),
        medoids=torch.tensor(medoids),
        sizes=torch.from_numpy(counts[order]),
        spread=torch.tensor(spread, dtype=torch.double),
        distances=torch.from_numpy(distances),
    )


def pose_distances(
    positions: Float[Tensor, "frames atoms 3"],
    superpose: Literal["pocket", "ligand"],
    orders: Int[Tensor, "orders atoms"] | None = None,
) -> Float[ndarray, "frames frames"]:
    """RMSD of each pair of poses, Å, in the order of equivalent atoms that fits best.

    Without `orders`, atoms are told apart by their place.
    """
    p = positions.double()
    if orders is None:
        orders = torch.arange(p.shape[1])[None]
    of_order = _lying if superpose == "pocket" else _fitted
    distances = of_order(p, orders[0])
    for order in orders[1:]:
        np.minimum(distances, of_order(p, order), out=distances)
    # Orders are a group, so this is symmetric but for rounding.
    same: ndarray = np.minimum(distances, distances.T)
    return same


def _lying(
    p: Float[Tensor, "frames atoms 3"], order: Int[Tensor, " atoms"]
) -> Float[ndarray, "frames frames"]:
    """RMSD of poses as they lie, the second's atoms in another order."""
    first, second = (x.reshape(len(p), -1).numpy() for x in (p, p[:, order]))
    distances: ndarray = cdist(first, second) / np.sqrt(p.shape[1])
    return distances


def _fitted(
    p: Float[Tensor, "frames atoms 3"], order: Int[Tensor, " atoms"]
) -> Float[ndarray, "frames frames"]:
    """RMSD of shapes, each pair laid over each other."""
    distances = np.zeros((len(p), len(p)))
    for k in range(len(p)):
        fitted = superpose_onto(p, p, p[k, order].expand(len(p), -1, -1))
        off = (fitted - p[k, order]).square().sum(dim=2).mean(dim=1).sqrt()
        distances[:, k] = off.numpy()
    return distances
