"""What one epoch gave, and whether it is the best."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class EpochResult:
    """What one pass over the training complexes gave."""

    epoch: int  # 0: untrained
    stage: Literal["untrained", "pull", "rollout"]
    loss: float | None  # mean over batches
    learning_rate: float  # at the end of it
    validation_skill: float | None = None  # None: not validated after this epoch
    validation_mae: float | None = None  # Å
    skipped: tuple[str, ...] = ()  # complexes whose loss was no finite number
    seconds: float  # since the start, earlier runs of a resumed training included


def score(result: EpochResult, keep: str) -> float | None:
    """What the best epoch is chosen by, more is better; None: not known, or no number.

    `last` takes later for better, `loss` the training loss.
    """
    by_loss = None if result.loss is None else -result.loss
    by_mae = None if result.validation_mae is None else -result.validation_mae
    value = {
        "skill": result.validation_skill,
        "mae": by_mae,
        "loss": by_loss,
        "last": float(result.epoch),
    }[keep]
    return value if value is not None and math.isfinite(value) else None


def is_better(new: EpochResult, old: EpochResult | None, keep: str) -> bool:
    """True for the first with a finite score, and for one with a better."""
    now = score(new, keep)
    before = None if old is None else score(old, keep)
    return now is not None and (before is None or now > before)
