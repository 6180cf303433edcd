"""`neuralmd rmsf`: how much a ligand's atoms fluctuate in a trajectory file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict

import typer

from neuralmd_cli.cli.console import print_table
from neuralmd_cli.cli.options import (
    INPUT,
    Csv,
    Json,
    LigandResidue,
    Plot,
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
    from neuralmd_cli.analysis.rmsf import Rmsf
    from neuralmd_cli.readers import LoadedTrajectory


class AtomRow(TypedDict):
    """One atom of the result."""

    name: str
    element: str
    rmsf_angstrom: float


class WindowRow(TypedDict):
    """One window of the result; snapshots are counted from 1."""

    first_snapshot: int
    last_snapshot: int
    start_ps: float
    end_ps: float
    rmsf_angstrom: float


def rmsf(
    trajectory: TrajectoryFile,
    top: Top = None,
    ligand_residue: LigandResidue = None,
    superpose: Annotated[
        Literal["pocket", "ligand", "none"],
        typer.Option(
            help="What is held still: the pocket's CA atoms (our own files are in the "
            "pocket's frame already), the ligand itself, or nothing.",
            rich_help_panel=INPUT,
        ),
    ] = "pocket",
    window: Annotated[
        int, typer.Option(min=2, help="Snapshots in a window; the paper takes five.")
    ] = 5,
    csv: Csv = None,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """Show how much the ligand's heavy atoms fluctuate (RMSF)."""
    from neuralmd_cli.figures.rmsf import plot_rmsf
    from neuralmd_cli.inspection.fluctuation import fluctuation
    from neuralmd_cli.opening.opened import open_snapshots

    check_outputs(trajectory_inputs(trajectory, top), csv=csv, plot=plot)
    loaded = open_snapshots(trajectory, top, ligand_residue)
    result = fluctuation(loaded, superpose, window)
    atoms, windows = _atom_rows(loaded, result), _window_rows(loaded, result)
    if csv is not None:
        _write_csv(csv, loaded, atoms, windows)
    if plot is not None:
        plot_rmsf(
            plot,
            result,
            names=[row["name"] for row in atoms],
            elements=[row["element"] for row in atoms],
            times=loaded.times,
            title=f"RMSF of {loaded.ligand} in {trajectory.name}",
        )
    show_notes(loaded.notes)
    if json:
        _print_json(loaded, result, superpose, atoms, windows)
    else:
        _print_tables(loaded, result, superpose, atoms, windows)
        show_written(csv, plot)


def _atom_rows(loaded: "LoadedTrajectory", result: "Rmsf") -> list[AtomRow]:
    """RMSF per heavy atom."""
    from rdkit import Chem

    table = Chem.GetPeriodicTable()
    heavy = loaded.heavy.tolist()
    names = [name for name, keep in zip(loaded.atom_names, heavy, strict=True) if keep]
    numbers = loaded.atomic_numbers[loaded.heavy].tolist()
    return [
        AtomRow(name=name, element=table.GetElementSymbol(z), rmsf_angstrom=value)
        for name, z, value in zip(names, numbers, result.per_atom.tolist(), strict=True)
    ]


def _window_rows(loaded: "LoadedTrajectory", result: "Rmsf") -> list[WindowRow]:
    """RMSF per window."""
    times, last = loaded.times.tolist(), result.window - 1
    return [
        WindowRow(
            first_snapshot=k + 1,
            last_snapshot=k + last + 1,
            start_ps=times[k],
            end_ps=times[k + last],
            rmsf_angstrom=value,
        )
        for k, value in enumerate(result.per_window.tolist())
    ]


def _print_json(
    loaded: "LoadedTrajectory",
    result: "Rmsf",
    superpose: str,
    atoms: list[AtomRow],
    windows: list[WindowRow],
) -> None:
    """Everything as one JSON object on stdout."""
    answer = {
        "trajectory": loaded.path.name,
        "ligand": loaded.ligand,
        "snapshots": loaded.n_frames,
        "superpose": superpose,
        "window": result.window,
        "rmsf_angstrom": result.total,
        "atoms": atoms,
        "windows": windows,
        "notes": loaded.notes,
    }
    print_json(answer)


def _print_tables(
    loaded: "LoadedTrajectory",
    result: "Rmsf",
    superpose: str,
    atoms: list[AtomRow],
    windows: list[WindowRow],
) -> None:
    """Two tables: atoms, and windows that do not overlap, at most about twenty."""
    from rich.table import Table

    frame = {"pocket": "the pocket", "ligand": "the ligand", "none": "the file"}
    by_atom = Table()
    by_atom.add_column("Atom")
    by_atom.add_column("Element")
    by_atom.add_column("RMSF (Å)", justify="right")
    for atom in atoms:
        by_atom.add_row(atom["name"], atom["element"], f"{atom['rmsf_angstrom']:.3f}")
    by_atom.add_section()
    by_atom.add_row("all", "", f"{result.total:.3f}")

    apart = windows[:: result.window]
    step = -(-len(apart) // 20)
    by_window = Table()
    for column in ("Snapshots", "Time (ps)", "RMSF (Å)"):
        by_window.add_column(column, justify="right")
    for row in apart[::step]:
        by_window.add_row(
            f"{row['first_snapshot']}-{row['last_snapshot']}",
            f"{row['start_ps']:g} to {row['end_ps']:g}",
            f"{row['rmsf_angstrom']:.3f}",
        )
    typer.echo(f"RMSF of {loaded.ligand}, in the frame of {frame[superpose]}")
    print_table(by_atom)
    typer.echo(f"RMSF of {result.window} snapshots, all heavy atoms")
    print_table(by_window)
    shown = len(apart[::step])
    if shown < len(windows):
        typer.echo(f"{shown} of {len(windows)} windows shown; --csv or --json has all.")


def _write_csv(
    path: Path,
    loaded: "LoadedTrajectory",
    atoms: list[AtomRow],
    windows: list[WindowRow],
) -> None:
    """One line per atom (over all snapshots), then one per window (of all atoms)."""
    times = loaded.times.tolist()
    span = (1, loaded.n_frames, times[0], times[-1])
    rows: list[tuple[object, ...]] = [
        ("atom", x["name"], x["element"], *span, x["rmsf_angstrom"]) for x in atoms
    ]
    rows += [("window", "", "", *x.values()) for x in windows]
    columns = ["kind", "name", "element", *WindowRow.__annotations__]
    write_csv(path, columns, rows)
