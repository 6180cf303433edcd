"""Pieces of an evaluation shared out to the cores of a CPU.

PyTorch divides each operation among its threads, which wait for each other after every
one, some 400 times an evaluation. Where there are several pieces a core each takes
whole ones.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import torch
from torch import Tensor


class Cores:
    """Threads that compute, made when they are first wanted.

    Args:
        on_cpu: False where a device does the work: then there are none.
    """

    def __init__(self, *, on_cpu: bool) -> None:
        self.on_cpu = on_cpu
        self.threads: ThreadPoolExecutor | None = None

    def each(self, compute: Callable[[int], Tensor], count: int) -> list[Tensor]:
        """The results of `compute` for 0, 1, ...; as many at once as there are cores.

        One after the other where gradients are asked for: a graph belongs to a thread.
        """
        together = min(count, torch.get_num_threads())
        if together < 2 or not self.on_cpu or torch.is_grad_enabled():
            return [compute(k) for k in range(count)]
        inference = torch.is_inference_mode_enabled()

        def alone(index: int) -> Tensor:
            # Both are switched on for a thread, not for the process.
            with torch.inference_mode(inference), torch.no_grad():
                return compute(index)

        if self.threads is None:
            self.threads = one_core_each(together)
        return list(self.threads.map(alone, range(count)))


def one_core_each(count: int) -> ThreadPoolExecutor:
    """Threads whose operations take no further threads."""
    wanted = torch.get_num_threads()
    threads = ThreadPoolExecutor(
        count, "forces", initializer=torch.set_num_threads, initargs=(1,)
    )
    ready = Barrier(count + 1)
    for _ in range(count):
        threads.submit(ready.wait)
    ready.wait()
    # A thread sets it for itself, and for those that start later.
    torch.set_num_threads(wanted)
    return threads
