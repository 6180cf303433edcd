"""A predicted trajectory and its reference, snapshot by snapshot."""

from pathlib import Path
from typing import TYPE_CHECKING

from neuralmd_cli.comparison.compare import Comparison
from neuralmd_cli.figures.canvas import (
    BLUE,
    GREY,
    ORANGE,
    draw,
    marker,
    tidy,
    time_axis,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_comparison(path: Path, result: Comparison, *, title: str) -> None:
    """Draw the error over time beside the two still poses', and RMSF per atom.

    Raises:
        OutputError, NeuralMDError: as `check_figure_path`, or unwritable.
    """
    names = result.atom_names

    def paint(figure: "Figure") -> None:
        over, atoms = figure.subplots(2, 1)
        places, label = time_axis(result.times)
        for pose, word, colour, style in (
            ("predicted", "predicted", BLUE, "-"),
            ("frozen", "frozen at the start", GREY, "--"),
            ("mean_pose", "mean pose of the reference", ORANGE, ":"),
        ):
            over.plot(
                places,
                result.rmsd[pose].tolist(),
                color=colour,
                linestyle=style,
                linewidth=1.5,
                marker=marker(len(places)) if pose == "predicted" else None,
                markersize=2.6,
                label=word,
            )
        over.set_xlabel(label)
        over.set_ylabel("RMSD to the reference (Å)")
        over.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        tidy(over)
        at = range(len(names))
        atoms.bar(
            [k - 0.2 for k in at],
            result.rmsf["predicted"].tolist(),
            width=0.4,
            color=BLUE,
            label="predicted",
        )
        atoms.bar(
            [k + 0.2 for k in at],
            result.rmsf["reference"].tolist(),
            width=0.4,
            color=ORANGE,
            hatch="///",
            edgecolor="white",
            linewidth=0,
            label="reference",
        )
        atoms.set_xticks(list(at), names, rotation=90, fontsize=7.5)
        atoms.set_xlim(-0.8, len(names) - 0.2)
        atoms.set_ylabel("RMSF per atom (Å)")
        atoms.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        tidy(atoms)

    width = min(max(7.0, 1.5 + 0.2 * len(names)), 24.0)
    draw(path, paint, size=(width, 6.2), title=title)
