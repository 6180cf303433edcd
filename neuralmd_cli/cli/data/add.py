"""`neuralmd data add`: a user's own simulation into a store."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from neuralmd_cli.cli.options import Json, Quiet
from neuralmd_cli.plain_text import printable

_FRAMES = re.compile(r"(\d+)-(\d+)")


def add(
    store: Annotated[
        Path,
        typer.Argument(
            metavar="STORE", help="The store; made if it is not there.", dir_okay=False
        ),
    ],
    protein: Annotated[
        Path,
        typer.Option(
            "--protein",
            "-p",
            metavar="FILE",
            help="The protein that was simulated: PDB or mmCIF. It may hold ligand, "
            "water and ions as well, and be the topology.",
            dir_okay=False,
        ),
    ],
    trajectory: Annotated[
        Path,
        typer.Option(
            "--trajectory",
            "-t",
            metavar="FILE",
            help="DCD, XTC, TRR, NetCDF or multi-model PDB.",
            dir_okay=False,
        ),
    ],
    ligand: Annotated[
        Path,
        typer.Option(
            "--ligand",
            "-l",
            metavar="FILE",
            help="The ligand that was simulated: SDF, in any pose.",
            dir_okay=False,
        ),
    ],
    top: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Topology of the trajectory: PDB, prmtop, PSF, GRO. Without it, the "
            ".pdb of the same name beside the trajectory, or else the protein's file.",
            show_default=False,
            dir_okay=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Of the entry. Without it, the trajectory's name.",
            show_default=False,
        ),
    ] = None,
    spacing_ps: Annotated[
        float | None,
        typer.Option(
            metavar="PS",
            help="Time between two frames. Without it, as the trajectory says.",
            show_default=False,
        ),
    ] = None,
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="FIRST-LAST",
            help="Frames to take, counted from 1. Without it, all.",
            show_default=False,
        ),
    ] = None,
    ligand_residue: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:CHAIN[:NUMBER]]",
            help="Which residue is the ligand, where its elements leave a choice.",
            show_default=False,
        ),
    ] = None,
    ligand_index: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Which molecule of the ligand's file, from 1.",
            show_default=False,
        ),
    ] = None,
    all_atom: Annotated[
        bool,
        typer.Option(
            "--all-atom",
            help="Of a new store: keep all heavy atoms of the protein in every "
            "snapshot, not in the first only.",
        ),
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="An entry of the same name gives way.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Add a simulation of your own to a store, to train on it.

    Water, salt and lipids are left out. Molecules that the periodic box has cut are
    made whole, and the ligand is brought next to the protein.
    """
    from neuralmd_cli.dataset.own.add import add as put
    from neuralmd_cli.dataset.own.add import place_for
    from neuralmd_cli.dataset.own.system import OwnFiles
    from neuralmd_cli.dataset.own.trajectory import read_own

    if spacing_ps is not None and not 0 < spacing_ps < float("inf"):
        raise typer.BadParameter(
            "a time between frames is above 0", param_hint="--spacing-ps"
        )
    wanted = None if frames is None else _frames(frames)
    place = place_for(
        store, name or trajectory.stem, all_atom=all_atom, replace=replace
    )
    own = read_own(
        OwnFiles(protein=protein, trajectory=trajectory, ligand=ligand, top=top),
        name=place.name,
        spacing_ps=spacing_ps,
        frames=wanted,
        ligand_residue=ligand_residue,
        ligand_index=ligand_index,
    )
    manifest, entry = put(place, own.reading, source=trajectory.name)
    for note in () if quiet else own.notes:
        typer.echo(printable(f"Note: {note}"), err=True)
    for flag in entry.flags:
        typer.echo(f"Flagged {entry.name}: {flag}", err=True)
    q = entry.quality
    if as_json:
        facts = {"store": str(store), "name": entry.name, "notes": own.notes}
        typer.echo(json.dumps({**facts, **asdict(q)}, indent=2, ensure_ascii=False))
        return
    typer.echo(
        f"Added {entry.name} to {store}: {q.residues} residues, ligand {q.elements}, "
        f"{q.snapshots} snapshots {q.spacing_ps:g} ps apart; {len(manifest.names)} "
        f"complex{'es' if len(manifest.names) != 1 else ''} in it now."
    )


def _frames(text: str) -> tuple[int, int]:
    """First and last frame of FIRST-LAST."""
    found = _FRAMES.fullmatch(text.strip())
    if found is None or not 1 <= int(found[1]) < int(found[2]):
        raise typer.BadParameter(
            "give FIRST-LAST, counted from 1, as in 1-100", param_hint="--frames"
        )
    return int(found[1]), int(found[2])
