"""`neuralmd stability`: is each snapshot a possible molecule in a possible place?"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from neuralmd_cli.cli.console import print_table, snapshot_progress
from neuralmd_cli.cli.options import (
    INPUT,
    BondOrders,
    Csv,
    Every,
    Json,
    LigandResidue,
    MatchSnapshots,
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
    from neuralmd_cli.inspection.stability import Stability
    from neuralmd_cli.opening.opened import Opened


def stability(
    trajectory: TrajectoryFile,
    top: Top = None,
    ligand_residue: LigandResidue = None,
    ligand: BondOrders = None,
    smiles: Smiles = None,
    protein: RigidProtein = None,
    every: Every = 1,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A trajectory of the same ligand: also the paper's Stability and "
            "Matching against it.",
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
    csv: Csv = None,
    plot: Plot = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check every snapshot: bonds, planes, stereochemistry, clashes, strain, pose.

    Needs no ground truth; limits and their sources are in docs/stability.md.
    """
    from neuralmd_cli.errors import InputError
    from neuralmd_cli.figures.stability import plot_stability
    from neuralmd_cli.inspection.stability import check_stability
    from neuralmd_cli.opening.opened import open_snapshots, open_trajectory

    inputs = [*trajectory_inputs(trajectory, top), *_given(ligand, protein)]
    if reference is not None:
        inputs += trajectory_inputs(reference, reference_top)
    elif reference_top is not None or reference_ligand_residue is not None:
        raise InputError(
            "--reference-top and --reference-ligand-residue say nothing without a "
            "reference.",
            hint="Name it with --reference.",
        )
    check_outputs(inputs, csv=csv, plot=plot)
    opened = open_trajectory(
        trajectory,
        top=top,
        ligand_residue=ligand_residue,
        ligand=ligand,
        smiles=smiles,
        protein=protein,
        every=every,
    )
    other = None
    if reference is not None:
        other = open_snapshots(reference, reference_top, reference_ligand_residue)
    check_outputs(opened.inputs, csv=csv, plot=plot)
    with snapshot_progress(opened.loaded.n_frames, quiet=quiet) as on_snapshot:
        result = check_stability(opened, other, match=match, on_snapshot=on_snapshot)
    if csv is not None:
        _write_csv(csv, result, every)
    if plot is not None:
        title = f"Stability of {opened.loaded.ligand} in {trajectory.name}"
        plot_stability(plot, result, title=title, every=every)
    notes = () if result.agreement is None else result.agreement.notes
    show_notes((*opened.notes, *notes))
    if json:
        print_json(_answer(opened, result, every))
    elif not quiet:
        _print_tables(opened, result, every)
        show_written(csv, plot)


def _given(*paths: Path | None) -> list[Path]:
    return [path for path in paths if path is not None]


def _print_tables(opened: "Opened", result: "Stability", every: int) -> None:
    """The verdict, a line per check, and what could not be judged."""
    from rich.table import Table

    from neuralmd_cli.inspection.stability_text import story, verdict
    from neuralmd_cli.inspection.verdicts import VERDICTS

    typer.echo(
        f"{opened.loaded.ligand} in {opened.loaded.path.name}: "
        f"{len(opened.start)} heavy atoms, {opened.loaded.n_frames} snapshots"
    )
    table = Table()
    table.add_column("Check", no_wrap=True)
    for column in ("Start", "Worst", "Unit", "Odd", "Broken", "Verdict"):
        side: Literal["left", "right"] = (
            "left" if column in {"Unit", "Verdict"} else "right"
        )
        table.add_column(column, justify=side, no_wrap=True)
    for check in result.checks:
        sign = "<" if check.low_is_bad else ">"
        table.add_row(
            check.label,
            _short(check.at_start),
            _short(float(check.values[check.worst_snapshot])),
            check.unit,
            *("" if x is None else f"{sign} {x:g}" for x in (check.odd, check.broken)),
            VERDICTS[check.overall],
        )
    print_table(table)
    for check in result.checks:
        if check.overall:
            typer.echo(story(check, every))
    for label, reason in result.not_judged:
        typer.echo(f"Not judged: {label} ({reason})")
    _print_agreement(result)
    typer.echo(verdict(result, every))


def _short(value: float) -> str:
    """Three digits, and zero for what is nothing."""
    return "0" if abs(value) < 5e-4 else f"{value:.3g}"


def _print_agreement(result: "Stability") -> None:
    """The paper's two metrics against the reference."""
    found = result.agreement
    if found is None:
        return
    typer.echo(
        f"Against the reference, {len(found.times)} snapshots (docs/metrics.md): "
        f"Stability {float(found.stability.mean()):.1f} %, "
        f"Matching {float(found.matching.mean()):.3f} Å"
    )


def _answer(opened: "Opened", result: "Stability", every: int) -> dict[str, Any]:
    """Everything, for JSON."""
    from neuralmd_cli.inspection.stability_text import numbered
    from neuralmd_cli.inspection.verdicts import VERDICTS, first_of

    def number(snapshot: int | None) -> int | None:
        return None if snapshot is None else numbered(snapshot, every)

    answer: dict[str, Any] = {
        "trajectory": opened.loaded.path.name,
        "ligand": opened.loaded.ligand,
        "heavy_atoms": len(opened.start),
        "snapshots": opened.loaded.n_frames,
        "every": every,
        "first_odd_snapshot": number(first_of(result.checks, "odd")),
        "first_broken_snapshot": number(first_of(result.checks, "broken")),
        "checks": [
            {
                "name": x.name,
                "label": x.label,
                "unit": x.unit,
                "odd": x.odd,
                "broken": x.broken,
                "low_is_bad": x.low_is_bad,
                "at_start": x.at_start,
                "start_verdict": VERDICTS[x.start_verdict],
                "verdict": VERDICTS[x.overall],
                "worst": float(x.values[x.worst_snapshot]),
                "worst_snapshot": number(x.worst_snapshot),
                "worst_atoms": x.worst,
                "first_odd_snapshot": number(x.first("odd")),
                "first_broken_snapshot": number(x.first("broken")),
                "values": x.values.tolist(),
                "verdicts": [VERDICTS[k] for k in x.verdicts.tolist()],
            }
            for x in result.checks
        ],
        "not_judged": [
            {"label": label, "reason": reason} for label, reason in result.not_judged
        ],
        "reference": None,
        "times_ps": result.times.tolist(),
        "notes": opened.notes,
    }
    if result.agreement is not None:
        answer["reference"] = {
            "times_ps": result.agreement.times.tolist(),
            "stability_percent": result.agreement.stability.tolist(),
            "matching_angstrom": result.agreement.matching.tolist(),
            "notes": result.agreement.notes,
        }
    return answer


def _write_csv(path: Path, result: "Stability", every: int) -> None:
    """One line per snapshot and check."""
    from neuralmd_cli.inspection.stability_text import numbered
    from neuralmd_cli.inspection.verdicts import VERDICTS

    def rows() -> Iterator[tuple[object, ...]]:
        for check in result.checks:
            values, verdicts = check.values.tolist(), check.verdicts.tolist()
            for k, time in enumerate(result.times.tolist()):
                where = (numbered(k, every), time, check.name)
                yield (*where, values[k], check.unit, VERDICTS[verdicts[k]])

    columns = ("snapshot", "time_ps", "check", "value", "unit", "verdict")
    write_csv(path, columns, rows())
