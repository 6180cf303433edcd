"""SIGTERM, as schedulers and `kill` send it, ends work as Ctrl-C does."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_term() -> Iterator[None]:
    """During the block, SIGTERM raises KeyboardInterrupt: nothing is left over."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
