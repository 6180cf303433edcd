"""Poses of a ligand sorted into clusters, each with the snapshot that stands for it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist, squareform
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
) -> Clusters:
    """Average-linkage clusters of poses, cut where clusters are `cutoff` apart.

    Args:
        positions: heavy atoms, in the frame of the pocket, Å.
        cutoff: mean RMSD between two clusters above which they stay apart, Å.
        superpose: `pocket` compares poses as they lie; `ligand` fits each pair, so only
            shape counts.
    """
    if len(positions) > MOST:
        raise ValueError(f"{len(positions)} snapshots, {MOST} can be clustered")
    distances = pose_distances(positions, superpose)
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
    positions: Float[Tensor, "frames atoms 3"], superpose: Literal["pocket", "ligand"]
) -> Float[ndarray, "frames frames"]:
    """RMSD of each pair of poses, Å; atoms are told apart by their place."""
    p = positions.double()
    n = p.shape[1]
    if superpose == "pocket":
        flat = p.reshape(len(p), -1).numpy()
        square: ndarray = squareform(pdist(flat) / np.sqrt(n))
        return square
    distances = np.zeros((len(p), len(p)))
    for k in range(1, len(p)):
        fitted = superpose_onto(p[:k], p[:k], p[k].expand(k, -1, -1))
        off = (fitted - p[k]).square().sum(dim=2).mean(dim=1).sqrt().numpy()
        distances[k, :k] = distances[:k, k] = off
    return distances
