"""The first step of a fine-tuning: where the ligand settles in its own pocket.

What tells one complex from all others the push of a pocket can learn in closed form, by
the regression that made the bundled weights. Gradient steps of a usual size would take
thousands to change these weights, which are large.
"""

from copy import deepcopy

import torch

from neuralmd_cli.complex import collate
from neuralmd_cli.models.pocket.pocket import Pocket
from neuralmd_cli.models.pocket.refit import Ways, ways
from neuralmd_cli.models.system import Start, TrainableSystem
from neuralmd_cli.recording import Recording
from neuralmd_cli.training.data import Parts

RIDGES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Tried; the validation part says which, or that the weights stay as they were."""
STARTS = 16
"""Snapshots that are fitted from, evenly spaced."""
VALIDATION_STARTS = 5
GAP = 2
"""Snapshots next to a start that are not in its mean: they know too much."""


def refitted(model: TrainableSystem, parts: Parts) -> tuple[TrainableSystem, bool]:
    """A copy of a model whose push is fitted to one trajectory, if that helps.

    Args:
        model: with a pocket; without one it stays as it is.
        parts: of one trajectory, its ligand with bond orders, snapshots superposed.

    Returns:
        The model, and whether anything was changed.
    """
    pocket = getattr(model, "pocket", None)
    if not isinstance(pocket, Pocket) or not parts.validation:
        return model, False
    train = _ways(pocket, parts.train[0], STARTS, later=False)
    judged = _ways(pocket, parts.validation[0], VALIDATION_STARTS, later=True)
    before = pocket.weights.detach()
    tried = [before.double(), *(train.weights(before, x) for x in RIDGES)]
    errors = [judged.error(x, pocket.config.farthest) for x in tried]
    best = min(range(len(tried)), key=errors.__getitem__)
    if not best:
        return model, False
    new = deepcopy(model)
    changed = new.get_parameter("pocket.weights")
    with torch.no_grad():
        changed.copy_(tried[best])
    return new, True


def _ways(pocket: Pocket, recording: Recording, count: int, *, later: bool) -> Ways:
    """Ways from evenly spaced snapshots to the mean of others.

    Args:
        pocket: of the model.
        recording: of one complex.
        count: starts at most.
        later: only snapshots after a start are in its mean, as in a prediction.
    """
    n = recording.n_frames
    last = n - 1 - GAP if later else n - 1
    starts = sorted({round(k * last / max(count - 1, 1)) for k in range(count)})
    frames = torch.arange(n)
    moved, means = [], []
    for first in starts:
        complex_, centre = recording.complex_at(first).centred()
        off = frames - first if later else (frames - first).abs()
        moved.append(complex_)
        means.append(recording.positions[off >= GAP].double().mean(dim=0) - centre)
    start = Start(
        batch=collate(moved),
        generators=[torch.Generator() for _ in moved],
        molecules=[recording.molecule] * len(moved),
    )
    return ways(pocket, start, means)
