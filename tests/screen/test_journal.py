"""Journals that survive whatever stops their writer."""

import json

import pytest

from neuralmd_cli.errors import OutputError
from neuralmd_cli.screen.journal import Entry, Journal, finished, read_entries


def entry(number: int, **changes: object) -> Entry:
    return Entry(
        number=number,
        name=f"{number:06d}",
        title="\udc80 é\n",
        file="f",
        record=number,
        protein="p",
        **changes,
    )


def write(folder, part, *entries) -> None:
    with Journal(folder, part) as journal:
        for each in entries:
            journal.append(each)


def test_what_is_written_is_read(tmp_path):
    """From all parts, with any title."""
    write(tmp_path, "1-of-2", entry(1), entry(3))
    write(tmp_path, "2-of-2", entry(2, failure="no"))
    assert [x.number for x in read_entries(tmp_path)] == [1, 3, 2]
    assert next(read_entries(tmp_path)) == entry(1)
    assert finished(tmp_path) == {1, 2, 3}


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_torn_line_is_cut_off(tmp_path, cut):
    """Wherever it was torn; what came before stays, what comes after is whole."""
    write(tmp_path, "1-of-1", entry(1), entry(2))
    path = tmp_path / "journal" / "1-of-1.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert [x.number for x in read_entries(tmp_path)] == [1]
    write(tmp_path, "1-of-1", entry(2))
    assert [x.number for x in read_entries(tmp_path)] == [1, 2]


def test_a_ligand_is_done_only_while_its_files_are_there(tmp_path):
    """And as large as they were; a later word counts more."""
    (tmp_path / "a").write_text("12345")
    write(
        tmp_path,
        "1-of-1",
        entry(1, files={"a": 5}),
        entry(2, files={"a": 6}),
        entry(3, files={"b": 5}),
        entry(4, failure="killed", retry=True),
        entry(5, failure="killed", retry=True),
        entry(5),
    )
    assert finished(tmp_path) == {1, 5}


def test_what_is_no_journal_is_said(tmp_path):
    """A line of another version, or none at all."""
    for text in ("nonsense\n", json.dumps({"number": 1, "colour": "red"}) + "\n"):
        (tmp_path / "journal").mkdir(exist_ok=True)
        (tmp_path / "journal" / "1-of-1.jsonl").write_text(text)
        with pytest.raises(OutputError, match="is damaged"):
            list(read_entries(tmp_path))
