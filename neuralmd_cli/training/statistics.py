"""What the training part of a data set says about motion as a whole."""

from collections.abc import Iterable
from statistics import mode

import torch

from neuralmd_cli.models.system import Statistics
from neuralmd_cli.recording import Recording


def statistics(recordings: Iterable[Recording]) -> Statistics:
    """What the training part says about motion as a whole.

    Every recording counts alike, whatever its size or length; each is read once.
    """
    about_mean, steps, energies, spacings = [], [], [], []
    elements: set[int] = set()
    for recording in recordings:
        x = recording.positions
        about_mean.append((x - x.mean(dim=0)).square().mean())
        steps.append(x.diff(dim=0).square().mean())
        spacings.append(recording.spacing_ps)
        elements.update(recording.atomic_numbers.tolist())
        if recording.interaction_energies is not None:
            energies.append(recording.interaction_energies)
    every = torch.cat(energies) if energies else None
    return Statistics(
        elements=tuple(sorted(elements)),
        fluctuation=float(torch.stack(about_mean).mean().sqrt()),
        displacement=float(torch.stack(steps).mean().sqrt()),
        spacing_ps=mode(spacings),
        energy_mean=None if every is None else float(every.mean()),
        energy_deviation=None if every is None else float(every.std()),
    )
