"""The results as tables: CSV for people and programs, Parquet for large screens."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from neuralmd_cli.plain_text import spreadsheet_cell
from neuralmd_cli.screen.journal import Entry
from neuralmd_cli.writers import atomic_path

RESULTS_CSV, RESULTS_PARQUET = "results.csv", "results.parquet"
FAILURES_CSV = "failures.csv"
Cell = str | int | float | None

MEASURES = {
    "rmsd_end_angstrom": "RMSD to the start, mean over the last tenth of the snapshots",
    "rmsd_end_sd_angstrom": "its standard deviation over the replicas",
    "contacts_kept_percent": "residues touched at the start that are touched in the "
    "last tenth",
    "rmsf_mean_angstrom": "flexibility: RMSF, mean over heavy atoms",
    "rmsd_max_angstrom": "largest RMSD to the start",
    "bonds_intact_percent": "bonds within 25 % of their starting length",
    "clashing_percent": "snapshots in a clash with the surroundings",
    "clashing_inside_percent": "snapshots in a clash of the ligand with itself",
    "contact_min_angstrom": "closest contact with the surroundings",
    "heavy_atoms": "heavy atoms of the ligand",
    "residues": "residues of the protein",
    "contacts_start": "residues touched at the start",
}
"""Columns of the results that are numbers."""
_COUNTS = ("heavy_atoms", "residues", "contacts_start")
_DECIMALS = 4


def result_rows(
    entries: Iterable[Entry], reports: Mapping[int, str]
) -> Iterable[dict[str, Cell]]:
    """Rows of the results, in order of rank.

    Args:
        entries: best first.
        reports: by the ligand's number, where there is one.
    """
    for rank, entry in enumerate(entries, start=1):
        numbers = {name: _number(name, entry.measures.get(name)) for name in MEASURES}
        yield {
            "rank": rank,
            "id": entry.name,
            "title": entry.title,
            "flags": "; ".join(entry.flags),
            **numbers,
            "protein": entry.protein,
            "file": entry.file,
            "record": entry.record,
            "smiles": entry.smiles,
            "warnings": " ".join(entry.warnings),
            "trajectory": next(iter(entry.files), ""),
            "report": reports.get(entry.number, ""),
        }


def failure_rows(entries: Iterable[Entry]) -> Iterable[dict[str, Cell]]:
    """Rows of the failures, in the order of the input."""
    for entry in sorted(entries, key=lambda x: x.number):
        yield {
            "id": entry.name,
            "file": entry.file,
            "record": entry.record,
            "title": entry.title,
            "protein": entry.protein,
            "reason": entry.failure,
            "what_to_do": entry.hint,
        }


def write_csv_table(
    path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]
) -> None:
    """Write a table in which no text can be taken for a formula.

    Raises:
        OutputError: unwritable.
    """
    with (
        atomic_path(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="replace") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([neutral(row[name]) for name in columns])


def neutral(value: Cell) -> Cell:
    """A cell that a spreadsheet shows as it is, in one line; see `spreadsheet_cell`."""
    if not isinstance(value, str):
        return value
    return spreadsheet_cell(" ".join(value.splitlines()))


def write_parquet(path: Path, rows: Iterable[Mapping[str, Cell]]) -> bool:
    """Write the results as Parquet, titles as they are; False without pyarrow.

    Raises:
        OutputError: unwritable.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return False
    kinds = {name: pyarrow.float64() for name in MEASURES}
    whole = dict.fromkeys(("rank", "record", *_COUNTS), pyarrow.int64())
    schema = pyarrow.schema(
        [(name, (kinds | whole).get(name, pyarrow.string())) for name in RESULT_COLUMNS]
    )
    clean = [{k: _encodable(v) for k, v in row.items()} for row in rows]
    with atomic_path(path) as temporary:
        parquet.write_table(pyarrow.Table.from_pylist(clean, schema=schema), temporary)
    return True


def _number(name: str, value: float | None) -> Cell:
    if value is None:
        return None
    return int(value) if name in _COUNTS else round(value, _DECIMALS)


def _encodable(value: Cell) -> Cell:
    """Text that UTF-8 can hold; a file name may hold bytes that it cannot."""
    if isinstance(value, str):
        return value.encode("utf-8", errors="replace").decode()
    return value


RESULT_COLUMNS = (
    *("rank", "id", "title", "flags", *MEASURES, "protein", "file", "record"),
    *("smiles", "warnings", "trajectory", "report"),
)
FAILURE_COLUMNS = (
    *("id", "file", "record", "title", "protein", "reason", "what_to_do"),
)
