"""A verdict per check and snapshot, and the measures that say how far a pose went."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from neuralmd_cli.figures.canvas import (
    BLUE,
    GREY,
    VERMILLION,
    draw,
    edges,
    marker,
    tidy,
    time_axis,
)
from neuralmd_cli.inspection.stability import Stability
from neuralmd_cli.inspection.verdicts import VERDICTS, Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHADES = ("#dce9f2", "#e69f00", "#6b1d00")
"""Light, middle and dark: ok, odd and broken also in grey print."""

_CURVES = ("pose_rmsd", "strain", "contacts_kept")


def plot_stability(
    path: Path, result: Stability, *, title: str, every: int = 1
) -> None:
    """Draw the verdicts as a table of stripes, and three measures below it.

    Args:
        title: what was analysed.
        every: as the snapshots were thinned.

    Raises:
        OutputError, NeuralMDError: as `check_figure_path`, or unwritable.
    """
    curves = [x for x in result.checks if x.name in _CURVES]
    rows = len(result.checks)

    def paint(figure: "Figure") -> None:
        ratios = [0.24 * rows, *[1.25] * len(curves)]
        panels = figure.subplots(
            1 + len(curves), 1, sharex=True, height_ratios=ratios, squeeze=False
        )[:, 0]
        places, label = time_axis(result.times, every)
        _stripes(panels[0], result.checks, places)
        for axes, check in zip(panels[1:], curves, strict=True):
            _curve(axes, check, places)
        panels[-1].set_xlabel(label)

    height = 1.3 + 0.26 * rows + 1.4 * len(curves)
    draw(path, paint, size=(8.0, height), title=title)


def _stripes(axes: "Axes", checks: tuple[Measured, ...], places: list[float]) -> None:
    """One row per check, shaded by its verdict in each snapshot."""
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    table = [check.verdicts.tolist() for check in reversed(checks)]
    axes.pcolormesh(
        edges(places),
        [k - 0.5 for k in range(len(checks) + 1)],
        table,
        cmap=ListedColormap(_SHADES),
        norm=BoundaryNorm([-0.5, 0.5, 1.5, 2.5], 3),
        rasterized=True,
    )
    for k in range(1, len(checks)):
        axes.axhline(k - 0.5, color="white", linewidth=2)
    axes.set_yticks(range(len(checks)), [x.label for x in reversed(checks)])
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    handles = [
        Patch(color=shade, label=word)
        for shade, word in zip(_SHADES, VERDICTS, strict=True)
    ]
    axes.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=3,
        frameon=False,
    )


def _curve(axes: "Axes", check: Measured, places: list[float]) -> None:
    """One measure with its limits, where they are near."""
    values = check.values.tolist()
    axes.plot(
        places,
        values,
        color=BLUE,
        linewidth=1.3,
        marker=marker(len(places)),
        markersize=2.6,
    )
    axes.set_ylabel(f"{check.label}\n({check.unit})", fontsize=8)
    tidy(axes, from_zero=False)
    low, high = _range(check)
    axes.set_ylim(low, high)
    for limit, colour, word in (
        (check.odd, GREY, "odd"),
        (check.broken, VERMILLION, "broken"),
    ):
        if limit is None or not low < limit < high:
            continue
        axes.axhline(limit, color=colour, linewidth=1.0, linestyle="--")
        axes.annotate(
            word,
            (1.0, limit),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=colour,
        )


def _range(check: Measured) -> tuple[float, float]:
    """Bounds of the axis, wide enough that what is hardly anything looks it."""
    values = [x for x in check.values.tolist() if isfinite(x)]
    if check.unit == "%":
        return 0.0, 105.0
    low, high = min([0.0, *values]), max([0.0, *values])
    room = 0.08 * (high - low)
    least = {"Å": 0.5, "kcal/mol": 2.0}.get(check.unit, 0.0)
    top = max(high + room, least)
    # A little below zero, so that dots on it are whole.
    return (low - room if low < 0 else -0.04 * top), top
