"""The options that several commands share, each with one name and one help text."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from neuralmd_cli.cli import complete
from neuralmd_cli.models.names import DEFAULT_MODEL, PLACES

INPUT, SIMULATION, OUTPUT, MODEL = "Input", "Simulation", "Output", "Model"
"""Headings under which a command's help groups its options."""

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def _device(text: str) -> str:
    # Its form is a matter of usage; whether it is there, `resolve_device` says.
    if DEVICE.fullmatch(text):
        return text
    raise typer.BadParameter("give auto, cpu, cuda, cuda:N or mps")


def _model(text: str | None) -> str | None:
    if text is None or text in PLACES:
        return text
    raise typer.BadParameter(f"there is no {text}; known are {', '.join(PLACES)}")


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
        rich_help_panel=INPUT,
    ),
]
LigandFile = Annotated[
    Path | None,
    typer.Option(
        "--ligand",
        "-l",
        metavar="FILE",
        help="Ligand in its pose: SDF with bond orders and 3-D coordinates, "
        "gzipped or not. This or --ligand-id is needed.",
        exists=True,
        dir_okay=False,
        readable=True,
        rich_help_panel=INPUT,
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Trajectory to write; its suffix, .dcd or .xtc, says how. Topology "
        "(.pdb), ligand (.sdf) and run record (.json) get the same name.",
        dir_okay=False,
        rich_help_panel=OUTPUT,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        help="Seed of all random draws; the same gives the same.",
        rich_help_panel=SIMULATION,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda|cuda:N|mps",
        help="Where to compute; auto takes a CUDA GPU if there is one.",
        callback=_device,
        rich_help_panel=MODEL,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help=f"Which model: {', '.join(PLACES)}; `neuralmd models` describes them. "
        f"Without it, that of --weights, or {DEFAULT_MODEL}.",
        callback=_model,
        autocompletion=complete.models,
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="NAME|PATH",
        autocompletion=complete.weights,
        help="Weights: a name of `neuralmd weights list`, or a .safetensors file. "
        "Without it, the default weights of the model.",
        show_default=False,
        rich_help_panel=MODEL,
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
        rich_help_panel=MODEL,
    ),
]
Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the result as JSON, for programs.",
        rich_help_panel=OUTPUT,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Show no progress and no summary; warnings stay.",
        rich_help_panel=OUTPUT,
    ),
]
TrajectoryFile = Annotated[
    Path,
    typer.Argument(
        metavar="TRAJECTORY",
        help="DCD, XTC, NetCDF or multi-model PDB file.",
        show_default=False,
    ),
]
Top = Annotated[
    Path | None,
    typer.Option(
        "--top",
        metavar="FILE",
        help="Topology (PDB); default: the .pdb of the same name beside it.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
LigandResidue = Annotated[
    str | None,
    typer.Option(
        "--ligand-residue",
        metavar="NAME[:CHAIN[:NUMBER]]",
        help="Which residue is the ligand, where that is not clear.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
BondOrders = Annotated[
    Path | None,
    typer.Option(
        "--ligand",
        "-l",
        metavar="FILE",
        help="SDF with the ligand's bond orders; default: the .sdf beside our "
        "topology, else what the ligand's hydrogens say.",
        exists=True,
        dir_okay=False,
        readable=True,
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Smiles = Annotated[
    str | None,
    typer.Option(
        "--smiles",
        help="The ligand's bond orders as SMILES, in single quotes.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
RigidProtein = Annotated[
    Path | None,
    typer.Option(
        "--protein",
        "-p",
        metavar="FILE",
        help="Protein (PDB or mmCIF) that stands around the ligand; default: the one "
        "in the trajectory, else the file that the run record names.",
        exists=True,
        dir_okay=False,
        readable=True,
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Every = Annotated[
    int,
    typer.Option(
        "--every",
        metavar="N",
        min=1,
        help="Take the first snapshot and each Nth after it.",
        rich_help_panel=INPUT,
    ),
]
MatchSnapshots = Annotated[
    Literal["times", "frames"],
    typer.Option(
        "--match",
        help="Compare snapshots of the same time, or of the same number.",
        rich_help_panel=INPUT,
    ),
]
Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        metavar="FILE",
        help="Also write all values to this file.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Also draw a .png, .svg or .pdf figure.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
