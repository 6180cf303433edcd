"""The folder of a screen: whose it is, who writes to it, and what is cleared away."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.screen.journal import JOURNALS
from neuralmd_cli.screen.reports import REPORTS
from neuralmd_cli.screen.tables import FAILURES_CSV, RESULTS_CSV, RESULTS_PARQUET
from neuralmd_cli.screen.work import LIGANDS
from neuralmd_cli.writers import atomic_path

RECORD, PAGE = "screen.json", "index.html"
SCHEMA = 1
_LOCKS = ".locks"
_SCRATCH = ".scratch"
_PATIENCE_S = 60.0
"""How long to wait for another part that is just writing the record."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Every `of`-th ligand, from the `number`-th on."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Read K/N.

        Raises:
            InputError: it is no such thing.
        """
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise InputError(
                f"--part {text} names no part.",
                hint="Write K/N, K from 1 to N, as in 3/20.",
            )
        return cls(number=int(found[1]), of=int(found[2]))

    def __contains__(self, number: int) -> bool:
        """True for the ligands of this part."""
        return (number - self.number) % self.of == 0

    def __str__(self) -> str:
        """A word for file names."""
        return f"{self.number}-of-{self.of}"


@contextmanager
def claimed(folder: Path, part: Part, inputs: Sequence[Path]) -> Iterator[Path]:
    """Keep others from writing the same part; yields a place for unfinished files.

    Raises:
        OutputError: the folder is not a screen's, holds an input, cannot be written, or
            another process writes to it.
    """
    _check_folder(folder, inputs)
    try:
        (folder / _LOCKS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written to: {error.strerror}.",
            hint="Choose another folder with --output.",
        ) from error
    with ExitStack() as stack:
        stack.enter_context(_locked(folder, str(part)))
        _check_split(folder, part)
        scratch = folder / _SCRATCH / str(part)
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def read_record(folder: Path) -> dict[str, Any] | None:
    """What screen.json says; None where there is none.

    Raises:
        OutputError: it is damaged, or of another version.
    """
    path = folder / RECORD
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _no_record(path) from error
    needed = {"settings": dict, "inputs": list, "ligands": int, "schema": int}
    if not isinstance(held, dict) or not all(
        isinstance(held.get(key), kind) for key, kind in needed.items()
    ):
        raise _no_record(path)
    if held["schema"] != SCHEMA:
        raise _no_record(path)
    return held


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write screen.json, all of it or nothing.

    Raises:
        OutputError: unwritable.
    """
    text = json.dumps({"schema": SCHEMA, **record}, indent=2) + "\n"
    with atomic_path(folder / RECORD) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def record_held(folder: Path) -> Iterator[None]:
    """Only one part at a time looks for the record and writes it."""
    with FileLock(folder / _LOCKS / "record", timeout=_PATIENCE_S):
        yield


def clear(folder: Path) -> None:
    """Remove what a screen wrote, and nothing else.

    Raises:
        OutputError: a file cannot be removed.
    """
    try:
        # The record last: without it the folder is nobody's, and no longer ours.
        for name in (LIGANDS, REPORTS, JOURNALS):
            if (folder / name).is_dir() and not (folder / name).is_symlink():
                shutil.rmtree(folder / name)
        for name in (RESULTS_CSV, RESULTS_PARQUET, FAILURES_CSV, PAGE, RECORD):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be cleared: {error.strerror or error}.",
            hint="Choose another folder with --output.",
        ) from error


def _check_folder(folder: Path, inputs: Sequence[Path]) -> None:
    here = folder.resolve()
    for path in inputs:
        if here in path.resolve().parents:
            raise OutputError(
                f"{path} is an input inside the folder to write to.",
                hint="Choose another folder with --output.",
            )
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is not a folder.", hint="Name a folder.")
    if folder.is_dir() and not (folder / RECORD).exists():
        # Locks alone are left where a screen was stopped before its first step, empty
        # folders where somebody removed it while it ran.
        others = {x.name for x in folder.iterdir() if _holds_files(x)}
        others -= {_LOCKS, _SCRATCH}
        if others:
            raise OutputError(
                f"{folder} holds files of no screen, {min(others)} for one.",
                hint="Name a new or empty folder with --output.",
            )


def _holds_files(path: Path) -> bool:
    return not path.is_dir() or any(not x.is_dir() for x in path.rglob("*"))


@contextmanager
def _locked(folder: Path, name: str) -> Iterator[None]:
    try:
        with FileLock(folder / _LOCKS / name, timeout=0):
            yield
    except Timeout:
        raise OutputError(
            f"Another process is writing to {folder} right now.",
            hint="Wait for it, stop it, or choose another folder with --output. "
            "Several processes can share a screen with --part.",
        ) from None
    except OSError as error:
        if error.filename and _LOCKS in str(error.filename):
            raise OutputError(
                f"{folder} cannot be locked: {error.strerror}.",
                hint="Choose a folder you may write to.",
            ) from error
        raise


def _check_split(folder: Path, part: Part) -> None:
    """Refuse while another process shares the screen out in another way."""
    for path in (folder / _LOCKS).glob("*-of-*"):
        if path.name.endswith(f"-of-{part.of}"):
            continue
        with _locked(folder, path.name):
            pass


def _no_record(path: Path) -> OutputError:
    return OutputError(
        f"{path} is not the record of a screen that this version can go on with.",
        hint="Choose another folder with --output.",
    )
