"""The run record: what a simulation was, so that it can be repeated and trusted.

The schema is documented in docs/run_record.md.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = 2


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """A file a run read."""

    file: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ModelUsed:
    """The weights a run used."""

    name: str
    sha256: str
    variant: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """Everything needed to repeat a run and to judge it."""

    neuralmd_version: str
    command: list[str]
    finished: str  # ISO 8601, UTC
    inputs: dict[str, InputFile]
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
    warnings: list[str]
    notes: list[str]
    outputs: list[str]
    broken: list[dict[str, Any]] = field(default_factory=list)  # replicas cut short

    def to_json(self) -> str:
        """The record as indented JSON, with its schema number first."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=2) + "\n"


def hashed(path: Path) -> InputFile:
    """Name and SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return InputFile(file=path.name, sha256=digest.hexdigest())
