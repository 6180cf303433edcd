"""`neuralmd contacts`: with which residues a ligand interacts, and how long."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralmd_cli.cli.console import print_table, snapshot_progress
from neuralmd_cli.cli.options import (
    OUTPUT,
    BondOrders,
    Csv,
    Every,
    Json,
    LigandResidue,
    Plot,
    Quiet,
    RigidProtein,
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
    from neuralmd_cli.inspection.interactions import Interactions
    from neuralmd_cli.opening.opened import Opened


def contacts(
    trajectory: TrajectoryFile,
    top: Top = None,
    ligand_residue: LigandResidue = None,
    ligand: BondOrders = None,
    smiles: Smiles = None,
    protein: RigidProtein = None,
    every: Every = 1,
    least_percent: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            help="Leave out of table and figure what fewer snapshots have, %.",
            rich_help_panel=OUTPUT,
        ),
    ] = 5.0,
    csv: Csv = None,
    plot: Plot = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show which residues the ligand interacts with, and in which snapshots (ProLIF).

    Needs pip install "neuralmd[contacts]".
    """
    from neuralmd_cli.figures.contacts import plot_contacts
    from neuralmd_cli.inspection.interactions import (
        check_prolif,
        frequent,
        interactions,
    )
    from neuralmd_cli.opening.opened import open_trajectory

    check_prolif()
    inputs = [x for x in (ligand, protein) if x is not None]
    check_outputs([*trajectory_inputs(trajectory, top), *inputs], csv=csv, plot=plot)
    opened = open_trajectory(
        trajectory,
        top=top,
        ligand_residue=ligand_residue,
        ligand=ligand,
        smiles=smiles,
        protein=protein,
        every=every,
    )
    check_outputs(opened.inputs, csv=csv, plot=plot)
    with snapshot_progress(opened.loaded.n_frames, quiet=quiet) as on_snapshot:
        result = interactions(opened, on_snapshot)
    if csv is not None:
        _write_csv(csv, result, every)
    shown = frequent(result, least_percent)
    if plot is not None:
        title = f"Interactions of {opened.loaded.ligand} in {trajectory.name}"
        plot_contacts(plot, shown, title=title, every=every)
    show_notes((*opened.notes, *result.notes))
    if json:
        _print_json(opened, result, every)
    elif not quiet:
        _print_table(opened, shown, len(result.found) - len(shown.found))
        show_written(csv, plot)


def _print_table(opened: "Opened", result: "Interactions", rare: int) -> None:
    """A line per residue and interaction."""
    from rich.table import Table

    from neuralmd_cli.inspection.interactions import KINDS

    loaded = opened.loaded
    stands = "rigid" if result.rigid else "moving"
    typer.echo(
        f"{loaded.ligand} in {loaded.path.name}, {loaded.n_frames} snapshots; protein "
        f"of {result.source} ({stands}); hydrogens of the ligand "
        f"{result.ligand_hydrogens}"
    )
    table = Table()
    table.add_column("Residue")
    table.add_column("Interaction")
    table.add_column("At start")
    table.add_column("Snapshots", justify="right")
    for found in result.found:
        table.add_row(
            found.residue.label,
            KINDS[found.kind],
            "yes" if found.at_start else "no",
            f"{found.share:.0f} %",
        )
    print_table(table)
    if rare:
        typer.echo(f"{rare} rarer ones are not shown; --csv or --json has all.")


def _print_json(opened: "Opened", result: "Interactions", every: int) -> None:
    """Everything as one JSON object on stdout."""
    print_json(
        {
            "trajectory": opened.loaded.path.name,
            "ligand": opened.loaded.ligand,
            "snapshots": opened.loaded.n_frames,
            "every": every,
            "protein": result.source,
            "protein_moves": not result.rigid,
            "ligand_hydrogens": result.ligand_hydrogens,
            "times_ps": result.times.tolist(),
            "interactions": [
                {
                    "residue": x.residue.label,
                    "interaction": x.kind,
                    "at_start": x.at_start,
                    "percent": x.share,
                    "snapshots": [
                        k * every + 1 for k, has in enumerate(x.present.tolist()) if has
                    ],
                }
                for x in result.found
            ],
            "notes": (*opened.notes, *result.notes),
        }
    )


def _write_csv(path: Path, result: "Interactions", every: int) -> None:
    """One line per snapshot and interaction it has; snapshot 0 is the start."""
    rows = [(0, None, x.residue.label, x.kind) for x in result.found if x.at_start] + [
        (k * every + 1, time, x.residue.label, x.kind)
        for k, time in enumerate(result.times.tolist())
        for x in result.found
        if bool(x.present[k])
    ]
    write_csv(path, ("snapshot", "time_ps", "residue", "interaction"), rows)
