"""Figures of an analysis as PNG, SVG or PDF; needs the extra `neuralmd[plot]`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.analysis.rmsf import Rmsf
from neuralmd_cli.errors import NeuralMDError, OutputError
from neuralmd_cli.units import PS_PER_NS
from neuralmd_cli.writers import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NO_DATES: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
"""Formats, with what is left out of each so that equal data give equal files."""

_COLOURS = {
    "C": "#5b6770",
    "N": "#3366cc",
    "O": "#cc3333",
    "S": "#c9a227",
    "P": "#e07b39",
    "F": "#84c26b",
    "Cl": "#3f9b5c",
    "Br": "#8c4a2f",
    "I": "#6b3fa0",
}
_OTHER_COLOUR = "#9a6fb0"
_LINE_COLOUR = "#1f4e79"


def check_figure_path(path: Path) -> None:
    """Refuse a figure that could not be drawn, before any work is done.

    Raises:
        OutputError: the suffix is none of .png, .svg and .pdf.
        NeuralMDError: matplotlib is not installed.
    """
    if path.suffix.lower() not in _NO_DATES:
        raise OutputError(
            f"{path.name}: {path.suffix or 'no suffix'} is no figure format.",
            hint="Use .png, .svg or .pdf.",
        )
    try:
        import matplotlib  # noqa: F401  only whether it is there
    except ImportError as error:
        raise NeuralMDError(
            "Drawing a figure needs matplotlib, which is not installed.",
            hint='pip install "neuralmd[plot]"',
        ) from error


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
    check_figure_path(path)
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width = min(max(7.0, 1.5 + 0.155 * len(names)), 24.0)
    with matplotlib.rc_context({"svg.hashsalt": "neuralmd", "font.size": 9}):
        figure = Figure(figsize=(width, 5.6), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        atoms, windows = figure.subplots(2, 1)
        figure.suptitle(title, fontsize=11, parse_math=False)  # $ is a $
        _draw_atoms(atoms, rmsf, names, elements)
        _draw_windows(windows, rmsf, times)
        suffix = path.suffix.lower()
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=suffix[1:], metadata=_NO_DATES[suffix])


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
    _tidy(axes)


def _draw_windows(axes: "Axes", rmsf: Rmsf, times: Float[Tensor, " frames"]) -> None:
    """The RMSF of each window at the middle of its time."""
    last = rmsf.window - 1
    grows = bool((times.diff() > 0).all())
    if grows:
        in_ns = float(times[-1]) >= PS_PER_NS
        scaled = times / PS_PER_NS if in_ns else times
        middles = (scaled[: len(scaled) - last] + scaled[last:]) / 2
        axes.set_xlabel("time (ns)" if in_ns else "time (ps)")
    else:
        middles = times.new_tensor(range(len(rmsf.per_window))) + 1 + last / 2
        axes.set_xlabel("snapshot")
    marker = "o" if len(middles) <= 150 else None
    axes.plot(
        middles.tolist(),
        rmsf.per_window.tolist(),
        color=_LINE_COLOUR,
        linewidth=1.3,
        marker=marker,
        markersize=2.8,
    )
    axes.set_ylabel(f"RMSF of {rmsf.window} snapshots (Å)")
    axes.margins(x=0.01)
    _tidy(axes)


def _tidy(axes: "Axes") -> None:
    """From zero upwards, with light horizontal lines and no box."""
    axes.set_ylim(bottom=0.0)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
