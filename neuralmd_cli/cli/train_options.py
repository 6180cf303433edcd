"""The options of `neuralmd train`."""

from pathlib import Path
from typing import Annotated

import typer

from neuralmd_cli.cli import complete
from neuralmd_cli.cli.options import INPUT, MODEL, OUTPUT

RECIPE = "Recipe"

ModelToTrain = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What to train; without it, what the recipe is for, or neuralmd-ode.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        autocompletion=complete.splits,
        help="misato-100, misato-1000, misato-all, own-md, or a .toml file with "
        "the lists train, validation and test.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="HDF5 files in MISATO's layout.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
SingleTrajectory = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Train on the first 80 snapshots of one complex, instead of --split.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="A recipe that comes with neuralmd: default, quick, "
        "published/misato-100-ode, ...",
        show_default=False,
        rich_help_panel=RECIPE,
    ),
]
Recipe = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A recipe in TOML; what it leaves out is as in the preset.",
        show_default=False,
        rich_help_panel=RECIPE,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="One key of the recipe, as learning_rate=1e-3; may be repeated.",
        show_default=False,
        rich_help_panel=RECIPE,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Passes over the data with rollouts, as --set epochs=N.",
        show_default=False,
        rich_help_panel=RECIPE,
    ),
]
TrainingSeed = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Seed of all random draws; 42 without it.",
        show_default=False,
        rich_help_panel=RECIPE,
    ),
]
Search = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Train every combination of a grid, as paper_grid.",
        show_default=False,
        rich_help_panel=RECIPE,
    ),
]
RunFolderPath = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Where weights, metrics and the state to resume from go.",
        file_okay=False,
        rich_help_panel=OUTPUT,
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the training in --output; nothing else need be given.",
        rich_help_panel=OUTPUT,
    ),
]
Tensorboard = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help="Also log to FOLDER/tensorboard.",
        rich_help_panel=OUTPUT,
    ),
]
