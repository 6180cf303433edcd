"""What an evaluation was, so that it can be repeated and trusted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class WeightsUsed:
    """One checkpoint that was scored."""

    row: str
    name: str
    sha256: str
    training_seed: int | None


@dataclass(frozen=True, kw_only=True)
class EvalRecord:
    """Everything needed to repeat an evaluation and to judge it."""

    neuralmd_version: str
    command: Sequence[str]
    finished: str  # ISO 8601, UTC
    data: Mapping[str, str]  # SHA-256 by file name
    split: str  # or the single trajectory
    part: str | None
    protocol: Mapping[str, Any]
    settings: Mapping[str, Any]  # what the user chose of the rollouts
    systems: Mapping[str, Mapping[str, Any]]  # by row: what it ran with
    weights: Sequence[WeightsUsed]
    seeds: Sequence[int]
    draws: int
    complexes: Sequence[str]  # scored
    unusable: Mapping[str, str]  # by complex: why it was not
    device: str
    timings_s: Mapping[str, float]

    def title(self) -> str:
        """One line: what was scored, on what, how."""
        what = self.split if self.part is None else f"{self.split}, {self.part} part"
        return (
            f"{what}: {len(self.complexes)} "
            f"{'recording' if len(self.complexes) == 1 else 'recordings'}, protocol "
            f"{self.protocol['name']} ({self.protocol['about']})"
        )

    def to_json(self) -> str:
        """The record as indented JSON, with its schema number first."""
        content = {"schema": SCHEMA, **asdict(self)}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
