"""The run record: what a simulation was, so that it can be repeated and trusted.

The schema is documented in docs/run_record.md.
"""

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from neuralmd_cli.input_files import check_regular

SCHEMA = 3
_LIBRARIES = ("torch", "numpy", "rdkit", "gemmi", "mdtraj", "torchdiffeq")


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """A file a run read."""

    file: str
    sha256: str
    path: str = ""  # where it was, seen from the record's folder; empty: not written


@dataclass(frozen=True, kw_only=True)
class ModelUsed:
    """The weights a run used."""

    name: str
    sha256: str
    variant: str


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which ligand of the inputs was meant."""

    ligand_index: int | None = None
    ligand_id: str | None = None
    smiles: str | None = None


@dataclass(frozen=True, kw_only=True)
class Written:
    """Which atoms went into the files."""

    with_protein: bool = False
    hydrogens: bool = False


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Everything needed to repeat a run and to judge it."""

    neuralmd_version: str
    command: list[str]
    finished: str  # ISO 8601, UTC
    versions: dict[str, str]  # of the libraries that decide the numbers
    inputs: dict[str, InputFile]
    selection: Selection
    model: ModelUsed | None  # None: a system without weights
    dynamics: dict[str, Any]  # the system, its settings, its constants
    ns: float
    interval_ps: float
    snapshots: int
    replicas: int
    seed: int
    device: str
    precision: str
    system: dict[str, int]
    timings_s: dict[str, float]
    speed: dict[str, float]
    results: list[dict[str, Any]]
    trust: str = ""  # how far to trust it, in words
    warnings: list[str]
    notes: list[str]
    written: Written
    outputs: list[str]
    outputs_sha256: dict[str, str]  # of all of them but the record itself
    broken: list[dict[str, Any]] = field(default_factory=list)  # replicas cut short

    def to_json(self) -> str:
        """The record as indented JSON, with its schema number first."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2) + "\n"


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a run's numbers."""
    found = {"python": platform.python_version()}
    return found | {x: metadata.version(x) for x in _LIBRARIES}


def hashed(path: Path) -> InputFile:
    """Name and SHA-256 of a file, read in pieces.

    Raises:
        InputError: a pipe or a device, which has no end.
    """
    check_regular(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return InputFile(file=path.name, sha256=digest.hexdigest())
