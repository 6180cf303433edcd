"""`neuralmd compare`: one trajectory of a ligand scored against another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from neuralmd_cli.cli.console import print_table
from neuralmd_cli.cli.options import (
    INPUT,
    Csv,
    Json,
    LigandResidue,
    MatchSnapshots,
    Plot,
    Top,
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
    from neuralmd_cli.comparison.compare import Comparison, Row
    from neuralmd_cli.readers import LoadedTrajectory

_POSES = ("predicted", "frozen", "mean_pose")


def compare(
    predicted: Annotated[
        Path,
        typer.Argument(
            metavar="PREDICTED",
            help="DCD, XTC, NetCDF or multi-model PDB file.",
            show_default=False,
        ),
    ],
    reference: Annotated[
        Path,
        typer.Argument(
            metavar="REFERENCE",
            help="The trajectory it is scored against, of the same ligand.",
            show_default=False,
        ),
    ],
    top: Top = None,
    reference_top: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Topology (PDB) of the reference; default: the .pdb beside it.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    ligand_residue: LigandResidue = None,
    reference_ligand_residue: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:CHAIN[:NUMBER]]",
            help="Which residue of the reference is the ligand.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    match: MatchSnapshots = "times",
    superpose: Annotated[
        Literal["pocket", "none"] | None,
        typer.Option(
            help="Bring both into the frame of the pocket, or leave them; default: "
            "pocket if both files have the protein.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    csv: Csv = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Score a trajectory of a ligand against a reference, by every metric."""
    from neuralmd_cli.comparison.compare import compare as compare_loaded
    from neuralmd_cli.figures.comparison import plot_comparison
    from neuralmd_cli.opening.opened import open_snapshots

    inputs = trajectory_inputs(predicted, top)
    inputs += trajectory_inputs(reference, reference_top)
    check_outputs(inputs, csv=csv, plot=plot)
    ours = open_snapshots(predicted, top, ligand_residue)
    theirs = open_snapshots(reference, reference_top, reference_ligand_residue)
    result = compare_loaded(ours, theirs, superpose=superpose, match=match)
    if csv is not None:
        _write_csv(csv, result)
    if plot is not None:
        title = f"{ours.ligand}: {predicted.name} against {reference.name}"
        plot_comparison(plot, result, title=title)
    show_notes(result.notes)
    if json:
        _print_json(ours, theirs, result)
    else:
        _print_tables(ours, theirs, result)
        show_written(csv, plot)


def _print_tables(
    predicted: "LoadedTrajectory", reference: "LoadedTrajectory", result: "Comparison"
) -> None:
    """What was compared, a table per set of definitions, and what the columns are."""
    first, last = float(result.times[0]), float(result.times[-1])
    # Joined runs, compared by number, have no span.
    grow = bool((result.times.diff() > 0).all())
    span = f", {first:g} to {last:g} ps" if grow else ""
    typer.echo(
        f"{predicted.path.name} against {reference.path.name}: {predicted.ligand}, "
        f"{result.heavy_atoms} heavy atoms, {len(result.times)} snapshots{span}"
    )
    frame = {
        "pocket": "seen from the pocket of the reference's start",
        "none": "coordinates of the files",
    }
    typer.echo(f"\nBy corrected definitions, {frame[result.superposed]}")
    _print_rows([r for r in result.rows if r.metric.definition == "corrected"])
    typer.echo("\nBy the paper's definitions, coordinates of the files")
    _print_rows([r for r in result.rows if r.metric.definition == "published"])
    typer.echo(
        f"Frozen: the reference's snapshot at {result.frozen_at:g} ps, held still. "
        "Mean pose: the mean of its\ncompared snapshots, held still. Skill is of the "
        "RMSD. docs/metrics.md explains each metric."
    )


def _print_rows(rows: list["Row"]) -> None:
    """One line per metric; a dash where it is undefined for all."""
    from rich.table import Table

    table = Table()
    table.add_column("Metric")
    for name in ("Predicted", "Frozen", "Mean pose"):
        table.add_column(name, justify="right")
    table.add_column("Unit")
    table.add_column("Better")
    for row in rows:
        values = [_shown(getattr(row, pose), row.metric.unit) for pose in _POSES]
        table.add_row(row.metric.label, *values, row.metric.unit, row.metric.better)
    print_table(table)


def _shown(value: float, unit: str) -> str:
    """Three decimals, for % and degrees one; a dash for what is undefined."""
    if value != value:
        return "-"
    return f"{value:.1f}" if unit in {"%", "°"} else f"{value:.3f}"


def _print_json(
    predicted: "LoadedTrajectory", reference: "LoadedTrajectory", result: "Comparison"
) -> None:
    """Everything as one JSON object on stdout."""
    answer = {
        "predicted": predicted.path.name,
        "reference": reference.path.name,
        "ligand": predicted.ligand,
        "reference_ligand": reference.ligand,
        "heavy_atoms": result.heavy_atoms,
        "snapshots": len(result.times),
        "first_ps": float(result.times[0]),
        "last_ps": float(result.times[-1]),
        "frozen_at_ps": result.frozen_at,
        "superposed": result.superposed,
        "metrics": [
            {
                "name": row.metric.name,
                "definition": row.metric.definition,
                "unit": row.metric.unit,
                "better": row.metric.better,
                **{pose: getattr(row, pose) for pose in _POSES},
            }
            for row in result.rows
        ],
        "notes": result.notes,
    }
    print_json(answer)


def _write_csv(path: Path, result: "Comparison") -> None:
    """One line per metric."""
    columns = ["name", "definition", "unit", "better", *_POSES]
    rows = [
        [
            *(getattr(row.metric, key) for key in columns[:4]),
            *(getattr(row, pose) for pose in _POSES),
        ]
        for row in result.rows
    ]
    write_csv(path, columns, rows)
