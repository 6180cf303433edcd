"""A trained model as one safetensors file that says what it is.

Everything but the tensors is JSON under the key `neuralmd` of the file's metadata.
The same content always gives the same bytes, so a hash names a model.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from neuralmd_cli.errors import OutputError, WeightsError
from neuralmd_cli.input_files import check_regular, json_value
from neuralmd_cli.version import VERSION

FORMAT = 1
"""Number of the layout below; a change of layout adds one and an upgrade."""
METADATA_KEY = "neuralmd"
DTYPES = (torch.float32, torch.float64, torch.int64)
PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
FIELD_TYPES = {
    "name": str,
    "model": str,
    "config": dict,
    "units": str,
    "training_data": dict,
    "training_command": str,
    "training_seed": int,
    "version": str,
    "metrics": dict,
}
"""The fields of `CheckpointMetadata`, as they come out of JSON."""


@dataclass(frozen=True, kw_only=True)
class CheckpointMetadata:
    """What a checkpoint says about itself; all of it is JSON."""

    name: str
    model: str  # kind of model, such as neuralmd-ode: who reads `config`
    config: Mapping[str, Any]  # network and dynamics, time convention and step included
    units: str = "Å, ps, amu"
    # File: SHA-256; of an imported checkpoint, the files it was made of.
    training_data: Mapping[str, str] = field(default_factory=dict)
    training_command: str = ""
    training_seed: int = 0
    version: str = VERSION  # of the neuralmd that trained or imported it
    metrics: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of JSON, the same for the same content.

        Raises:
            WeightsError: something in it is not JSON, or not a finite number.
        """
        content = {"format": FORMAT, **asdict(self)}
        try:
            return json.dumps(
                content, sort_keys=True, ensure_ascii=False, allow_nan=False
            )
        except (TypeError, ValueError) as error:
            raise WeightsError(
                f"The metadata of checkpoint {self.name} cannot be written: {error}.",
                hint="Use text, finite numbers, lists and dicts with text keys only.",
            ) from None


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The content of a checkpoint file, and the hash of the file."""

    tensors: Mapping[str, Tensor]
    metadata: CheckpointMetadata
    sha256: str

    @property
    def n_parameters(self) -> int:
        """Number of numbers in all tensors, buffers included."""
        return sum(x.numel() for x in self.tensors.values())


def save_checkpoint(
    path: Path, tensors: Mapping[str, Tensor], metadata: CheckpointMetadata
) -> str:
    """Write a checkpoint file, whole or not at all; return its SHA-256.

    Raises:
        WeightsError: tensors that `load_checkpoint` would refuse.
        OutputError: the file cannot be written there.
    """
    _check_tensors(path.name, tensors)
    # A copy each: safetensors refuses tensors that share memory.
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    content = save(plain, metadata={METADATA_KEY: metadata.to_json()})
    write_whole(path, content)
    return hashlib.sha256(content).hexdigest()


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint file; tensors on the CPU.

    Raises:
        WeightsError: not a whole neuralmd checkpoint, or one of a newer format.
    """
    check_regular(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path}: the weights cannot be read ({error.strerror}).",
            hint="Check the path; `neuralmd weights list` shows the known names.",
        ) from None
    try:
        tensors = load(content)
        metadata = _metadata(path)
    except SafetensorError as error:
        raise _not_safetensors(path.name, content, error) from None
    _check_tensors(path.name, tensors)
    digest = hashlib.sha256(content).hexdigest()
    return Checkpoint(tensors=tensors, metadata=metadata, sha256=digest)


def _not_safetensors(
    file_name: str, content: bytes, error: SafetensorError
) -> WeightsError:
    # A safetensors file may begin with the same bytes: ask only once it failed.
    if content.startswith(PICKLE_STARTS):
        return WeightsError(
            f"{file_name} is a PyTorch pickle, not a safetensors checkpoint.",
            hint="neuralmd reads safetensors files only: a pickle can run any code "
            "when it is opened. `neuralmd weights import` converts the authors' "
            "checkpoints; `neuralmd weights list` shows what you can use.",
        )
    return WeightsError(
        f"{file_name} is not a whole safetensors file: {error}.",
        hint="It may be truncated or of another kind; copy or fetch it again.",
    )


def _metadata(path: Path) -> CheckpointMetadata:
    with safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get(METADATA_KEY)
    if text is None:
        raise WeightsError(
            f"{path.name} has no neuralmd metadata, so its model is unknown.",
            hint="Use a checkpoint that neuralmd wrote.",
        )
    damaged = WeightsError(
        f"{path.name}: its neuralmd metadata is damaged.",
        hint="Copy or fetch the file again.",
    )
    try:
        values = json_value(text)
    except ValueError:
        raise damaged from None
    if not isinstance(values, dict) or not isinstance(values.get("format"), int):
        raise damaged
    number = values.pop("format")
    if number > FORMAT:
        raise WeightsError(
            f"{path.name} has checkpoint format {number}; "
            f"neuralmd {VERSION} knows formats up to {FORMAT}.",
            hint="Update neuralmd.",
        )
    if number != FORMAT or set(values) != set(FIELD_TYPES):
        raise damaged
    if not all(isinstance(values[k], kind) for k, kind in FIELD_TYPES.items()):
        raise damaged
    return CheckpointMetadata(**values)


def _check_tensors(file_name: str, tensors: Mapping[str, Tensor]) -> None:
    if not tensors:
        raise WeightsError(
            f"{file_name}: there is no tensor in it.",
            hint="Use a checkpoint of a model.",
        )
    for key, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise WeightsError(
                f"{file_name}: tensor {key} is {tensor.dtype}.",
                hint="Weights are float32 or float64; counters are int64.",
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(
                f"{file_name}: tensor {key} holds NaN or infinite numbers.",
                hint="The training diverged; use an earlier checkpoint.",
            )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that at any moment it is the old one or the new one, whole.

    One process at a time: what a killed one has left is written over.

    Raises:
        OutputError: it cannot be written there.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}.",
            hint=f"Check that {path.parent} exists, is writable and has space left.",
        ) from None
