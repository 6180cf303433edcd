"""Interactions with residues over time, as a barcode."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
from neuralmd_cli.inspection.interactions import KINDS, Interaction, Interactions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {
    "HBDonor": BLUE,
    "HBAcceptor": SKY,
    "Anionic": VERMILLION,
    "Cationic": VERMILLION,
    "XBDonor": PURPLE,
    "PiStacking": GREEN,
    "PiCation": ORANGE,
    "CationPi": ORANGE,
    "Hydrophobic": GREY,
}
MOST = 60
"""Rows in one figure: the most frequent ones."""


def plot_contacts(
    path: Path, result: Interactions, *, title: str, every: int = 1
) -> None:
    """Draw one row per residue and interaction, filled while it is there.

    Raises:
        OutputError, NeuralMDError: as `check_figure_path`, or unwritable.
    """
    ranked = sorted(result.found, key=lambda x: -x.share)[:MOST]
    shown = [x for x in result.found if any(x is y for y in ranked)]

    def paint(figure: "Figure") -> None:
        places, label = time_axis(result.times, every)
        _barcode(figure.subplots(), shown, places, label)

    draw(path, paint, size=(9.0, 1.6 + 0.23 * max(len(shown), 2)), title=title)


def _barcode(
    axes: "Axes", shown: Sequence[Interaction], places: list[float], label: str
) -> None:
    """Rows from the top, the residue named at its first one."""
    from matplotlib.patches import Patch

    borders = edges(places)
    for row, found in enumerate(shown):
        spans = [
            (borders[k], borders[k + 1] - borders[k])
            for k, there in enumerate(found.present.tolist())
            if there
        ]
        colour = _COLOURS[found.kind]
        axes.broken_barh(spans, (row - 0.4, 0.8), color=colour, linewidth=0)
        axes.annotate(
            f"{found.share:.0f} %",
            (1.0, row),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
        )
    axes.set_yticks(
        range(len(shown)),
        [f"{x.residue.label}  {KINDS[x.kind]}" for x in shown],
        fontsize=8,
    )
    for row in range(1, len(shown)):
        if shown[row].residue != shown[row - 1].residue:
            axes.axhline(row - 0.5, color="#cccccc", linewidth=0.6)
    axes.set_ylim(max(len(shown), 1) - 0.5, -0.5)
    axes.set_xlim(borders[0], borders[-1])
    axes.set_xlabel(label)
    axes.tick_params(left=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    kinds = [kind for kind in KINDS if any(x.kind == kind for x in shown)]
    handles = [Patch(color=_COLOURS[kind], label=KINDS[kind]) for kind in kinds]
    if handles:
        axes.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=3,
            frameon=False,
            fontsize=7.5,
        )
