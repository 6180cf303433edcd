"""Each torsion over time, with how often it has each angle beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.analysis.torsion_summary import TorsionSummary
from neuralmd_cli.figures.canvas import BLUE, VERMILLION, draw, tidy, time_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 24
"""Torsions in one figure; more would not be readable."""


def plot_torsions(
    path: Path,
    summary: TorsionSummary,
    *,
    names: Sequence[str],
    times: Float[Tensor, " frames"],
    title: str,
    every: int = 1,
) -> None:
    """Draw at most 24 torsions, those that spread most, in the ligand's order.

    Raises:
        OutputError, NeuralMDError: as `check_figure_path`, or unwritable.
    """
    ranked = summary.spread.argsort(descending=True)[:MOST].tolist()
    chosen = sorted(ranked)
    columns = 1 if len(chosen) <= 5 else 2
    rows = -(-len(chosen) // columns)

    def paint(figure: "Figure") -> None:
        grid = figure.add_gridspec(rows, 2 * columns, width_ratios=[4, 1] * columns)
        places, label = time_axis(times, every)
        for k, torsion in enumerate(chosen):
            row, column = k % rows, k // rows
            axes = figure.add_subplot(grid[row, 2 * column])
            angles = summary.angles[:, torsion].tolist()
            axes.axhline(
                float(summary.start[torsion]),
                color=VERMILLION,
                linewidth=1.0,
                label="start",
            )
            axes.plot(places, angles, ".", color=BLUE, markersize=2.5)
            axes.set_title(names[torsion], fontsize=8.5, loc="left", parse_math=False)
            beside = figure.add_subplot(grid[row, 2 * column + 1])
            beside.hist(
                angles,
                bins=36,
                range=(-180, 180),
                orientation="horizontal",
                color=BLUE,
            )
            beside.set_xticks([])
            beside.spines[["top", "right", "bottom"]].set_visible(False)
            for panel in (axes, beside):
                panel.set_ylim(-180, 180)
                panel.set_yticks([-180, -90, 0, 90, 180])
            beside.tick_params(labelleft=False)
            tidy(axes, from_zero=False)
            last = row == rows - 1 or k == len(chosen) - 1
            axes.tick_params(labelbottom=last)
            if last:
                axes.set_xlabel(label)
            if k == 0:
                axes.legend(frameon=False, fontsize=7.5, loc="upper right")
        figure.supylabel("torsion angle (°)", fontsize=9)

    draw(path, paint, size=(4.2 * columns + 0.6, 1.2 + 1.45 * rows), title=title)
