"""The options that several commands share, each with one name and one help text."""

import re
from pathlib import Path
from typing import Annotated

import typer

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def _device(text: str) -> str:
    # Its form is a matter of usage; whether it is there, `resolve_device` says.
    if DEVICE.fullmatch(text):
        return text
    raise typer.BadParameter("give auto, cpu, cuda, cuda:N or mps")


ProteinFile = Annotated[
    Path,
    typer.Option(
        "--protein",
        "-p",
        metavar="FILE",
        help="Protein structure: PDB or mmCIF, gzipped or not.",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]
LigandFile = Annotated[
    Path | None,
    typer.Option(
        "--ligand",
        "-l",
        metavar="FILE",
        help="Ligand in its pose: SDF with bond orders and 3-D coordinates.",
        exists=True,
        dir_okay=False,
        readable=True,
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Trajectory to write; its suffix, .dcd or .xtc, says how.",
        dir_okay=False,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", min=0, help="Seed of all random draws; the same gives the same."
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda|cuda:N|mps",
        help="Where to compute; auto takes a CUDA GPU if there is one.",
        callback=_device,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="NAME|PATH",
        help="Weights: a name of `neuralmd weights list`, or a .safetensors file. "
        "Without it, the default weights.",
        show_default=False,
    ),
]
WeightsUrl = Annotated[
    str | None,
    typer.Option(
        "--weights-url",
        metavar="URL",
        help="Web folder to download weights from. "
        "Without it, the environment variable NEURALMD_WEIGHTS_URL.",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, for programs.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show no progress and no summary.")
]
