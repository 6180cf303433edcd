"""`neuralmd simulate`: structure files in, trajectory and run record out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralmd_cli.cli.console import (
    download_progress,
    print_table,
    snapshot_progress,
    stage_progress,
)
from neuralmd_cli.cli.options import (
    INPUT,
    OUTPUT,
    Device,
    Json,
    LigandFile,
    Model,
    Output,
    ProteinFile,
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

if TYPE_CHECKING:
    from neuralmd_cli.run import Run
    from neuralmd_cli.trajectory import Check


def simulate(
    *,
    protein: ProteinFile,
    ligand: LigandFile = None,
    ligand_index: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Which molecule of the SDF, from 1; without it, the first.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    ligand_id: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:CHAIN[:NUMBER]]",
            # Not chain A or B: typer would make :A: an emoji.
            help="Take the ligand from the protein file itself: 0WB, or, where there "
            "are several, 0WB:D:801.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    smiles: Annotated[
        str | None,
        typer.Option(
            help="Bond orders for --ligand-id, in single quotes. Needed unless the "
            "file holds them (some mmCIF files do).",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    observed: Annotated[
        Path | None,
        typer.Option(
            metavar="TRAJECTORY",
            help="Snapshots of this ligand in this protein, as neuralmd md writes "
            "them: the run goes on from the last, and what the ones before tell of "
            "where the ligand rests is used. Needs --ligand.",
            exists=True,
            dir_okay=False,
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
    output: Output,
    with_protein: Annotated[
        bool,
        typer.Option(
            "--with-protein",
            help="Write protein and ligand; without it, the ligand alone.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    hydrogens: Annotated[
        bool,
        typer.Option(
            "--hydrogens",
            help="Write the ligand's hydrogens too, carried rigidly; without it, "
            "heavy atoms alone.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write a page about the run, .html (as neuralmd report does).",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    model: Model = None,
    weights: Weights = None,
    weights_url: WeightsUrl = None,
    device: Device = "auto",
) -> None:
    """Predict how a ligand moves in its pocket; the protein stays rigid.

    neuralmd simulate --protein P.pdb --ligand L.sdf --ns 8 -o traj.dcd
    """
    check_numbers(step_ps, temperature_k, solver)
    from neuralmd_cli.run import simulate_files
    from neuralmd_cli.simulation import snapshot_times

    if report is not None:
        from neuralmd_cli.report.write import check_report_path

        named = (protein, ligand, observed)
        check_report_path(report, [x for x in named if x is not None])
    total = len(snapshot_times(ns, interval_ps))
    with (
        download_progress("weights", quiet=quiet) as download,
        snapshot_progress(total, quiet=quiet) as on_snapshot,
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
            observed=observed,
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
    if report is not None:
        names = run.record.outputs[: run.record.replicas]
        _write_report(
            [output.parent / name for name in names],
            report,
            protein=protein,
            quiet=quiet,
            silent=quiet or as_json,
        )
    if run.record.broken:
        from neuralmd_cli.errors import SimulationError

        count = len(run.record.broken)
        raise SimulationError(
            f"{count} of {run.record.replicas} replicas broke down, see the warnings; "
            "what is written ends before.",
            hint="Try a smaller --step-ps, and check the starting pose. The run record "
            "says under broken where and why.",
        )


def _write_report(
    trajectories: list[Path], page: Path, *, protein: Path, quiet: bool, silent: bool
) -> None:
    """The page about a run that has just been written."""
    from neuralmd_cli.cli.report import show_report
    from neuralmd_cli.report.write import write_report

    with stage_progress(quiet=quiet) as (on_start, on_step):
        written = write_report(
            trajectories, page, protein=protein, on_start=on_start, on_step=on_step
        )
    if not silent:
        show_report(written)


def _print_summary(run: "Run", output: Path) -> None:
    """A short table, how far to trust it, and the files."""
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
        table.add_row(row[0].meaning, *(_shown(x) for x in row))
    typer.echo(
        f"{record.ns:g} ns of {record.system['ligand_heavy_atoms']} heavy atoms among "
        f"{record.system['residues']} rigid residues: {record.snapshots} "
        + ("snapshot" if record.snapshots == 1 else "snapshots")
        + (f" of each of {record.replicas} replicas" if many else "")
    )
    print_table(table)
    speed = record.speed
    typer.echo(
        f"Speed: {speed['ns_per_s']:.3g} ns/s, {speed['snapshots_per_s']:.3g} "
        f"snapshots/s on {record.device}"
    )
    typer.echo(record.trust)
    files = ", ".join(str(output.parent / name) for name in record.outputs)
    typer.echo(f"Wrote {files}")


def _shown(check: "Check") -> str:
    """Value and unit; a share says 0 or 100 % only where it is just that."""
    if check.unit != "%":
        return f"{check.value:.3f} {check.unit}"
    inside = min(max(check.value, 0.1), 99.9)
    return f"{check.value if check.value in (0, 100) else inside:.3g} %"
