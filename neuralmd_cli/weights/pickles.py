"""The tensors of a file of torch.save, without running any of its code."""

import pickle
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from neuralmd_cli.errors import WeightsError
from neuralmd_cli.input_files import check_regular

ENTRY = "binding_model"
DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
)
"""What torch.load raises on damaged files, found by damaging some at random."""


def read_state(path: Path) -> Mapping[str, Tensor]:
    """The state dict of a checkpoint of the authors', on the CPU.

    The file holds one dict with the single entry `binding_model`, or the state dict
    itself.

    Raises:
        WeightsError: it cannot be read, holds anything but tensors, or is of another
            kind.
    """
    check_regular(path)
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            # What PyTorch has to say of an odd file, the errors below say better.
            warnings.simplefilter("ignore")
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(
            f"{path}: the checkpoint cannot be read ({error.strerror}).",
            hint="Give the model.pth you downloaded.",
        ) from None
    except DAMAGED:
        raise _not_a_pickle_of_tensors(path) from None
    state = content
    if isinstance(content, dict) and ENTRY in content:
        others = sorted(str(x) for x in content if x != ENTRY)
        if others:
            raise WeightsError(
                f"{path.name} holds {', '.join(others[:3])} beside {ENTRY}; the "
                "authors' checkpoints do not.",
                hint="Use a model.pth of the authors' model repository.",
            )
        state = content[ENTRY]
    if not _is_state(state):
        raise WeightsError(
            f"{path.name} holds no state dict: neither tensors by name, nor an entry "
            f"{ENTRY} with them.",
            hint="Use a model.pth of the authors' model repository.",
        )
    return dict(state)


def _is_state(content: object) -> bool:
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(k, str) for k in content)
        and all(
            isinstance(v, Tensor) and v.layout == torch.strided and not v.is_quantized
            for v in content.values()
        )
    )


def _not_a_pickle_of_tensors(path: Path) -> WeightsError:
    try:
        with safe_open(path, framework="pt"):
            return WeightsError(
                f"{path.name} is a safetensors file, not a PyTorch pickle.",
                hint="Checkpoints of neuralmd need no import: give the file to "
                "--weights.",
            )
    except (SafetensorError, OSError):
        return WeightsError(
            f"{path.name} is not a whole PyTorch file of tensors only; nothing in it "
            "was run.",
            hint="It is damaged, of another kind, or not to be trusted. Download it "
            "again from its authors.",
        )
