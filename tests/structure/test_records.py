"""An SDF of any size, damaged anywhere, gives what it holds and says what it lacks."""

import gzip
import os
import tracemalloc

import pytest

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure import records
from neuralmd_cli.structure.records import check_sdf, stream_records


def text_of(number: int) -> str:
    return (
        f"name {number}\n  program\n\n  0  0  0     0  0  0  0  0  0999 V2000\nM  END\n"
    )


def sdf(count: int) -> bytes:
    return "".join(f"{text_of(k)}$$$$\n" for k in range(count)).encode()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_each_record_comes_with_its_place(tmp_path, packed, ends):
    """Number, first line and text, from plain and gzipped files, any line end."""
    path = tmp_path / "poses.sdf"
    data = sdf(3).replace(b"\n", ends.encode())
    path.write_bytes(gzip.compress(data) if packed else data)
    found = list(stream_records(path))
    assert [x.number for x in found] == [1, 2, 3]
    assert [x.first_line for x in found] == [1, 7, 13]
    assert [x.text for x in found] == [text_of(k) for k in range(3)]
    assert found[1].title == "name 1"


def test_a_last_record_without_its_end_counts(tmp_path):
    """As MOL files are; blank lines after the last do not."""
    path = tmp_path / "a.mol"
    path.write_text(text_of(0))
    assert len(list(stream_records(path))) == 1
    path.write_bytes(sdf(1) + b"\n\n")
    assert len(list(stream_records(path))) == 1


def test_memory_is_that_of_one_record(tmp_path):
    """6 MB of records are read in under 1 MB."""
    path = tmp_path / "many.sdf"
    padding = ">  <x>\n" + "y" * 3000 + "\n"
    path.write_text("".join(f"{text_of(k)}{padding}$$$$\n" for k in range(2_000)))
    assert path.stat().st_size > 6e6
    tracemalloc.start()
    count = sum(1 for _ in stream_records(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 2_000
    assert peak < 1e6


def test_a_record_without_end_is_dropped_and_the_next_is_read(tmp_path, monkeypatch):
    """Also one without a single line break, as in a gzip bomb."""
    monkeypatch.setattr(records, "MOST_BYTES", 100_000)
    path = tmp_path / "bomb.sdf"
    bomb = b"x" * 10_000_000 + b"\n$$$$\n"
    path.write_bytes(gzip.compress(sdf(1) + bomb + sdf(1), 1))
    tracemalloc.start()
    found = list(stream_records(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [bool(x.problem) for x in found] == [False, True, False]
    assert "more than any molecule needs" in found[1].problem
    assert found[2].first_line == 9
    assert peak < 2e6


def test_a_file_cut_short_gives_what_came_before(tmp_path):
    """A gzip file without its end: the records, then the problem."""
    path = tmp_path / "cut.sdf.gz"
    data = gzip.compress(os.urandom(100_000).hex().encode() + b"\n$$$$\n" + sdf(50))
    path.write_bytes(data[:-30])
    found = list(stream_records(path))
    assert len(found) >= 2
    assert [bool(x.problem) for x in found[:-1]] == [False] * (len(found) - 1)
    assert "from molecule" in found[-1].problem
    assert found[-1].hint


def test_binary_data_in_a_record_is_said(tmp_path):
    """The records around it are fine."""
    path = tmp_path / "a.sdf"
    path.write_bytes(sdf(1) + b"a\0b\n$$$$\n" + sdf(1))
    assert [x.problem for x in stream_records(path)] == ["", "it holds binary data", ""]


def test_what_is_no_sdf_is_refused_as_a_whole(tmp_path):
    """A folder, a pipe, a structure file, nothing, binary data, damaged gzip."""
    cases = {
        "empty.sdf": (b" \n", "is empty"),
        "a.pdb": (b"ATOM      1  N   ALA A   1\n", "structure file"),
        "a.bin": (b"\0\1\2", "binary"),
        "a.sdf.gz": (b"\x1f\x8b\x08nonsense", "cannot be read"),
        "a.xlsx": (b"PK", "cannot be read"),
    }
    for name, (data, message) in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(InputError, match=message):
            check_sdf(path)
    os.mkfifo(tmp_path / "pipe.sdf")
    for name in ("pipe.sdf", "."):
        with pytest.raises(InputError, match="it is not a file"):
            check_sdf(tmp_path / name)
    with pytest.raises(InputError, match="there is no such file"):
        check_sdf(tmp_path / "missing.sdf")
