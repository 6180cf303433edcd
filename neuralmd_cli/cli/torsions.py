"""`neuralmd torsions`: how a ligand's rotatable bonds turn."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from neuralmd_cli.cli.console import print_table
from neuralmd_cli.cli.options import (
    BondOrders,
    Csv,
    Every,
    Json,
    LigandResidue,
    Plot,
    Smiles,
    Top,
    TrajectoryFile,
)
from neuralmd_cli.cli.results import (
    check_outputs,
    print_json,
    show_notes,
    show_written,
    trajectory_inputs,
    write_csv,
)

if TYPE_CHECKING:
    from neuralmd_cli.analysis.torsion_summary import TorsionSummary
    from neuralmd_cli.opening.opened import Opened


def torsions(
    trajectory: TrajectoryFile,
    top: Top = None,
    ligand_residue: LigandResidue = None,
    ligand: BondOrders = None,
    smiles: Smiles = None,
    every: Every = 1,
    csv: Csv = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Show how each rotatable bond of the ligand turns."""
    from neuralmd_cli.figures.torsions import plot_torsions
    from neuralmd_cli.inspection.turning import turning
    from neuralmd_cli.opening.opened import open_trajectory

    inputs = trajectory_inputs(trajectory, top)
    check_outputs([*inputs, *([ligand] if ligand else [])], csv=csv, plot=plot)
    opened = open_trajectory(
        trajectory,
        top=top,
        ligand_residue=ligand_residue,
        ligand=ligand,
        smiles=smiles,
        every=every,
        with_surroundings=False,
    )
    found = turning(opened)
    summary, names = found.summary, list(found.names)
    notes = (*opened.notes, *found.notes)
    if csv is not None:
        _write_csv(csv, opened, summary, names, every)
    if plot is not None:
        title = f"Torsions of {opened.loaded.ligand} in {trajectory.name}"
        times = opened.loaded.times
        plot_torsions(plot, summary, names=names, times=times, title=title, every=every)
    show_notes(notes)
    if json:
        _print_json(opened, summary, names, every, notes)
    else:
        _print_table(opened, summary, names)
        show_written(csv, plot)


def _print_table(opened: "Opened", summary: "TorsionSummary", names: list[str]) -> None:
    """A line per torsion."""
    from rich.table import Table

    from neuralmd_cli.analysis.torsion_summary import TURNED

    table = Table()
    table.add_column("Torsion", no_wrap=True)
    for column in ("Start", "Mean", "Spread", "Turn", f"Over {TURNED:.0f}°"):
        table.add_column(column, justify="right")
    columns = zip(
        names,
        summary.start.tolist(),
        summary.mean.tolist(),
        summary.spread.tolist(),
        summary.largest_turn.tolist(),
        summary.turned.tolist(),
        strict=True,
    )
    for name, *values in columns:
        *angles, share = values
        table.add_row(name, *(f"{x:.1f}°" for x in angles), f"{share:.0f} %")
    loaded = opened.loaded
    typer.echo(
        f"Torsions of {loaded.ligand} in {loaded.path.name}, {loaded.n_frames} "
        f"snapshots. Turn: the\nlargest from the start; over {TURNED:.0f}°: how many "
        "snapshots are further"
    )
    print_table(table)


def _print_json(
    opened: "Opened",
    summary: "TorsionSummary",
    names: list[str],
    every: int,
    notes: tuple[str, ...],
) -> None:
    """Everything as one JSON object on stdout."""
    print_json(
        {
            "trajectory": opened.loaded.path.name,
            "ligand": opened.loaded.ligand,
            "snapshots": opened.loaded.n_frames,
            "every": every,
            "times_ps": opened.loaded.times.tolist(),
            "torsions": [
                {
                    "atoms": name.split("-"),
                    "start_degrees": float(summary.start[k]),
                    "mean_degrees": float(summary.mean[k]),
                    "spread_degrees": float(summary.spread[k]),
                    "largest_turn_degrees": float(summary.largest_turn[k]),
                    "turned_percent": float(summary.turned[k]),
                    "angles_degrees": summary.angles[:, k].tolist(),
                }
                for k, name in enumerate(names)
            ],
            "notes": notes,
        }
    )


def _write_csv(
    path: Path,
    opened: "Opened",
    summary: "TorsionSummary",
    names: list[str],
    every: int,
) -> None:
    """One line per snapshot, one column per torsion, degrees; snapshot 0 is the start.

    Where the start is the first snapshot, both lines are there.
    """
    times = opened.loaded.times.tolist()
    rows: list[tuple[object, ...]] = [(0, None, *summary.start.tolist())]
    rows += [
        (k * every + 1, times[k], *angles)
        for k, angles in enumerate(summary.angles.tolist())
    ]
    write_csv(path, ("snapshot", "time_ps", *names), rows)
