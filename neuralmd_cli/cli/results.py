"""What the commands that look at trajectories do alike with their results."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from neuralmd_cli.plain_text import printable, spreadsheet_cell


def check_outputs(inputs: Iterable[Path], **outputs: Path | None) -> None:
    """Never write over what is read, nor one result over another, nor in vain.

    Args:
        inputs: files that are read; those that do not exist are left to the reader.
        outputs: by the name of their option, without dashes.

    Raises:
        OutputError: an output is an input or another output, or the figure cannot be
            drawn.
    """
    from neuralmd_cli.errors import OutputError

    given = {name: path for name, path in outputs.items() if path is not None}
    read = [path for path in inputs if path.exists()]
    options = " or ".join(f"--{name}" for name in outputs)
    for path in given.values():
        if path.exists() and any(path.samefile(x) for x in read):
            raise OutputError(
                f"The result would be written over {path.name}, which is an input.",
                hint=f"Choose another name with {options}.",
            )
    seen: dict[Path, str] = {}
    for name, path in given.items():
        other = seen.setdefault(path.resolve(), name)
        if other != name:
            raise OutputError(
                f"--{other} and --{name} name the same file.", hint="Give each its own."
            )
    if "plot" in given:
        from neuralmd_cli.figures.canvas import check_figure_path

        check_figure_path(given["plot"])


def trajectory_inputs(trajectory: Path, top: Path | None) -> list[Path]:
    """A trajectory and what may be read with it, its topology and the SDF beside it."""
    from neuralmd_cli.readers import topology_path

    used = topology_path(trajectory, top)
    return [trajectory, used, used.with_suffix(".sdf"), used.with_suffix(".json")]


def show_notes(notes: Iterable[str]) -> None:
    """What a reader should know of how the result came about, on stderr."""
    for note in dict.fromkeys(notes):
        typer.echo(printable(f"Note: {note}."), err=True)


def show_written(*files: Path | None) -> None:
    """Which files were written."""
    for file in files:
        if file is not None:
            typer.echo(f"Wrote {file}")


def print_json(answer: Mapping[str, Any]) -> None:
    """One JSON object on stdout; null for what is undefined, as JSON has no NaN."""
    typer.echo(json.dumps(_without_nan(answer), indent=2))


def write_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """A table with a header line; real numbers to six decimals, empty if undefined."""
    import csv

    from neuralmd_cli.writers import atomic_path

    with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(value) for value in row])


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.6f}" if math.isfinite(value) else ""
    if isinstance(value, str):
        return spreadsheet_cell(value)
    return "" if value is None else value


def _without_nan(value: Any) -> Any:  # noqa: ANN401  any JSON value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(x) for x in value]
    return value
