"""What there is to compute on, and with how many threads."""

import os
import platform

import torch

from neuralmd_cli.doctor.finding import Finding

_GIB = 1024**3
_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


def devices() -> list[Finding]:
    """Each device that `--device` could name, with its memory."""
    found = [Finding(section="devices", name="cpu", value=_cpu())]
    build = torch.version.cuda
    cuda = "this PyTorch is built without CUDA"
    if build is not None:
        cuda = f"PyTorch is built for CUDA {build}, but finds no GPU"
    if torch.cuda.is_available():
        for k in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(k)
            free, total = torch.cuda.mem_get_info(k)
            value = (
                f"{facts.name}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free, "
                f"CUDA {build}"
            )
            found.append(Finding(section="devices", name=f"cuda:{k}", value=value))
    else:
        found.append(
            Finding(
                section="devices",
                name="cuda",
                value=cuda,
                state="missing",
                hint="Only needed for speed: an NVIDIA GPU, its driver and PyTorch's "
                "CUDA build.",
            )
        )
    if torch.backends.mps.is_available():
        found.append(
            Finding(section="devices", name="mps", value="on request only: no float64")
        )
    return found


def threads() -> list[Finding]:
    """Threads used beside cores to be had, and what the environment says of them."""
    used, cores = torch.get_num_threads(), available_cores()
    held = {x: os.environ[x] for x in _VARIABLES if x in os.environ}
    many = used > cores
    return [
        Finding(
            section="threads",
            name="threads",
            value=f"{used} of PyTorch on {cores} core{'' if cores == 1 else 's'}",
            # Slow, not wrong: a program that shares its cores waits for the others.
            state="missing" if many else "ok",
            hint=f"export OMP_NUM_THREADS={cores}" if many else "",
        ),
        Finding(
            section="threads",
            name="environment",
            value=", ".join(f"{k}={v}" for k, v in held.items()) or "nothing set",
        ),
    ]


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu() -> str:
    name = platform.processor() or platform.machine()
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return name
    return f"{name}, {memory / _GIB:.1f} GiB of memory"
