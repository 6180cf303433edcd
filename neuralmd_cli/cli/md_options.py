"""The options of `neuralmd md`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from neuralmd_cli.cli.options import INPUT, OUTPUT, SIMULATION

SYSTEM = "System"
"""Heading of the options that say how a system is made of the files."""

OptionalProtein = Annotated[
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
]
LigandIndex = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Which molecule of the SDF, from 1; without it, the first.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
LigandId = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:CHAIN[:NUMBER]]",
        help="Take the ligand from the protein file itself.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
SmilesOfLigand = Annotated[
    str | None,
    typer.Option(
        help="Bond orders for --ligand-id, in single quotes.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Manifest = Annotated[
    Path | None,
    typer.Option(
        metavar="CSV",
        help="Simulate every complex of a table into --store, each in a process of "
        "its own. Columns: protein and, as needed, name, ligand, ligand_index, "
        "ligand_id, smiles, charges, ns, interval_ps, equilibration_ps, solvent, "
        "seed. The same command goes on after a stop.",
        exists=True,
        dir_okay=False,
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Ns = Annotated[
    float,
    typer.Option("--ns", help="Length, ns.", rich_help_panel=SIMULATION),
]
IntervalPs = Annotated[
    float,
    typer.Option(
        "--interval-ps",
        help="Time between snapshots, ps.",
        rich_help_panel=SIMULATION,
    ),
]
EquilibrationPs = Annotated[
    float | None,
    typer.Option(
        "--equilibration-ps",
        help="Run before the first snapshot's interval, ps; without it, a quarter "
        "of the length, 2000 at most.",
        show_default=False,
        rich_help_panel=SIMULATION,
    ),
]
TemperatureK = Annotated[
    float,
    typer.Option(
        "--temperature-k",
        "--temperature",
        metavar="K",
        help="Temperature, K.",
        rich_help_panel=SIMULATION,
    ),
]
RandomSeed = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        help="Seed of velocities and random forces. OpenMM's minimiser and sums on "
        "several threads differ in the last bits, so paths still part in time.",
        rich_help_panel=SIMULATION,
    ),
]
Platform = Annotated[
    str,
    typer.Option(
        metavar="auto|CUDA|HIP|OpenCL|CPU|Reference",
        help="Where OpenMM computes; auto takes the first of these that works.",
        rich_help_panel=SIMULATION,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads of the CPU platform; without it OPENMM_CPU_THREADS, or all.",
        show_default=False,
        rich_help_panel=SIMULATION,
    ),
]
Gpu = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Number of the GPU.",
        show_default=False,
        rich_help_panel=SIMULATION,
    ),
]
Jobs = Annotated[
    int,
    typer.Option(
        min=1,
        help="With --manifest: complexes at a time.",
        rich_help_panel=SIMULATION,
    ),
]
Restart = Annotated[
    bool,
    typer.Option(
        "--restart",
        help="Begin anew, not where an unfinished run was.",
        rich_help_panel=SIMULATION,
    ),
]
SolventKind = Annotated[
    Literal["explicit", "droplet", "implicit"],
    typer.Option(
        help="A box of water at 1 bar (MISATO's), a droplet around the pocket of a "
        "protein cut to size (fast), or OBC2.",
        rich_help_panel=SYSTEM,
    ),
]
Charges = Annotated[
    str,
    typer.Option(
        metavar="am1-bcc|gasteiger|MOL2",
        help="The ligand's: AM1-BCC (minutes), Gasteiger (at once), or those of a "
        "mol2 file of the same atoms.",
        rich_help_panel=SYSTEM,
    ),
]
Ph = Annotated[
    float,
    typer.Option(
        "--ph",
        help="Decides the protonation of side chains, by their pKa in water.",
        rich_help_panel=SYSTEM,
    ),
]
KeepProtonation = Annotated[
    bool,
    typer.Option(
        "--keep-protonation",
        help="Keep side chains as the file names them or their hydrogens say.",
        rich_help_panel=SYSTEM,
    ),
]
DropHetero = Annotated[
    bool,
    typer.Option(
        "--drop-hetero",
        help="Leave out a metal even if the ligand is bonded to it.",
        rich_help_panel=SYSTEM,
    ),
]
OptionalOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Trajectory to write; its suffix, .dcd or .xtc, says how. Topology "
        "(.pdb), ligand (.sdf) and run record (.json) get the same name.",
        dir_okay=False,
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
StoreFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="HDF5 file in MISATO's layout to add the complex to, for `data` and "
        "`train`.",
        dir_okay=False,
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
GroupName = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Of the group in --store; without it, the protein's name.",
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
WithProtein = Annotated[
    bool,
    typer.Option(
        "--with-protein",
        help="Write everything but water and ions; without it, the ligand alone.",
        rich_help_panel=OUTPUT,
    ),
]
WithHydrogens = Annotated[
    bool,
    typer.Option(
        "--hydrogens",
        help="Write the ligand's hydrogens too; with the protein they always are.",
        rich_help_panel=OUTPUT,
    ),
]
PrepareOnly = Annotated[
    bool,
    typer.Option(
        "--prepare-only",
        help="Build the system and stop: says whether and how it can be simulated. "
        "With --keep-work, or a table, what was built stays, and the same command "
        "without this option begins with it.",
        rich_help_panel=OUTPUT,
    ),
]
KeepWork = Annotated[
    bool,
    typer.Option(
        "--keep-work",
        help="Keep the work folder (-o's name with .work) with Amber's topologies "
        "and logs.",
        rich_help_panel=OUTPUT,
    ),
]
