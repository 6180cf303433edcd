"""What looking at a trajectory gives in Python: rows, notes and all that was found."""

import csv
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.writers import atomic_path

if TYPE_CHECKING:
    from pandas import DataFrame

_SHOWN = 60
"""Rows that a printed table has at most."""

_WIDTH = 720
"""Pixels that a figure is wide on a notebook's page."""


@dataclass(frozen=True)
class Drawing:
    """A figure that a notebook shows."""

    png: bytes = field(repr=False)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The picture, and how wide it is to be shown."""
        return self.png, {"width": _WIDTH}


@dataclass(frozen=True, kw_only=True, repr=False)
class Table:
    """Rows with named columns; `len`, iteration and indexing go over the rows.

    Units are in the columns' names. NaN where a value is undefined, None where there
    is none.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    notes: tuple[str, ...]  # what a reader should know of how it came about
    summary: dict[str, Any]  # what is one number for the whole trajectory
    result: Any  # all that was computed, tensors in Å, ps and °
    paint: Callable[[Path], None]  # the command's figure, to a file

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Each row by the names of its columns."""
        for row in self.rows:
            yield dict(zip(self.columns, row, strict=True))

    def __getitem__(self, column: str) -> list[Any]:
        """The values of a column.

        Raises:
            KeyError: there is none of that name.
        """
        if column not in self.columns:
            raise KeyError(f"no column {column!r}; there are {', '.join(self.columns)}")
        place = self.columns.index(column)
        return [row[place] for row in self.rows]

    def to_pandas(self) -> "DataFrame":
        """The rows as a pandas data frame.

        Raises:
            NeuralMDError: pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise NeuralMDError(
                "to_pandas() needs pandas, which is not installed.",
                hint="pip install pandas, or take the rows as they are: list(table).",
            ) from error
        return DataFrame(list(self.rows), columns=list(self.columns))

    def to_csv(self, path: str | PathLike[str]) -> Path:
        """Write the rows with a header line; the path.

        Raises:
            OutputError: it cannot be written.
        """
        path = Path(path)
        with atomic_path(path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows(self.rows)
        return path

    def plot(self, path: str | PathLike[str] | None = None) -> "Drawing":
        """Draw the command's figure, to a file if one is named (.png, .svg or .pdf).

        Returns:
            What a notebook shows.

        Raises:
            NeuralMDError: another suffix, not writable, or matplotlib is not installed.
        """
        if path is not None:
            self.paint(Path(path))
        with tempfile.TemporaryDirectory() as folder:
            shown = Path(folder) / "figure.png"
            self.paint(shown)
            return Drawing(shown.read_bytes())

    def __repr__(self) -> str:
        """A plain table, as `print` and a prompt show it."""
        head = [self.columns, *(tuple(map(_shown, x)) for x in self.rows[:_SHOWN])]
        widths = [max(len(row[k]) for row in head) for k in range(len(self.columns))]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in head]
        return "\n".join([self.title, *lines, *self._rest()])

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        head = "".join(f"<th>{escape(x)}</th>" for x in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(_shown(x))}</td>" for x in row) + "</tr>"
            for row in self.rows[:_SHOWN]
        )
        rest = "".join(f"<p>{escape(x)}</p>" for x in self._rest())
        return (
            f"<table><caption>{escape(self.title)}</caption><thead><tr>{head}</tr>"
            f"</thead><tbody>{body}</tbody></table>{rest}"
        )

    def _rest(self) -> Sequence[str]:
        more = len(self.rows) - _SHOWN
        return [f"... and {more} more rows"] if more > 0 else []


def _shown(value: object) -> str:
    """Four digits, and a dash for what is undefined."""
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else "-"
    return "-" if value is None else str(value)
