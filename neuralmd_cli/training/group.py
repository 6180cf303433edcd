"""The processes of one training, started by torchrun, or the only one.

Each process fits to its share of a batch, and gradients are summed with weights such
that the result is that of the whole batch in one process. torch's own
DistributedDataParallel averages them instead, which counts a batch with large ligands
like one with small ones, and it wants `forward` to be the loss.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from neuralmd_cli.device import resolve_device


@dataclass(frozen=True, kw_only=True)
class Group:
    """Which of how many processes this is."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """True for the one that writes and reports."""
        return self.rank == 0

    def summed(self, values: Sequence[float], device: torch.device) -> list[float]:
        """The sums over all processes."""
        if self.size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(total)
        sums: list[float] = total.tolist()
        return sums

    def gathered(self, value: Any) -> list[Any]:  # noqa: ANN401 - anything
        """What every process has, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replace each gradient by its sum; a parameter nobody used keeps none."""
        if self.size == 1:
            return
        used = [float(x.grad is not None) for x in parameters]
        anywhere = self.summed(used, parameters[0].device)
        kept = [x for x, n in zip(parameters, anywhere, strict=True) if n]
        if not kept:
            return
        flat = torch.cat([_gradient(x).flatten() for x in kept])
        dist.all_reduce(flat)
        parts = torch.split(flat, [x.numel() for x in kept])
        for parameter, part in zip(kept, parts, strict=True):
            parameter.grad = part.view_as(parameter).clone()


def _gradient(parameter: nn.Parameter) -> Tensor:
    grad = parameter.grad
    return torch.zeros_like(parameter) if grad is None else grad


@contextmanager
def process_group(device: str) -> Iterator[tuple[Group, torch.device]]:
    """The group this process belongs to, and its device.

    Under torchrun (which sets WORLD_SIZE, RANK and LOCAL_RANK) every process takes the
    GPU of its local rank, or, without GPUs, the CPU.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group(), resolve_device(device)
        return
    gpu = device in ("auto", "cuda") and torch.cuda.is_available()
    place = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if gpu else device
    where = resolve_device(place)
    if where.type == "cuda":
        torch.cuda.set_device(where)
    dist.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        yield Group(rank=dist.get_rank(), size=size), where
    finally:
        dist.destroy_process_group()
