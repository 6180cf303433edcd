"""Sliding-window RMSF of recordings and models, a panel per complex (figure 3)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neuralmd_cli.figures.canvas import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    draw,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = (BLACK, BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, GREY)
MOST_COLUMNS = 3


def plot_rmsf_windows(
    path: Path,
    panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
    *,
    first_snapshot: int,
    title: str,
) -> None:
    """Draw the mean over runs of each curve, with the runs' range behind it.

    Args:
        panels: by complex and by curve, the RMSF (Å) of each window in each run; the
            first curve of the first panel is black.
        first_snapshot: number of the snapshot the first window begins with.
        title: what was analysed.

    Raises:
        OutputError, NeuralMDError: as `check_figure_path`, or unwritable.
    """
    columns = min(len(panels), MOST_COLUMNS)
    rows = -(-len(panels) // columns)
    names = list(dict.fromkeys(x for curves in panels.values() for x in curves))
    colours = dict(zip(names, COLOURS * len(names), strict=False))

    def paint(figure: "Figure") -> None:
        every = figure.subplots(rows, columns, squeeze=False).flatten()
        for axes, (name, curves) in zip(every, panels.items(), strict=False):
            axes.set_title(name, fontsize=10, parse_math=False)
            _curves(axes, curves, colours, first_snapshot)
        for axes in every[len(panels) :]:
            axes.set_visible(False)
        drawn = {
            label: handle
            for axes in every
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            drawn.values(), drawn, loc="outside lower center", ncols=4, frameon=False
        )

    size = (max(5.0, 3.4 * columns), 2.6 * rows + 1.1)
    draw(path, paint, size=size, title=title)


def _curves(
    axes: "Axes",
    curves: Mapping[str, Sequence[Sequence[float]]],
    colours: Mapping[str, str],
    first_snapshot: int,
) -> None:
    from matplotlib.ticker import MaxNLocator

    for name, runs in curves.items():
        windows = list(zip(*runs, strict=True))
        x = range(first_snapshot, first_snapshot + len(windows))
        means = [sum(values) / len(values) for values in windows]
        axes.plot(x, means, color=colours[name], linewidth=1.4, label=name)
        if len(runs) > 1:
            low, high = [min(v) for v in windows], [max(v) for v in windows]
            axes.fill_between(x, low, high, color=colours[name], alpha=0.15, lw=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("first snapshot of the window")
    axes.set_ylabel("RMSF of 5 snapshots (Å)")
    axes.margins(x=0.01)
    tidy(axes)
