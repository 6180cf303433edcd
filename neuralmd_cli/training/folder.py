"""The folder of one training: what was asked, the state, the metrics, the weights."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neuralmd_cli.errors import OutputError, TrainingError
from neuralmd_cli.input_files import json_value
from neuralmd_cli.training.epoch import EpochResult
from neuralmd_cli.training.request import Request
from neuralmd_cli.weights.checkpoint import write_whole

REQUEST, STATE, METRICS = "training.json", "state.safetensors", "metrics.jsonl"
WEIGHTS, TENSORBOARD = "weights.safetensors", "tensorboard"


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Where a training lives."""

    path: Path

    @property
    def state(self) -> Path:
        """The file to resume from."""
        return self.path / STATE

    @property
    def weights(self) -> Path:
        """The checkpoint: the best epoch's averaged weights so far."""
        return self.path / WEIGHTS

    def check_free(self) -> None:
        """Refuse to write over a training.

        Raises:
            OutputError: it holds one already.
        """
        if self.state.exists():
            raise OutputError(
                f"{self.path} holds a training already.",
                hint="Go on with it by --resume, or choose another folder with -o.",
            )

    def start(self, request: Request, hashes: Mapping[str, str]) -> None:
        """Make it, and write down what is asked.

        Raises:
            OutputError: it cannot be written.
        """
        content = {**request.to_dict(), "sha256": dict(hashes)}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{self.path} cannot be made: {error.strerror}.",
                hint="Choose a folder you may write to.",
            ) from None
        _write_json(self.path / REQUEST, content)

    def request(self) -> Request:
        """What was asked when the training began.

        Raises:
            TrainingError: there is none, or it is damaged.
        """
        path = self.path / REQUEST
        try:
            return Request.from_dict(self._read(), str(path))
        except (LookupError, TypeError, ValueError):
            raise self._damaged(path) from None

    def check_same(self, request: Request, hashes: Mapping[str, str]) -> None:
        """Refuse to go on with anything but the training that was begun.

        Raises:
            TrainingError: with every difference.
        """
        old = _flat(self._read())
        new = _flat({**request.to_dict(), "sha256": dict(hashes)})
        missing = "nothing"
        different = [
            f"{key} was {old.get(key, missing)!r} and is now {new.get(key, missing)!r}"
            for key in sorted(old.keys() | new.keys())
            if old.get(key, missing) != new.get(key, missing)
        ]
        if different:
            raise TrainingError(
                f"{self.path} is another training: {'; '.join(different)}.",
                hint="Resume it without these options, or begin anew with another -o.",
            )

    def write_metrics(self, results: Sequence[EpochResult]) -> None:
        """One JSON object per epoch and line; what is no finite number is null."""
        lines = [json.dumps(_row(x), allow_nan=False) for x in results]
        write_whole(self.path / METRICS, "".join(f"{x}\n" for x in lines).encode())

    def _damaged(self, path: Path) -> TrainingError:
        return TrainingError(f"{path} is damaged.", hint="Begin anew with another -o.")

    def _read(self) -> dict[str, Any]:
        path = self.path / REQUEST
        try:
            content: dict[str, Any] = json_value(path.read_text(encoding="utf-8"))
        except OSError:
            raise TrainingError(
                f"{self.path} holds no training to resume.",
                hint="Check -o, or start one without --resume.",
            ) from None
        except ValueError:
            raise self._damaged(path) from None
        if not isinstance(content, dict):
            raise self._damaged(path)
        return content


def _row(result: EpochResult) -> dict[str, Any]:
    return {
        k: None if isinstance(v, float) and not math.isfinite(v) else v
        for k, v in asdict(result).items()
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dicts as one with dotted keys, as --set writes them."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            inner = "" if key in ("setup", "training") else f"{key}."
            flat.update(_flat(value, prefix + inner))
        else:
            flat[prefix + key] = value
    return flat
