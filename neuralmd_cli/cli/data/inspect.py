"""`neuralmd data inspect`: what is in a file, complex by complex."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuralmd_cli.cli.console import EXIT_PROBLEM, print_table, snapshot_progress
from neuralmd_cli.cli.options import Json, Quiet

if TYPE_CHECKING:
    from neuralmd_cli.dataset.quality import Quality
    from neuralmd_cli.dataset.survey import Inspected


def inspect(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A store, or a file in MISATO's layout."),
    ],
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", help="One complex, in full.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show what is in a file, complex by complex, and what is odd about it.

    Lengths are in Å. The exit code is 1 if a complex cannot be read.
    """
    from neuralmd_cli.dataset.survey import inspect as survey
    from neuralmd_cli.dataset.survey import names_in

    done = 0
    total = 1 if name else len(names_in(file))
    with snapshot_progress(total, quiet=quiet, label="complexes") as show:

        def on_entry() -> None:
            nonlocal done
            done += 1
            show(done)

        rows = survey(file, name, on_entry)
    if as_json:
        typer.echo(json.dumps([asdict(x) for x in rows], indent=2, ensure_ascii=False))
    elif name is not None:
        for line in _in_full(rows[0]):
            typer.echo(line)
    else:
        _print(rows, file)
    if any(x.problem for x in rows):
        raise typer.Exit(EXIT_PROBLEM)


def _print(rows: Sequence["Inspected"], file: Path) -> None:
    """A table of the sound ones, then a line for each that is odd or damaged."""
    from rich.table import Column, Table

    def right(label: str) -> Column:
        return Column(label, justify="right", no_wrap=True)

    # A name is there to be copied, so it is never cut short.
    table = Table(
        Column("id", no_wrap=True),
        right("atoms"),
        right("residues"),
        Column("ligand", no_wrap=True),
        right("snapshots"),
        right("drift"),
        right("RMSD"),
        right("max"),
        right("jumps"),
        box=None,
        pad_edge=False,
    )
    for row in rows:
        if row.quality is None:
            continue
        q = row.quality
        table.add_row(
            row.name,
            str(q.atoms),
            str(q.residues),
            q.elements,
            f"{q.snapshots} x {q.spacing_ps:g} ps",
            f"{q.drift:.1f}",
            f"{q.ligand_rmsd:.2f}",
            f"{q.ligand_rmsd_max:.2f}",
            str(len(q.ligand_jumps) + len(q.protein_jumps)),
        )
    if table.row_count:
        print_table(table)
        typer.echo(
            "drift: of the protein, as recorded; RMSD and max: of the ligand from "
            "snapshot 0, pocket superposed; in Å."
        )
    for row in rows:
        if row.quality and row.quality.flags:
            typer.echo(f"{row.name}: {'; '.join(row.quality.flags)}")
    for row in rows:
        if row.problem:
            typer.echo(f"{row.problem}{_sizes(row)}")
    flagged = sum(1 for x in rows if x.quality and x.quality.flags)
    damaged = sum(1 for x in rows if x.problem)
    typer.echo(
        f"{file.name}: {len(rows)} complexes, {flagged} flagged, {damaged} that cannot "
        "be used."
    )


def _sizes(row: "Inspected") -> str:
    if row.atoms is None:
        return ""
    return f" ({row.atoms} atoms, {row.residues} residues)"


def _in_full(row: "Inspected") -> Iterator[str]:
    """One complex, a line for each thing that is known of it."""
    if row.quality is None:
        yield f"{row.name}: cannot be used"
        yield f"  problem: {row.problem}"
        yield f"  remedy: {row.hint}"
        if row.atoms is not None:
            yield f"  atoms: {row.atoms}"
            yield f"  residues: {row.residues}"
        return
    yield row.name
    for label, text in _lines(row.quality):
        yield f"  {label}: {text}"


def _lines(q: "Quality") -> Iterator[tuple[str, str]]:
    yield "atoms", f"{q.atoms}, hydrogens included"
    yield (
        "protein",
        f"{q.residues} residues in {q.molecules} molecules, {q.chain_breaks} more "
        f"chain breaks, {q.incomplete_residues} residues without a whole backbone",
    )
    yield "ligand", f"{q.ligand_heavy_atoms} heavy atoms, {q.elements}"
    yield "snapshots", f"{q.snapshots}, {q.spacing_ps:g} ps apart"
    yield (
        "drift",
        f"CA atoms move up to {q.drift:.2f} Å (RMSD) as recorded, the pocket turns by "
        f"up to {q.rotation_degrees:.1f} degrees",
    )
    yield (
        "protein RMSD",
        f"up to {q.protein_rmsd:.2f} Å, superposed on the pocket of snapshot 0",
    )
    yield (
        "ligand RMSD",
        f"mean {q.ligand_rmsd:.2f} Å, largest {q.ligand_rmsd_max:.2f} Å, superposed on "
        "the pocket of snapshot 0",
    )
    yield "jumps of the ligand", _snapshots(q.ligand_jumps)
    yield "jumps of the protein", _snapshots(q.protein_jumps)
    yield (
        "start",
        f"{q.touching_start:.0%} of the ligand's atoms touch the protein, the nearest "
        f"at {q.nearest_start:.1f} Å",
    )
    if q.missing:
        yield "not in the file", ", ".join(q.missing)
    yield "flags", "; ".join(q.flags) or "none"


def _snapshots(numbers: Sequence[int]) -> str:
    if not numbers:
        return "none"
    return f"before snapshot {', '.join(map(str, numbers))}"
