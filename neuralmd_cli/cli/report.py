"""`neuralmd report`: one HTML page about a ligand's trajectories."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralmd_cli.cli.console import stage_progress
from neuralmd_cli.cli.options import (
    INPUT,
    OUTPUT,
    BondOrders,
    Json,
    LigandResidue,
    MatchSnapshots,
    Quiet,
    RigidProtein,
    Smiles,
    Top,
)
from neuralmd_cli.cli.results import print_json, show_notes

if TYPE_CHECKING:
    from neuralmd_cli.report.write import ReportWritten


def report(
    trajectories: Annotated[
        list[Path],
        typer.Argument(
            metavar="TRAJECTORY...",
            help="DCD, XTC, NetCDF or multi-model PDB files of one ligand: a run, or "
            "its replicas (at most 20).",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The page, .html; it opens without network.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ],
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A trajectory of the same ligand: also a comparison with it.",
            show_default=False,
            rich_help_panel=INPUT,
        ),
    ] = None,
    reference_top: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Topology (PDB) of the reference; default: the .pdb beside it.",
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
    match: MatchSnapshots = "times",
    top: Top = None,
    ligand_residue: LigandResidue = None,
    ligand: BondOrders = None,
    smiles: Smiles = None,
    protein: RigidProtein = None,
    title: Annotated[
        str | None,
        typer.Option(
            help="Heading of the page; without it, the ligand's name.",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write one HTML page: the motion in 3-D, charts, checks and the run record.

    Contacts in it need pip install "neuralmd[report]".
    """
    from neuralmd_cli.report.write import write_report

    with stage_progress(quiet=quiet) as (on_start, on_step):
        written = write_report(
            trajectories,
            output,
            reference=reference,
            title=title,
            top=top,
            ligand_residue=ligand_residue,
            ligand=ligand,
            smiles=smiles,
            protein=protein,
            reference_top=reference_top,
            reference_ligand_residue=reference_ligand_residue,
            match=match,
            on_start=on_start,
            on_step=on_step,
        )
    show_notes(written.notes)
    if json:
        print_json({**vars(written), "path": str(written.path)})
    elif not quiet:
        show_report(written)


def show_report(written: "ReportWritten") -> None:
    """What was written, and what is not in it."""
    for line in written.left_out:
        typer.echo(f"Not in the report: {line}")
    looked = ""
    if written.looked_at < written.snapshots:
        looked = f", {written.looked_at} of them checked and in the 3-D view"
    typer.echo(
        f"{written.snapshots} snapshots of {written.trajectories} "
        f"{'trajectory' if written.trajectories == 1 else 'trajectories'}{looked}"
    )
    typer.echo(f"Wrote {written.path} ({written.n_bytes / 1e6:.1f} MB)")
