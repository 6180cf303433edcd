"""Which pose a ligand is in over time, and how far the poses are apart."""

from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.analysis.clusters import Clusters
from neuralmd_cli.figures.canvas import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    draw,
    edges,
    time_axis,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY)
_SHOWN = 12


def plot_clusters(
    path: Path,
    clusters: Clusters,
    *,
    times: Float[Tensor, " frames"],
    title: str,
    every: int = 1,
) -> None:
    """Draw the cluster of each snapshot, and the RMSD of each pair of snapshots.

    Raises:
        OutputError, NeuralMDError: as `check_figure_path`, or unwritable.
    """

    def paint(figure: "Figure") -> None:
        above, below = figure.subplots(2, 1, height_ratios=[1, 2.6])
        places, label = time_axis(times, every)
        borders = edges(places)
        members = clusters.of_snapshot.tolist()
        shown = min(len(clusters.sizes), _SHOWN)
        for cluster in range(len(clusters.sizes)):
            row = min(cluster, _SHOWN)
            spans = [
                (borders[k], borders[k + 1] - borders[k])
                for k, member in enumerate(members)
                if member == cluster
            ]
            colour = _COLOURS[cluster % 6] if cluster < _SHOWN else GREY
            above.broken_barh(spans, (row - 0.4, 0.8), color=colour, linewidth=0)
            if cluster < _SHOWN:
                medoid = int(clusters.medoids[cluster])
                above.plot([places[medoid]], [row], "k|", markersize=7)
        labels = [
            f"{k + 1} ({100 * int(n) / len(members):.0f} %)"
            for k, n in enumerate(clusters.sizes.tolist()[:_SHOWN])
        ]
        rest = len(clusters.sizes) - shown
        labels += [f"{rest} more"] if rest else []
        above.set_yticks(range(len(labels)), labels)
        above.set_ylim(len(labels) - 0.5, -0.5)
        above.set_xlim(borders[0], borders[-1])
        above.set_xlabel(label)
        above.set_ylabel("cluster")
        above.spines[["top", "right", "left"]].set_visible(False)
        above.set_title(
            "black tick: the snapshot that stands for the cluster",
            fontsize=7.5,
            loc="right",
        )
        last = len(members) * every + 0.5
        image = below.imshow(
            clusters.distances.numpy(),
            cmap="cividis",
            vmin=0.0,
            vmax=max(float(clusters.distances.max()), 0.1),
            extent=(0.5, last, last, 0.5),
            interpolation="nearest",
        )
        below.set_xlabel("snapshot")
        below.set_ylabel("snapshot")
        figure.colorbar(image, ax=below, label="RMSD (Å)")

    height = 5.6 + 0.2 * min(len(clusters.sizes), _SHOWN + 1)
    draw(path, paint, size=(6.4, height), title=title)
