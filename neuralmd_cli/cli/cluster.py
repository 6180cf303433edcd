"""`neuralmd cluster`: the few poses a trajectory visits, as SDF."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from neuralmd_cli.cli.console import print_table
from neuralmd_cli.cli.options import (
    INPUT,
    OUTPUT,
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
    from neuralmd_cli.analysis.clusters import Clusters
    from neuralmd_cli.opening.opened import Opened


def cluster(
    trajectory: TrajectoryFile,
    top: Top = None,
    ligand_residue: LigandResidue = None,
    ligand: BondOrders = None,
    smiles: Smiles = None,
    superpose: Annotated[
        Literal["pocket", "ligand"],
        typer.Option(
            help="Compare poses as they lie in the pocket, or shapes alone.",
            rich_help_panel=INPUT,
        ),
    ] = "pocket",
    every: Every = 1,
    cutoff_angstrom: Annotated[
        float,
        typer.Option(min=0.01, help="Clusters further apart than this stay apart, Å."),
    ] = 1.0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.sdf",
            help="Also write the snapshot that stands for each cluster.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    csv: Csv = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Sort snapshots into clusters of like poses; representatives as SDF."""
    from neuralmd_cli.figures.clusters import plot_clusters
    from neuralmd_cli.inspection.poses import poses
    from neuralmd_cli.opening.opened import open_trajectory

    _check_sdf(output)
    inputs = [*trajectory_inputs(trajectory, top), *([ligand] if ligand else [])]
    check_outputs(inputs, output=output, csv=csv, plot=plot)
    opened = open_trajectory(
        trajectory,
        top=top,
        ligand_residue=ligand_residue,
        ligand=ligand,
        smiles=smiles,
        every=every,
        with_surroundings=False,
    )
    if output is not None:
        opened.need_molecule("Writing poses as SDF")
    result = poses(opened, cutoff_angstrom, superpose, every=every)
    if output is not None:
        _write_sdf(output, opened, result, every)
    if csv is not None:
        rows = [
            (k * every + 1, float(opened.loaded.times[k]), place + 1)
            for k, place in enumerate(result.of_snapshot.tolist())
        ]
        write_csv(csv, ("snapshot", "time_ps", "cluster"), rows)
    if plot is not None:
        title = f"Poses of {opened.loaded.ligand} in {trajectory.name}"
        times = opened.loaded.times
        plot_clusters(plot, result, times=times, title=title, every=every)
    show_notes(opened.notes)
    if json:
        _print_json(opened, result, every, cutoff_angstrom, superpose)
    else:
        _print_table(opened, result, every, cutoff_angstrom)
        show_written(output, csv, plot)


def _check_sdf(output: Path | None) -> None:
    """Refuse another format by its suffix."""
    from neuralmd_cli.errors import OutputError

    if output is not None and output.suffix.lower() != ".sdf":
        raise OutputError(
            f"{output.name}: poses are written as SDF.",
            hint="Give --output a name that ends in .sdf.",
        )


def _write_sdf(path: Path, opened: "Opened", result: "Clusters", every: int) -> None:
    """One record per cluster, in the coordinates of the trajectory."""
    from neuralmd_cli.writers import write_poses_sdf

    total = len(result.of_snapshot)
    names, properties = [], []
    for place, row in enumerate(result.medoids.tolist()):
        names.append(f"{opened.loaded.path.stem} cluster {place + 1}")
        properties.append(
            {
                "cluster": str(place + 1),
                "snapshot": str(row * every + 1),
                "time_ps": f"{float(opened.loaded.times[row]):g}",
                "share_percent": f"{100 * int(result.sizes[place]) / total:.1f}",
            }
        )
    molecule, positions, _ = opened.all_atoms()
    chosen = positions[result.medoids]
    write_poses_sdf(path, molecule, chosen, names=names, properties=properties)


def _print_table(
    opened: "Opened", result: "Clusters", every: int, cutoff: float
) -> None:
    """A line per cluster."""
    from rich.table import Table

    loaded, total = opened.loaded, len(result.of_snapshot)
    table = Table()
    for column in ("Cluster", "Snapshots", "Share", "Spread (Å)", "Stands for it"):
        table.add_column(column, justify="right")
    for place, row in enumerate(result.medoids.tolist()):
        size = int(result.sizes[place])
        table.add_row(
            str(place + 1),
            str(size),
            f"{100 * size / total:.1f} %",
            f"{float(result.spread[place]):.3f}",
            f"{row * every + 1} ({float(loaded.times[row]):g} ps)",
        )
    typer.echo(
        f"{loaded.ligand} in {loaded.path.name}: {total} snapshots in "
        f"{len(result.sizes)} cluster{'' if len(result.sizes) == 1 else 's'} at "
        f"{cutoff:g} Å"
    )
    print_table(table)


def _print_json(
    opened: "Opened", result: "Clusters", every: int, cutoff: float, superpose: str
) -> None:
    """Everything but the distances as one JSON object on stdout."""
    times = opened.loaded.times.tolist()
    print_json(
        {
            "trajectory": opened.loaded.path.name,
            "ligand": opened.loaded.ligand,
            "snapshots": len(times),
            "every": every,
            "superpose": superpose,
            "cutoff_angstrom": cutoff,
            "clusters": [
                {
                    "cluster": place + 1,
                    "size": int(result.sizes[place]),
                    "spread_angstrom": float(result.spread[place]),
                    "representative_snapshot": row * every + 1,
                    "representative_ps": times[row],
                }
                for place, row in enumerate(result.medoids.tolist())
            ],
            "cluster_of_snapshot": [k + 1 for k in result.of_snapshot.tolist()],
            "notes": opened.notes,
        }
    )
