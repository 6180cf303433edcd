"""The protein of a run of ours, found again through the run record beside it."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from neuralmd_cli.input_files import json_value
from neuralmd_cli.run_record import hashed


def recorded_protein(path: Path, top: Path) -> tuple[Path | None, str]:
    """The protein file a trajectory of ours was made with, if it is where it was.

    Looked for where the recorded command names it, beside the trajectory, and in the
    current folder; only a file with the recorded SHA-256 counts.

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
    name, digest, command = inputs
    for candidate in _candidates(name, command, path.parent):
        # The record may name anything, and more letters than a path can have.
        with suppress(OSError, ValueError):
            if candidate.is_file() and hashed(candidate).sha256 == digest:
                return candidate, ""
    return None, (
        f"{name}, which {record.name} says the run was made with, was not found "
        "unchanged"
    )


def _inputs(record: Path, path: Path) -> tuple[str, str, list[str]] | None:
    """Name and hash of the recorded protein, and the recorded command."""
    try:
        held: dict[str, Any] = json_value(record.read_text(encoding="utf-8"))
        if path.name not in held["outputs"]:
            return None
        protein = held["inputs"]["protein"]
        command = [str(word) for word in held["command"]]
        return str(protein["file"]), str(protein["sha256"]), command
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _candidates(name: str, command: Sequence[str], folder: Path) -> Iterator[Path]:
    """Where the protein may be."""
    for word in command:
        value = Path(word.partition("=")[2] if word.startswith("--") else word)
        if value.name == name:
            yield value
            yield folder / value
    yield folder / name
    yield Path(name)
