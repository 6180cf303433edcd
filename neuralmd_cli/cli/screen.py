"""`neuralmd screen`: many ligands in, a ranked table and a page out."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralmd_cli.cli.console import (
    EXIT_PROBLEM,
    download_progress,
    ligand_progress,
    print_table,
)
from neuralmd_cli.cli.options import (
    INPUT,
    OUTPUT,
    Device,
    Json,
    Model,
    Quiet,
    Seed,
    Weights,
    WeightsUrl,
)
from neuralmd_cli.cli.simulation_options import (
    IntervalPs,
    KeepShape,
    Ns,
    Replicas,
    Solver,
    StepPs,
    TemperatureK,
    VelocityRule,
    check_numbers,
)
from neuralmd_cli.cli.termination import stopped_by_term

if TYPE_CHECKING:
    from neuralmd_cli.screen.run import Screened

RESOURCES = "Resources"
SHOWN = 10
"""Ligands in the table on screen."""


class Format(StrEnum):
    """What is kept of each trajectory."""

    dcd = "dcd"
    xtc = "xtc"
    none = "none"


def screen(
    *,
    protein: Annotated[
        Path | None,
        typer.Option(
            "--protein",
            "-p",
            metavar="FILE",
            help="Protein structure: PDB or mmCIF, gzipped or not.",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    ligands: Annotated[
        list[Path] | None,
        typer.Option(
            "--ligands",
            metavar="FILE",
            help="Poses in that protein: SDF, gzipped or not; may be given again.",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            metavar="FILE",
            help="CSV of pairs instead: columns protein and ligand or ligand_id, if "
            "you like ligand_index, smiles, name.",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    ns: Ns = 8.0,
    interval_ps: IntervalPs = 80.0,
    v0: VelocityRule = None,
    replicas: Replicas = 1,
    seed: Seed = 0,
    solver: Solver = None,
    step_ps: StepPs = None,
    temperature_k: TemperatureK = None,
    keep_shape: KeepShape = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Folder to write to. The same command again goes on in it.",
            file_okay=False,
            rich_help_panel=OUTPUT,
        ),
    ],
    trajectories: Annotated[
        Format,
        typer.Option(
            help="Keep each trajectory so, or not at all.", rich_help_panel=OUTPUT
        ),
    ] = Format.dcd,
    reports: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Write an HTML report of each of the N best.",
            rich_help_panel=OUTPUT,
        ),
    ] = 0,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Remove the screen that is in the folder and begin anew.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes; without it, one for each processor.",
            show_default=False,
            rich_help_panel=RESOURCES,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Ligands at once on a GPU; without it, as many as fit.",
            show_default=False,
            rich_help_panel=RESOURCES,
        ),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="K/N",
            help="Do every Nth ligand from the Kth on; --merge joins the parts.",
            show_default=False,
            rich_help_panel=RESOURCES,
        ),
    ] = None,
    merge: Annotated[
        bool,
        typer.Option(
            "--merge",
            help="Rank what the parts in the folder have done; simulate nothing.",
            rich_help_panel=RESOURCES,
        ),
    ] = False,
    model: Model = None,
    weights: Weights = None,
    weights_url: WeightsUrl = None,
    device: Device = "auto",
) -> None:
    """Simulate many ligands and rank their poses; goes on where it was stopped.

    neuralmd screen --protein P.pdb --ligands poses.sdf -o out

    Exit code 0 if all ligands were simulated, 1 if any failed.
    """
    check_numbers(step_ps, temperature_k, solver)
    _check_merge(merge, [protein, ligands, manifest, part, overwrite or None])
    from neuralmd_cli.screen import run
    from neuralmd_cli.screen.folder import Part
    from neuralmd_cli.screen.tasks import Inputs

    command = ["neuralmd", *sys.argv[1:]]
    with stopped_by_term():
        if merge:
            done = run.merge(output, reports=reports, command=command)
        else:
            inputs = Inputs(
                protein=protein, ligands=tuple(ligands or ()), manifest=manifest
            )
            with (
                download_progress("weights", quiet=quiet) as download,
                ligand_progress(quiet=quiet) as show,
                _interruption_explained(output) as count,
            ):

                def on_ligands(done: int, total: int) -> None:
                    count(done, total)
                    show(done, total)

                done = run.screen_files(
                    inputs,
                    output,
                    ns=ns,
                    interval_ps=interval_ps,
                    model=model,
                    v0=None if v0 is None else v0.value,
                    replicas=replicas,
                    seed=seed,
                    solver=None if solver is None else solver.value,
                    step_ps=step_ps,
                    temperature_k=temperature_k,
                    keep_shape=keep_shape,
                    device=device,
                    weights=weights,
                    weights_url=weights_url,
                    trajectories=trajectories.value,
                    jobs=jobs,
                    batch=batch,
                    reports=reports,
                    part=None if part is None else Part.parse(part),
                    overwrite=overwrite,
                    command=command,
                    on_ligands=on_ligands,
                    download_progress=download,
                )
    _show(done, as_json=as_json, quiet=quiet)
    if done.failed:
        raise typer.Exit(EXIT_PROBLEM)


def _check_merge(merge: bool, others: list[object]) -> None:
    if merge and any(x is not None for x in others):
        raise typer.BadParameter(
            "it reads the folder alone; give just --output and --reports with it",
            param_hint="'--merge'",
        )


@contextmanager
def _interruption_explained(output: Path) -> Iterator[Callable[[int, int], None]]:
    """Counts ligands; when interrupted, says that nothing is lost."""
    last = [0, 0]

    def count(done: int, total: int) -> None:
        last[:] = done, total

    try:
        yield count
    except KeyboardInterrupt:
        done, total = last
        if total:
            typer.echo(
                f"{done} of {total} ligands are done and kept in {output}; the same "
                "command goes on with the rest.",
                err=True,
            )
        raise


def _show(done: "Screened", *, as_json: bool, quiet: bool) -> None:
    """Notes and warnings on stderr, the summary on stdout."""
    whole = done.finished
    for warning in done.warnings:
        label = typer.style("Warning:", fg="yellow", bold=True)
        typer.echo(f"{label} {warning}", err=True)
    for note in whole.notes if whole else []:
        typer.echo(f"Note: {note}", err=True)
    if as_json:
        typer.echo(json.dumps(_summary(done), indent=2))
    elif not quiet:
        _print_summary(done)


def _summary(done: "Screened") -> dict[str, object]:
    """What --json prints."""
    answer: dict[str, object] = {
        "folder": str(done.folder),
        "part": str(done.part),
        "ligands": done.ligands,
        "simulated_now": done.simulated,
        "failed": done.failed,
        "finished": done.finished is not None,
    }
    if done.finished is not None:
        record = done.finished.record
        keys = ("results", "flagged", "ranking", "limits", "how_far_to_trust", "cost")
        answer |= {key: record[key] for key in keys}
        answer["best"] = done.finished.rows[:SHOWN]
        answer["outputs"] = record["outputs"]
    return answer


def _print_summary(done: "Screened") -> None:
    """The best, what the ranking is, how far to trust it, and where the rest is."""
    whole = done.finished
    if whole is None:
        typer.echo(
            f"Part {done.part}: {done.simulated} ligands done now, {done.failed} "
            "failed."
        )
        typer.echo(
            "When all parts are done, rank them: neuralmd screen --merge "
            f"-o {done.folder}"
        )
        return
    record = whole.record
    typer.echo(
        f"{record['results']} of {done.ligands} ligands simulated, "
        f"{record['flagged']} of them flagged, {done.failed} failed"
    )
    _print_best(whole.rows)
    typer.echo(f"Ranking: {record['ranking']} {record['limits']}")
    typer.echo(f"How far to trust it: {record['how_far_to_trust']}")
    if cost := record["cost"]:
        typer.echo(
            f"Time: {cost['seconds_per_ligand_median']:.3g} s a ligand (median) on "
            f"{record['device']}"
        )
    if done.failed:
        typer.echo(f"What failed and why: {done.folder / 'failures.csv'}")
    files = ", ".join(str(done.folder / x) for x in record["outputs"])
    typer.echo(f"Wrote {files}")


def _print_best(rows: "list[dict[str, str | int | float | None]]") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("rank", justify="right")
    table.add_column("id", overflow="fold")
    for name in ("RMSD at end, Å", "contacts kept, %", "RMSF, Å"):
        table.add_column(name, justify="right")
    table.add_column("flags")
    for row in rows[:SHOWN]:
        table.add_row(
            str(row["rank"]),
            str(row["id"]),
            f"{row['rmsd_end_angstrom']:.3f}",
            f"{row['contacts_kept_percent']:.0f}",
            f"{row['rmsf_mean_angstrom']:.3f}",
            str(row["flags"]),
        )
    print_table(table)
