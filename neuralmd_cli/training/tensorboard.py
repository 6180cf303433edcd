"""Metrics for TensorBoard, where it is installed."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from neuralmd_cli.errors import InputError
from neuralmd_cli.training.epoch import EpochResult

SCALARS = ("loss", "learning_rate", "validation_skill", "validation_mae")


@contextmanager
def tensorboard_log(folder: Path) -> Iterator[Callable[[EpochResult], None]]:
    """A function that logs an epoch to event files in the folder.

    Raises:
        InputError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError(
            "--tensorboard: TensorBoard is not installed.",
            hint="pip install 'neuralmd[tensorboard]', or leave the option out: "
            "metrics.jsonl has the same numbers.",
        ) from None
    writer = SummaryWriter(str(folder))

    def log(result: EpochResult) -> None:
        for name in SCALARS:
            value = getattr(result, name)
            if value is not None and math.isfinite(value):
                writer.add_scalar(name, value, result.epoch)
        writer.flush()

    try:
        yield log
    finally:
        writer.close()
