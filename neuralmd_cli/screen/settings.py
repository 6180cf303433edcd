"""What decides the results of a screen, and whether a folder holds the same one."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from neuralmd_cli.dynamics.ode import Solver
from neuralmd_cli.errors import OutputError
from neuralmd_cli.models.system import VelocityRule
from neuralmd_cli.run_record import hashed

Trajectories = Literal["dcd", "xtc", "none"]
_OPTIONS = {
    "version": "neuralmd",
    "model": "--model",
    "weights_sha256": "--weights",
    "ns": "--ns",
    "interval_ps": "--interval-ps",
    "replicas": "--replicas",
    "seed": "--seed",
    "v0": "--v0",
    "solver": "--solver",
    "step_ps": "--step-ps",
    "temperature_k": "--temperature-k",
    "keep_shape": "--keep-shape",
    "trajectories": "--trajectories",
    "device": "--device",
    "precision": "the precision",
}
"""What a user knows each setting by."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the user asked for, as every process of a screen is told it."""

    model: str | None
    weights: Path | None  # where they are; None for a model without any
    weights_named: str | None  # as the user named them
    ns: float
    interval_ps: float
    replicas: int
    seed: int
    v0: VelocityRule | None
    solver: Solver | None
    step_ps: float | None
    temperature_k: float | None
    keep_shape: bool | None
    trajectories: Trajectories
    device: str  # settled: cpu, cuda:0, mps


@dataclass(frozen=True, kw_only=True)
class Decisive:
    """All that the results depend on beside the inputs; JSON."""

    version: str
    model: str
    weights_sha256: str | None
    ns: float
    interval_ps: float
    replicas: int
    seed: int
    v0: str | None
    solver: str | None
    step_ps: float | None
    temperature_k: float | None
    keep_shape: bool | None
    trajectories: str
    device: str  # its kind; two GPUs of one kind count as the same
    precision: str


def input_hashes(files: Sequence[Path]) -> list[dict[str, str | None]]:
    """Name and SHA-256 of each file, in order; None for one that cannot be read."""
    found: list[dict[str, str | None]] = []
    for path in files:
        try:
            digest = hashed(path).sha256 if path.is_file() else None
        except OSError:
            digest = None
        found.append({"file": path.name, "sha256": digest})
    return found


def settings_hash(
    decisive: Decisive, inputs: Sequence[Mapping[str, str | None]]
) -> str:
    """One hash of all that decides the results."""
    text = json.dumps([asdict(decisive), list(inputs)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def check_same(
    folder: Path,
    record: Mapping[str, Any],
    decisive: Decisive,
    inputs: Sequence[Mapping[str, str | None]],
) -> None:
    """Refuse to go on in a folder that holds another screen.

    Args:
        folder: of the screen.
        record: its screen.json.
        decisive, inputs: of the command now given.

    Raises:
        OutputError: naming what differs.
    """
    held: Mapping[str, Any] = record["settings"]
    differences = [
        f"{_OPTIONS[key]} was {_shown(held.get(key))} and is now {_shown(value)}"
        for key, value in asdict(decisive).items()
        if held.get(key) != value
    ]
    before: list[Mapping[str, Any]] = record["inputs"]
    if [x["file"] for x in before] != [x["file"] for x in inputs]:
        differences.append("the input files are others")
    else:
        differences += [
            f"{old['file']} has changed"
            for old, new in zip(before, inputs, strict=True)
            if old["sha256"] != new["sha256"]
        ]
    if differences:
        raise OutputError(
            f"{folder} holds a screen of other settings: {'; '.join(differences[:5])}.",
            hint="Give the options it was begun with to go on, another folder with "
            "--output, or --overwrite to begin anew here.",
        )


def _shown(value: object) -> str:
    text = "not given" if value is None else f"{value}"
    return text if len(text) <= 40 else f"{text[:12]}..."
