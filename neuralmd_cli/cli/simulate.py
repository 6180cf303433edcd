"""`neuralmd simulate`: structure files in, trajectory and run record out."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralmd_cli.cli.console import download_progress
from neuralmd_cli.cli.options import (
    Device,
    Json,
    LigandFile,
    Output,
    ProteinFile,
    Quiet,
    Seed,
    Weights,
    WeightsUrl,
)

if TYPE_CHECKING:
    from neuralmd_cli.run import Run


class V0(StrEnum):
    """Rules for the velocity at the start."""

    zero = "zero"
    thermal = "thermal"
    learned = "learned"


class SolverName(StrEnum):
    """Ways to integrate."""

    euler = "euler"
    midpoint = "midpoint"
    rk4 = "rk4"
    dopri5 = "dopri5"


def simulate(
    protein: ProteinFile,
    output: Output,
    ligand: LigandFile = None,
    ns: Annotated[
        float, typer.Option("--ns", help="Length of the simulation, ns.")
    ] = 8.0,
    interval_ps: Annotated[
        float, typer.Option("--interval-ps", help="Time between snapshots, ps.")
    ] = 80.0,
    ligand_index: Annotated[
        int | None,
        typer.Option(
            min=1, help="Which molecule of the SDF, from 1.", show_default=False
        ),
    ] = None,
    ligand_id: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:CHAIN[:NUMBER]]",
            help="Take the ligand from the protein file itself, such as 0WB:A:801.",
            show_default=False,
        ),
    ] = None,
    smiles: Annotated[
        str | None,
        typer.Option(help="Bond orders for --ligand-id.", show_default=False),
    ] = None,
    v0: Annotated[
        V0 | None,
        typer.Option(
            help="Velocity at the start; by default what the weights were trained for.",
            show_default=False,
        ),
    ] = None,
    replicas: Annotated[
        int, typer.Option(min=1, help="Runs that differ by their random draws.")
    ] = 1,
    seed: Seed = 0,
    device: Device = "auto",
    weights: Weights = None,
    weights_url: WeightsUrl = None,
    solver: Annotated[
        SolverName | None,
        typer.Option(
            help="How to integrate; by default as the weights say.", show_default=False
        ),
    ] = None,
    step_ps: Annotated[
        float | None,
        typer.Option(
            help="Step of the solver, ps; by default as the weights say.",
            show_default=False,
        ),
    ] = None,
    with_protein: Annotated[
        bool, typer.Option("--with-protein", help="Also write the rigid protein.")
    ] = False,
    hydrogens: Annotated[
        bool,
        typer.Option(
            "--hydrogens", help="Also write the ligand's hydrogens, carried rigidly."
        ),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Predict how a ligand moves in its pocket.

    Writes the trajectory, and beside it a topology (.pdb), the ligand (.sdf) and the
    run record (.json). The protein stays rigid.
    """
    if step_ps is not None and not step_ps > 0:
        raise typer.BadParameter("must be positive", param_hint="--step-ps")
    from neuralmd_cli.run import simulate_files
    from neuralmd_cli.simulate import snapshot_times

    total = len(snapshot_times(ns, interval_ps))
    with (
        download_progress("weights", quiet=quiet) as download,
        _progress(total, quiet=quiet) as on_snapshot,
    ):
        run = simulate_files(
            protein,
            ligand,
            output=output,
            ns=ns,
            interval_ps=interval_ps,
            ligand_index=ligand_index,
            ligand_id=ligand_id,
            smiles=smiles,
            v0=None if v0 is None else v0.value,
            replicas=replicas,
            seed=seed,
            solver=None if solver is None else solver.value,
            step_ps=step_ps,
            device=device,
            weights=weights,
            weights_url=weights_url,
            with_protein=with_protein,
            hydrogens=hydrogens,
            command=["neuralmd", *sys.argv[1:]],
            on_snapshot=on_snapshot,
            download_progress=download,
        )
    for warning in run.record.warnings:
        typer.echo(
            f"{typer.style('Warning:', fg='yellow', bold=True)} {warning}", err=True
        )
    if as_json:
        typer.echo(run.record.to_json(), nl=False)
    elif not quiet:
        _print_summary(run, output)


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, drawn on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    silent = quiet or not console.is_terminal
    with Progress(console=console, transient=True, disable=silent) as bar:
        task = bar.add_task("snapshots", total=total)
        yield lambda done: bar.update(task, completed=done)


def _print_summary(run: "Run", output: Path) -> None:
    """A short table, how far to trust it, and the files."""
    from rich.console import Console
    from rich.table import Table

    record = run.record
    for note in record.notes:
        typer.echo(f"Note: {note}", err=True)
    many = len(run.checks) > 1
    table = Table(box=None, show_header=many, pad_edge=False)
    table.add_column("")
    for k in range(len(run.checks)):
        table.add_column(f"replica {k + 1}", justify="right")
    # The contact's time differs between replicas; its row is labelled by the first.
    for row in zip(*run.checks, strict=True):
        table.add_row(row[0].meaning, *(f"{x.value:.3g} {x.unit}" for x in row))
    typer.echo(
        f"{record.ns:g} ns of {record.system['ligand_heavy_atoms']} heavy atoms among "
        f"{record.system['residues']} rigid residues: {record.snapshots} snapshots"
        + (f" of each of {record.replicas} replicas" if many else "")
    )
    Console().print(table)
    speed = record.speed
    typer.echo(
        f"Speed: {speed['ns_per_s']:.3g} ns/s, {speed['snapshots_per_s']:.3g} "
        f"snapshots/s on {record.device}"
    )
    typer.echo(_trust(run))
    files = ", ".join(str(output.parent / name) for name in record.outputs)
    typer.echo(f"Wrote {files}")


def _trust(run: "Run") -> str:
    """One sentence on how good these weights are on proteins they never saw."""
    skill = run.metrics.get("test_skill")
    name = run.record.model.name
    if skill is None:
        return f"How far to trust it: the weights {name} state no test result."
    return (
        f"How far to trust it: on {run.metrics['test_complexes']:.0f} complexes of "
        f"proteins it never saw, {name} had skill {skill:.3f} "
        f"({run.metrics['test_skill_low']:.3f} to "
        f"{run.metrics['test_skill_high']:.3f}), where 0 is a ligand that never moves "
        "and 1 the best fixed pose."
    )
