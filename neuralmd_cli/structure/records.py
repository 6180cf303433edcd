"""The molecules of an SDF one after another, whatever its size and however damaged."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.ligand import check_kind

MOST_BYTES = 4_000_000
"""Of one molecule; the largest a PDB file could name has 3 MB as SDF with hydrogens."""
_AT_ONCE = 1 << 16
_GZIP = b"\x1f\x8b"
_AGAIN = "Write the file again with the program it came from."


@dataclass(frozen=True, kw_only=True)
class StreamedRecord:
    """The text of one molecule, or why it cannot be had."""

    number: int  # in the file, from 1
    first_line: int  # in the file, from 1
    text: str  # empty where there is a problem
    problem: str = ""
    hint: str = ""

    @property
    def title(self) -> str:
        """The first line, which programs use as the molecule's name."""
        return self.text.partition("\n")[0].strip()


def check_sdf(path: Path) -> None:
    """Refuse a file that is no SDF or MOL file as a whole.

    Raises:
        InputError: no such file, unreadable, or of another kind.
    """
    try:
        with _opened(path) as file:
            head = file.read(_AT_ONCE)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be read: {_reason(error)}.",
            hint="Name an SDF file that you may read.",
        ) from error
    if b"\0" in head:
        raise InputError(
            f"{path.name} is a binary file, not text.",
            hint="Give an SDF file, plain or gzipped.",
        )
    if not head.strip():
        raise InputError(
            f"{path.name} is empty.", hint="Give an SDF file with posed ligands."
        )
    check_kind(path, _text(head))


def stream_records(path: Path) -> Iterator[StreamedRecord]:
    """Yield the molecules of an SDF, at most one of them in memory.

    A molecule that is too large or binary, or where the file breaks off, is yielded
    with the problem in place of its text.
    """
    number, line, first = 1, 0, 1
    held = _Held()
    try:
        with _opened(path) as file:
            starts_line = True
            while chunk := file.readline(_AT_ONCE):
                line += starts_line
                ends = starts_line and chunk.startswith(b"$$$$")
                starts_line = chunk.endswith(b"\n")
                if not ends:
                    held.add(chunk)
                    continue
                yield held.record(number, first)
                held = _Held()
                number, first = number + 1, line + 1
    except (OSError, EOFError, zlib.error) as error:
        yield StreamedRecord(
            number=number,
            first_line=first,
            text="",
            problem=f"{path.name} cannot be read from molecule {number} on: "
            f"{_reason(error)}",
            hint="Fetch or compress the file again; what came before was used.",
        )
        return
    # What follows the last $$$$ is a record only if it holds a molecule.
    if held.has_content:
        yield held.record(number, first)


class _Held:
    """What has been read of a record, as long as it is of a sane size."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self.has_content = False

    def add(self, chunk: bytes) -> None:
        self.has_content = self.has_content or bool(chunk.strip())
        self._size += len(chunk)
        if self._size <= MOST_BYTES:
            self._parts.append(chunk)
        else:
            self._parts.clear()

    def record(self, number: int, first_line: int) -> StreamedRecord:
        data = b"".join(self._parts)
        text, problem = _text(data), ""
        if self._size > MOST_BYTES:
            problem = f"it has {self._size:,} bytes, more than any molecule needs"
        elif b"\0" in data:
            problem = "it holds binary data"
        return StreamedRecord(
            number=number,
            first_line=first_line,
            text="" if problem else text,
            problem=problem,
            hint=_AGAIN if problem else "",
        )


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes; gzip is told by its first two, not by the name."""
    # Not a pipe, which might never end.
    if not path.is_file():
        reason = "it is not a file" if path.exists() else "there is no such file"
        raise OSError(None, reason, str(path))
    with path.open("rb") as file:
        if file.peek(2)[:2] != _GZIP:
            yield file
            return
        with gzip.open(file) as unpacked:
            yield cast("IO[bytes]", unpacked)


def _text(data: bytes) -> str:
    # Titles come in any encoding; coordinates are ASCII.
    return data.decode("utf-8", errors="replace").replace("\r\n", "\n")


def _reason(error: OSError | EOFError | zlib.error) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"the gzip data is damaged or cut short ({error})"
