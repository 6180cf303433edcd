"""RMSF per atom and per window."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.analysis.rmsf import Rmsf
from neuralmd_cli.figures.canvas import BLUE, draw, marker, tidy, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {
    "C": "#5b6770",
    "N": "#0072b2",
    "O": "#d55e00",
    "S": "#f0e442",
    "P": "#e69f00",
    "F": "#009e73",
    "Cl": "#009e73",
    "Br": "#8c4a2f",
    "I": "#6b3fa0",
}
"""Usual colours of elements, as far as they are told apart by everybody."""
_OTHER_COLOUR = "#cc79a7"


def plot_rmsf(
    path: Path,
    rmsf: Rmsf,
    *,
    names: Sequence[str],
    elements: Sequence[str],
    times: Float[Tensor, " frames"],
    title: str,
) -> None:
    """Draw the RMSF of each atom as bars, and that of each window over time.

    A window stands at the middle of its times; where times do not grow, snapshots are
    counted instead.

    Args:
        names, elements: of the atoms, in their order.
        times: of the snapshots, ps.
        title: what was analysed.

    Raises:
        OutputError, NeuralMDError: as `check_figure_path`, or unwritable.
    """

    def paint(figure: "Figure") -> None:
        atoms, windows = figure.subplots(2, 1)
        _draw_atoms(atoms, rmsf, names, elements)
        _draw_windows(windows, rmsf, times)

    width = min(max(7.0, 1.5 + 0.155 * len(names)), 24.0)
    draw(path, paint, size=(width, 5.6), title=title)


def _draw_atoms(
    axes: "Axes", rmsf: Rmsf, names: Sequence[str], elements: Sequence[str]
) -> None:
    """One bar per atom, coloured by element, and the RMSF of all as a line."""
    values = rmsf.per_atom.tolist()
    for element in dict.fromkeys(elements):
        places = [i for i, other in enumerate(elements) if other == element]
        colour = _COLOURS.get(element, _OTHER_COLOUR)
        heights = [values[i] for i in places]
        axes.bar(places, heights, width=0.8, color=colour, label=element)
    axes.axhline(rmsf.total, color="black", linewidth=0.9, linestyle="--", label="all")
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7.5)
    axes.set_xlim(-0.8, len(names) - 0.2)
    axes.set_ylabel("RMSF per atom (Å)")
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.02), frameon=False, handlelength=1.2
    )
    tidy(axes)


def _draw_windows(axes: "Axes", rmsf: Rmsf, times: Float[Tensor, " frames"]) -> None:
    """The RMSF of each window at the middle of its time."""
    last = rmsf.window - 1
    places, label = time_axis(times)
    starts = places[: len(places) - last]
    middles = [(a + b) / 2 for a, b in zip(starts, places[last:], strict=True)]
    axes.plot(
        middles,
        rmsf.per_window.tolist(),
        color=BLUE,
        linewidth=1.3,
        marker=marker(len(middles)),
        markersize=2.8,
    )
    axes.set_xlabel(label)
    axes.set_ylabel(f"RMSF of {rmsf.window} snapshots (Å)")
    axes.margins(x=0.01)
    tidy(axes)
