"""The options of `neuralmd eval`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from neuralmd_cli.cli import complete
from neuralmd_cli.cli.options import INPUT, MODEL, OUTPUT
from neuralmd_cli.models.names import DEFAULT_MODEL, PLACES

SCORING, TABLES = "Protocol", "The paper's tables"


def integers(text: str) -> list[int]:
    """Seeds, as 0,42,123."""
    words = [x.strip() for x in text.split(",")]
    if not all(x.isdigit() for x in words) or len(set(words)) < len(words):
        raise typer.BadParameter(
            "give different whole numbers, as 0,42,123", param_hint="'--seeds'"
        )
    return [int(x) for x in words]


def _models(names: list[str] | None) -> list[str] | None:
    for name in names or []:
        if name not in PLACES:
            raise typer.BadParameter(
                f"there is no {name}; known are {', '.join(PLACES)}"
            )
    return names


MoreData = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[FILE]...",
        help="More files, as with --data.",
        exists=True,
        dir_okay=False,
        show_default=False,
    ),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="Recorded trajectories: HDF5 in MISATO's layout, or a store of "
        "`neuralmd data prepare`. May be given several times.",
        exists=True,
        dir_okay=False,
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
SplitName = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="NAME|FILE",
        autocompletion=complete.splits,
        help="Which complexes: a split of `neuralmd data splits`, or a file with one.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Part = Annotated[
    Literal["train", "val", "test"] | None,
    typer.Option(
        "--part",
        help="Part of the split; test, if it has parts.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Trajectories = Annotated[
    list[str] | None,
    typer.Option(
        "--trajectory",
        metavar="ID",
        help="One complex instead of a split: its first 80 snapshots are seen, the "
        "next 20 predicted. With --reproduce, may be given several times.",
        show_default=False,
        rich_help_panel=INPUT,
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A model with its default weights, beside the baselines that are always "
        f"there; may be given several times. Without --model and --weights: "
        f"{DEFAULT_MODEL}.",
        callback=_models,
        autocompletion=complete.models,
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
WeightsList = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        metavar="NAME|PATH",
        autocompletion=complete.weights,
        help="Weights: a name of `neuralmd weights list`, or a .safetensors file; may "
        "be given several times. Those that differ by seed alone share a row.",
        show_default=False,
        rich_help_panel=MODEL,
    ),
]
ProtocolName = Annotated[
    Literal["multi", "multi-published", "single", "single-published"] | None,
    typer.Option(
        "--protocol",
        help="How a rollout is set up; multi for a split, single for a trajectory. "
        "The published ones are the paper's, with their leaks: see docs/eval.md.",
        show_default=False,
        rich_help_panel=SCORING,
    ),
]
Observe = Annotated[
    int | None,
    typer.Option(
        "--observe",
        min=1,
        metavar="N",
        help="Show a system the first N snapshots; instead of --protocol.",
        show_default=False,
        rich_help_panel=SCORING,
    ),
]
Predict = Annotated[
    int | None,
    typer.Option(
        "--predict",
        min=1,
        metavar="M",
        help="Score the M snapshots after these; all, if not given.",
        show_default=False,
        rich_help_panel=SCORING,
    ),
]
V0 = Annotated[
    Literal["zero", "thermal", "learned", "displacement"] | None,
    typer.Option(
        "--v0",
        help="Initial velocities of the models that have them. Without it, as their "
        "weights have it; published ones from two snapshots where these are shown.",
        show_default=False,
        rich_help_panel=SCORING,
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        "--seeds",
        metavar="N,N,...",
        help="Seeds of the models that draw; 0 if not given. With --reproduce also of "
        "the training, and 0,42,123 if not given.",
        show_default=False,
        rich_help_panel=SCORING,
    ),
]
Draws = Annotated[
    int,
    typer.Option(
        "--draws",
        min=1,
        metavar="K",
        help="Rollouts per seed and complex, of the models that draw.",
        rich_help_panel=SCORING,
    ),
]
Batch = Annotated[
    int,
    typer.Option(
        "--batch",
        min=1,
        metavar="N",
        help="Complexes rolled out at once, at most; results do not depend on it.",
        rich_help_panel=SCORING,
    ),
]
Reproduce = Annotated[
    Literal["table1", "table2", "table3", "fig3"] | None,
    typer.Option(
        "--reproduce",
        help="Train and score all that a table or figure of the paper shows, cell by "
        "cell in -o; run again, it goes on. On other data with --split or "
        "--trajectory.",
        show_default=False,
        rich_help_panel=TABLES,
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        help="Recipe of the training, as in `neuralmd train`.",
        show_default=False,
        rich_help_panel=TABLES,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="One key of the recipe, or MODEL:KEY=VALUE for one model alone; may be "
        "given several times.",
        show_default=False,
        rich_help_panel=TABLES,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        min=1,
        metavar="N",
        help="Epochs of the training.",
        show_default=False,
        rich_help_panel=TABLES,
    ),
]
OutputFolder = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Write results.csv (each complex and seed), table.csv, .json, .md and "
        ".tex, and the run record into this folder.",
        file_okay=False,
        show_default=False,
        rich_help_panel=OUTPUT,
    ),
]
All = Annotated[
    bool,
    typer.Option(
        "--all",
        help="Show all metrics, not the main ones only.",
        rich_help_panel=OUTPUT,
    ),
]
