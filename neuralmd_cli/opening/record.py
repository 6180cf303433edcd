"""The protein of a run of ours, found again through the run record beside it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from neuralmd_cli.input_files import json_value
from neuralmd_cli.run_record import hashed


def recorded_protein(path: Path, top: Path) -> tuple[Path | None, str]:
    """The protein file a trajectory of ours was made with, if it is where it was.

    Looked for where the recorded command names it, where it was seen from the record,
    beside the trajectory and in the current folder; only a file with the recorded
    SHA-256 counts.

    Args:
        path: the trajectory.
        top: its topology, whose name the record shares.

    Returns:
        The file, or None and the reason in one clause.
    """
    record = top.with_suffix(".json")
    inputs = _inputs(record, path)
    if inputs is None:
        return None, f"no run record of {path.name} is beside it"
    name, digest, words = inputs
    for candidate in candidates(name, words, path.parent):
        # The record may name anything, and more letters than a path can have.
        with suppress(OSError, ValueError):
            if candidate.is_file() and hashed(candidate).sha256 == digest:
                return candidate, ""
    return None, (
        f"{name}, which {record.name} says the run was made with, was not found "
        "unchanged"
    )


def _inputs(record: Path, path: Path) -> tuple[str, str, list[str]] | None:
    """Name and hash of the recorded protein, and words that may say where it is."""
    try:
        held: dict[str, Any] = json_value(record.read_text(encoding="utf-8"))
        if path.name not in held["outputs"]:
            return None
        protein = held["inputs"]["protein"]
        words = [str(x) for x in (*held["command"], protein.get("path", ""))]
        return str(protein["file"]), str(protein["sha256"]), words
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def candidates(name: str, words: Sequence[str], folder: Path) -> Iterator[Path]:
    """Where a file that a record names may be; what a record says is not to be trusted.

    Args:
        name: of the file.
        words: of the recorded command, and the recorded path.
        folder: of the record.
    """
    for word in words:
        value = Path(word.partition("=")[2] if word.startswith("--") else word)
        if value.name == name:
            yield value
            yield folder / value
    yield folder / name
    yield Path(name)
