"""`neuralmd compare`: one trajectory of a ligand scored against another."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from neuralmd_cli.cli.console import print_table
from neuralmd_cli.cli.options import INPUT, OUTPUT, Json

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
    top: Annotated[
        Path | None,
        typer.Option(
            help="Topology (PDB) of the first; default: the .pdb beside it.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    reference_top: Annotated[
        Path | None,
        typer.Option(
            help="Topology (PDB) of the reference; default: the .pdb beside it.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    ligand_residue: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:CHAIN[:NUMBER]]",
            help="Which residue of the first is the ligand, where that is not clear.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    reference_ligand_residue: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:CHAIN[:NUMBER]]",
            help="Which residue of the reference is the ligand.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    match: Annotated[
        Literal["times", "frames"],
        typer.Option(
            help="Compare snapshots of the same time, or of the same number.",
            rich_help_panel=INPUT,
        ),
    ] = "times",
    superpose: Annotated[
        Literal["pocket", "none"] | None,
        typer.Option(
            help="Bring both into the frame of the pocket, or leave them; default: "
            "pocket if both files have the protein.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write all values to this file.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Score a trajectory of a ligand against a reference, by every metric."""
    from neuralmd_cli.comparison.compare import compare as compare_loaded
    from neuralmd_cli.readers import read_trajectory, topology_path

    if csv is not None:
        tops = (topology_path(predicted, top), topology_path(reference, reference_top))
        _check_output(csv, (predicted, reference, *tops))
    ours = read_trajectory(predicted, top, ligand_residue)
    theirs = read_trajectory(reference, reference_top, reference_ligand_residue)
    result = compare_loaded(ours, theirs, superpose=superpose, match=match)
    if csv is not None:
        _write_csv(csv, result)
    for note in result.notes:
        typer.echo(f"Note: {note}.", err=True)
    if json:
        _print_json(ours, theirs, result)
    else:
        _print_tables(ours, theirs, result)
        if csv is not None:
            typer.echo(f"Wrote {csv}")


def _check_output(path: Path, inputs: tuple[Path, ...]) -> None:
    """Never write over what is read."""
    from neuralmd_cli.errors import OutputError

    if path.exists() and any(path.samefile(x) for x in inputs):
        raise OutputError(
            f"The result would be written over {path.name}, which is an input.",
            hint="Choose another name with --csv.",
        )


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


def _values(row: "Row") -> dict[str, float | None]:
    """The three values; None where undefined, as neither JSON nor CSV has NaN."""
    values = {pose: getattr(row, pose) for pose in _POSES}
    return {pose: None if x != x else x for pose, x in values.items()}


def _print_json(
    predicted: "LoadedTrajectory", reference: "LoadedTrajectory", result: "Comparison"
) -> None:
    """Everything as one JSON object on stdout."""
    import json

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
                **_values(row),
            }
            for row in result.rows
        ],
        "notes": result.notes,
    }
    typer.echo(json.dumps(answer, indent=2))


def _write_csv(path: Path, result: "Comparison") -> None:
    """One line per metric."""
    import csv

    from neuralmd_cli.writers import atomic_path

    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "definition", "unit", "better", *_POSES])
        for row in result.rows:
            about = row.metric
            values = ["" if x is None else f"{x:.6f}" for x in _values(row).values()]
            writer.writerow(
                [about.name, about.definition, about.unit, about.better, *values]
            )
