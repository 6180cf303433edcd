"""Where to compute: from the text of an option to a device that is there."""

import torch

from neuralmd_cli.errors import DeviceError


def resolve_device(text: str) -> torch.device:
    """The device meant by `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.

    `auto` is the first CUDA device, or else the CPU; never `mps`, which lacks float64
    and so is used on request only.

    Raises:
        DeviceError: not one of these, or not on this machine.
    """
    if text == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    kind, _, index = text.partition(":")
    if text in ("cpu", "mps") or (kind == "cuda" and (index.isdigit() or text == kind)):
        if kind == "cuda":
            return _cuda(int(index or 0))
        if kind == "mps" and not torch.backends.mps.is_available():
            raise DeviceError(
                "Device mps is not available: it needs macOS on Apple silicon.",
                hint="Use --device cpu.",
            )
        return torch.device(kind)
    raise DeviceError(
        f"There is no device {text!r}.", hint="Use auto, cpu, cuda, cuda:N or mps."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """True if a device, or the machine, had no memory left."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )


def forget_freed(device: torch.device) -> None:
    """Give back what PyTorch keeps of a device's memory for later."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _cuda(index: int) -> torch.device:
    if not torch.cuda.is_available():
        reason = (
            "this PyTorch is a build without CUDA"
            if torch.version.cuda is None
            else "PyTorch finds no CUDA GPU"
        )
        raise DeviceError(
            f"Device cuda is not available: {reason}.",
            hint="Use --device cpu, or install a CUDA build of PyTorch and its driver.",
        )
    count = torch.cuda.device_count()
    if index >= count:
        raise DeviceError(
            f"Device cuda:{index} is not there: this machine has {count} GPU(s).",
            hint=f"Use cuda:0 to cuda:{count - 1}." if count > 1 else "Use cuda:0.",
        )
    return torch.device("cuda", index)
