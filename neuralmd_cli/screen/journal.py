"""Results as they come: one line of JSON each, kept whatever happens to the run."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from neuralmd_cli.errors import OutputError

JOURNALS = "journal"
"""The folder of the journals, one to each part."""
_SYNC_EVERY_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What became of one ligand."""

    number: int
    name: str
    title: str
    file: str  # where the ligand came from
    record: int
    protein: str
    failure: str = ""  # why there is no result
    hint: str = ""
    retry: bool = False  # True where another try may succeed
    smiles: str = ""
    measures: dict[str, float] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)  # in the folder, and bytes
    seconds: float = 0.0
    memory_mb: float = 0.0  # peak of the process that computed it

    @property
    def is_result(self) -> bool:
        """True if the ligand was simulated."""
        return not self.failure


class Journal:
    """Appends entries to the journal of a part."""

    def __init__(self, folder: Path, part: str) -> None:
        self._path = folder / JOURNALS / f"{part}.jsonl"
        self._synced = time.monotonic()

    def __enter__(self) -> "Journal":
        """Open it, and cut off what a killed process left half-written."""
        try:
            self._path.parent.mkdir(exist_ok=True)
            _cut_torn_line(self._path)
            self._file = self._path.open("a", encoding="utf-8", newline="\n")
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        try:
            self._file.close()
        except OSError as failed:
            # A full disk has been said already.
            if error is None:
                raise self._unwritable(failed) from failed

    def append(self, entry: Entry) -> None:
        """Add an entry; once this returns, killing the process does not lose it.

        Raises:
            OutputError: the disk is full or gone.
        """
        try:
            self._file.write(json.dumps(asdict(entry)) + "\n")
            self._file.flush()
            if time.monotonic() - self._synced > _SYNC_EVERY_S:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self._path} cannot be written: {error.strerror or error}.",
            hint="Make room on the disk, then give the same command again: what is "
            "finished is kept.",
        )


def read_entries(folder: Path) -> Iterator[Entry]:
    """Yield the entries of all journals of a folder; later ones are news.

    Raises:
        OutputError: a journal that is no journal.
    """
    for path in sorted((folder / JOURNALS).glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n"):
                    break
                yield _entry(path, line)


def finished(folder: Path) -> set[int]:
    """Numbers of the ligands that need no more work."""
    done: set[int] = set()
    for entry in read_entries(folder):
        if not entry.retry and _is_whole(folder, entry):
            done.add(entry.number)
        else:
            done.discard(entry.number)
    return done


def _is_whole(folder: Path, entry: Entry) -> bool:
    """True if the entry's files are where they were, as large as they were."""
    for name, size in entry.files.items():
        try:
            if (folder / name).stat().st_size != size:
                return False
        except OSError:
            return False
    return True


def _entry(path: Path, line: str) -> Entry:
    try:
        held: dict[str, Any] = json.loads(line)
        return Entry(**held)
    except (ValueError, TypeError) as error:
        raise OutputError(
            f"{path} is damaged: a line is no entry of this version.",
            hint="Begin anew with --overwrite, or in another folder.",
        ) from error


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        keep = end
        while keep:
            step = min(keep, 1 << 16)
            file.seek(keep - step)
            at = file.read(step).rfind(b"\n")
            if at >= 0:
                keep = keep - step + at + 1
                break
            keep -= step
        if keep < end:
            file.truncate(keep)
