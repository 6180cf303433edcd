"""Tables that programs and spreadsheets read as they were meant."""

import builtins
import csv

import pytest

from neuralmd_cli.screen.journal import Entry
from neuralmd_cli.screen.measures import RULE, flags_of, ranked
from neuralmd_cli.screen.tables import (
    MEASURES,
    RESULT_COLUMNS,
    neutral,
    result_rows,
    write_csv_table,
    write_parquet,
)

FINE = {
    "rmsd_end_angstrom": 0.5,
    "contacts_kept_percent": 90.0,
    "rmsf_mean_angstrom": 0.2,
    "bonds_intact_percent": 100.0,
    "clashing_inside_percent": 0.0,
    "clashing_percent": 0.0,
    "heavy_atoms": 9.0,
}


def entry(number: int, title: str = "x", **changes: float) -> Entry:
    measures = FINE | changes
    return Entry(
        number=number,
        name=f"{number:06d}",
        title=title,
        file="poses.sdf",
        record=number,
        protein="p.pdb",
        measures=measures,
        flags=flags_of(measures),
    )


@pytest.mark.parametrize(
    "title",
    ["=1+1", "+1+1", "-1-1", "@SUM(A1)", "\t=1", " =1", "=cmd|' /C calc'!A0", "\r=1"],
)
def test_no_title_is_a_formula(tmp_path, title):
    """Read back, the cell begins with an apostrophe, and the title is still there."""
    path = tmp_path / "t.csv"
    write_csv_table(path, RESULT_COLUMNS, result_rows([entry(1, title)], {}))
    with path.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["title"].startswith("'")
    assert title.strip() in row["title"]


def test_other_cells_stay_as_they_are(tmp_path):
    """Quotes, commas and letters of any script; numbers below zero; line breaks not."""
    for text in ('a,"b"', "アスピリン", "O=C(O)c1ccccc1", "5-FU"):
        assert neutral(text) == text
    assert neutral(-1.5) == -1.5
    assert neutral("a\nb\0c") == r"a b\x00c"
    assert neutral("-1") == "-1"


def test_parquet_holds_the_same_table(tmp_path):
    """With types, and titles unchanged."""
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    rows = list(result_rows([entry(1, "=1+1"), entry(2, "é")], {2: "reports/b.html"}))
    assert write_parquet(path, rows)
    table = parquet.read_table(path)
    assert tuple(table.column_names) == RESULT_COLUMNS
    assert table.to_pylist() == rows
    assert {str(table.schema.field(x).type) for x in ("rank", "heavy_atoms")} == {
        "int64"
    }


def test_without_pyarrow_there_is_no_parquet(tmp_path, monkeypatch):
    """And the caller is told."""
    real = builtins.__import__

    def missing(name, *arguments, **options):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert not write_parquet(tmp_path / "t.parquet", [])
    assert not list(tmp_path.iterdir())


def test_the_ranking_is_the_rule_that_is_printed():
    """Flags, then RMSD, then contacts, then RMSF, then the order of the input."""
    worst_first = [
        entry(1, rmsd_end_angstrom=0.1, bonds_intact_percent=99.9),
        entry(2, rmsd_end_angstrom=0.9),
        entry(6),
        entry(5),
        entry(4, rmsf_mean_angstrom=0.1),
        entry(3, contacts_kept_percent=95.0),
        entry(7, rmsd_end_angstrom=0.4),
    ]
    assert [x.number for x in ranked(worst_first)] == [7, 3, 4, 5, 6, 2, 1]
    for name in ("rmsd_end_angstrom", "contacts_kept_percent", "rmsf_mean_angstrom"):
        assert name in RULE
        assert name in MEASURES


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({}, []),
        ({"bonds_intact_percent": 99.99}, ["bonds"]),
        ({"clashing_inside_percent": 1.0}, ["clash inside"]),
        ({"clashing_percent": 1.0}, ["clash"]),
        ({"contacts_kept_percent": 49.9}, ["contacts lost"]),
    ],
)
def test_what_is_wrong_is_flagged(changes, flags):
    """Each check alone."""
    assert flags_of(FINE | changes) == flags
