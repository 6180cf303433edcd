"""An evaluation of fixed shapes, recorded on a GPU and replayed.

It is some 400 small kernels, which take longer to start one by one than to run. As a
CUDA graph they start together. A recording holds for one set of candidate pairs; where
it cannot be made, or gives other forces, evaluations go on without.
"""

import logging
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

RECORD_AT = 3
"""Evaluations of the same pairs after which a recording is worth its time."""
LARGEST = 4096
"""Atoms beyond which kernels take longer to run than to start."""
WARM_UP = 3
"""Evaluations before a recording, in which libraries choose and allocate."""
TOLERANCE = 1e-4
"""By which forces of a recording may differ, of the largest; sums differ in order."""
NUDGE = 0.01
"""Å; a recording is tried at a second place, to see that it reads its positions."""

Recorder = Callable[[Callable[[], Tensor]], tuple[Callable[[], None], Tensor]]
"""From a computation to what repeats it, and where that leaves its result."""

_log = logging.getLogger(__name__)


def cuda_graph(compute: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
    """Record a computation that asks the device nothing.

    Raises:
        RuntimeError: it cannot be recorded.
    """
    current = torch.cuda.current_stream()
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]  # has no types
    side.wait_stream(current)
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            compute()
    current.wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = compute()
    return graph.replay, found


class Replay:
    """Forces by a recording; raises what the recorder raises.

    Args:
        compute: forces from positions.
        like: positions.
        record: makes the recording.
    """

    def __init__(
        self,
        compute: Callable[[Tensor], Tensor],
        like: Float[Tensor, "atoms 3"],
        record: Recorder,
    ) -> None:
        self.place = like.detach().clone()
        self.again, self.found = record(lambda: compute(self.place))

    def __call__(self, positions: Float[Tensor, "atoms 3"]) -> Float[Tensor, "atoms 3"]:
        """Forces at these positions."""
        self.place.copy_(positions)
        self.again()
        return self.found.clone()


class Replays:
    """Decides when to record and whether the recording still holds.

    Args:
        record: makes recordings; None for a device that has none.
    """

    def __init__(self, record: Recorder | None) -> None:
        self.record = record
        self.replay: Replay | None = None
        self._held: object = None
        self._inference = False
        self._seen = 0

    def evaluated(
        self,
        compute: Callable[[Tensor], Tensor],
        positions: Float[Tensor, "atoms 3"],
        held: object,
    ) -> Float[Tensor, "atoms 3"]:
        """Forces, replayed where that is possible.

        Args:
            compute: forces from positions.
            positions: Å.
            held: what the recording depends on besides; another object ends it.
        """
        record = self.record
        if record is None or torch.is_grad_enabled() or len(positions) > LARGEST:
            return compute(positions)
        inference = torch.is_inference_mode_enabled()
        if held is not self._held or inference != self._inference:
            # The old recording's memory goes before the new one asks for its own.
            self.replay, self._seen = None, 0
            self._held, self._inference = held, inference
        if self.replay is not None:
            return self.replay(positions)
        self._seen += 1
        if self._seen == RECORD_AT:
            self.replay = _checked(compute, positions, record)
            if self.replay is None:
                self.record = None
        return compute(positions)


def _checked(
    compute: Callable[[Tensor], Tensor],
    positions: Float[Tensor, "atoms 3"],
    record: Recorder,
) -> Replay | None:
    """A recording that gives the forces of the computation, or none."""
    try:
        replay = Replay(compute, positions, record)
    except RuntimeError as error:
        _log.info("Evaluations are not recorded on this device: %s", error)
        return None
    for place in (positions + NUDGE, positions):
        expected = compute(place)
        limit = TOLERANCE * float(expected.abs().max())
        if not bool(((replay(place) - expected).abs() <= limit).all()):
            _log.warning("A recording of evaluations gave other forces: not used.")
            return None
    return replay
