"""`neuralmd data export`: an entry as PDB, SDF and trajectory."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from neuralmd_cli.cli.options import Json, Quiet


def export(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A store, or a file in MISATO's layout."),
    ],
    name: Annotated[str, typer.Argument(metavar="ID", help="The complex to export.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Where ID.pdb, ID.sdf and the trajectory go.",
            file_okay=False,
        ),
    ],
    trajectory_format: Annotated[
        Literal["dcd", "xtc"],
        typer.Option(
            "--format",
            help="Of the trajectory: dcd has full precision, xtc 0.01 Å and a third of "
            "the size.",
        ),
    ] = "dcd",
    superpose: Annotated[
        Literal["pocket", "none"] | None,
        typer.Option(
            help="Lay all snapshots on the pocket of the first, or write them as "
            "recorded. Without it, as recorded where the file has the protein in every "
            "snapshot, else on the pocket.",
            show_default=False,
        ),
    ] = None,
    smiles: Annotated[
        str | None,
        typer.Option(
            metavar="SMILES",
            help="Bond orders and charges of the ligand, where the file has none.",
            show_default=False,
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Files of these names give way.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a complex as PDB, SDF and trajectory.

    ID.pdb holds protein and ligand and is the topology of the trajectory; simulate,
    rmsf and compare take the files as they are.
    """
    from neuralmd_cli.dataset.export import export as write

    done = write(
        file,
        name,
        output,
        trajectory_format=trajectory_format,
        superposition=superpose,
        smiles=smiles,
        replace=replace,
    )
    for note in () if quiet else done.notes:
        typer.echo(f"Note: {note}", err=True)
    if as_json:
        facts = {
            "name": done.name,
            "files": [str(x) for x in done.files],
            "snapshots": done.snapshots,
            "spacing_ps": done.spacing_ps,
            "notes": done.notes,
        }
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    listed = ", ".join(x.name for x in done.files)
    typer.echo(
        f"Wrote {listed} to {output}: {done.snapshots} snapshots "
        f"{done.spacing_ps:g} ps apart."
    )
