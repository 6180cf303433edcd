"""What all figures share: formats, size, colours, the axis of time."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.errors import NeuralMDError, OutputError
from neuralmd_cli.units import PS_PER_NS
from neuralmd_cli.writers import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILLION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
PURPLE, SKY, BLACK, GREY = "#cc79a7", "#56b4e9", "#000000", "#7f7f7f"

_NO_DATES: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
"""Formats, with what is left out of each so that equal data give equal files."""


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


def draw(
    path: Path,
    paint: Callable[["Figure"], None],
    *,
    size: tuple[float, float],
    title: str,
) -> None:
    """Have a figure painted, and write it.

    Args:
        paint: makes the axes and fills them.
        size: width and height, inches.
        title: what was analysed.

    Raises:
        OutputError, NeuralMDError: as `check_figure_path`, or unwritable.
    """
    check_figure_path(path)
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "neuralmd", "font.size": 9}):
        figure = Figure(figsize=size, dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(title, fontsize=11, parse_math=False)  # $ is a $
        paint(figure)
        suffix = path.suffix.lower()
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format=suffix[1:], metadata=_NO_DATES[suffix])


def time_axis(
    times: Float[Tensor, " frames"], every: int = 1
) -> tuple[list[float], str]:
    """Where snapshots stand on the axis, and its label.

    Times in ps or ns; where they do not grow, the snapshots' numbers in the file.

    Args:
        every: which snapshots of the file these are: the first, each `every`-th.
    """
    if len(times) < 2 or not bool((times.diff() > 0).all()):
        return [float(k * every + 1) for k in range(len(times))], "snapshot"
    in_ns = float(times[-1]) >= PS_PER_NS
    scaled = times.double() / PS_PER_NS if in_ns else times.double()
    return scaled.tolist(), "time (ns)" if in_ns else "time (ps)"


def edges(places: Sequence[float]) -> list[float]:
    """Borders between snapshots on the axis, one more than there are snapshots."""
    if len(places) == 1:
        return [places[0] - 0.5, places[0] + 0.5]
    middles = [(a + b) / 2 for a, b in zip(places, places[1:], strict=False)]
    first, last = 2 * places[0] - middles[0], 2 * places[-1] - middles[-1]
    return [first, *middles, last]


def marker(n: int) -> str | None:
    """Dots while they can be told apart."""
    return "o" if n <= 150 else None


def tidy(axes: "Axes", *, from_zero: bool = True) -> None:
    """Light horizontal lines, no box, and by default from zero upwards."""
    if from_zero:
        axes.set_ylim(bottom=0.0)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
