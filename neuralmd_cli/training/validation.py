"""The validation part, scored as a user would use the model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch

from neuralmd_cli.benchmark.starts import l1_error
from neuralmd_cli.complex import collate
from neuralmd_cli.errors import TrainingError
from neuralmd_cli.models.system import Settings, Start, TrainableSystem
from neuralmd_cli.recording import Recording
from neuralmd_cli.training.group import Group
from neuralmd_cli.training.recipe import Recipe
from neuralmd_cli.training.windows import Place, displacement_at, earliest_start


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Means over complexes."""

    skill: float  # 0: a ligand that never moves; 1: the reference's own mean pose
    mae: float  # Å, L1 distance per atom


def validate(
    model: TrainableSystem,
    recordings: Sequence[Recording],
    starts: Sequence[int],
    recipe: Recipe,
    place: Place,
    group: Group,
) -> Validation:
    """Roll out to the end of each recording and score all later snapshots.

    The protein is that of the snapshot a rollout starts from. The complexes are shared
    among the processes of the group.

    Args:
        model: in eval mode.
        recordings: at least one.
        starts: snapshots to start from; those too late in a recording are left out.
        recipe: says what a start comes with.
        place: where to compute.
        group: the processes.
    """
    own = [
        (index, *_scores(model, recordings[index], starts, recipe, place))
        for index in range(group.rank, len(recordings), group.size)
    ]
    every = sorted(row for part in group.gathered(own) for row in part)
    return Validation(
        skill=fmean(skill for _, skill, _ in every),
        mae=fmean(mae for _, _, mae in every),
    )


def usable_starts(
    recording: Recording, starts: Sequence[int], recipe: Recipe
) -> list[int]:
    """The snapshots to start from that leave one to score.

    Raises:
        TrainingError: there is none.
    """
    earliest = earliest_start(recipe)
    usable = sorted({max(x, earliest) for x in starts if x < recording.n_frames - 1})
    if not usable:
        raise TrainingError(
            f"{recording.name} has {recording.n_frames} snapshots: validation can "
            f"start from none of {', '.join(map(str, starts))}.",
            hint="Set earlier ones with --set validation_starts=0,10.",
        )
    return usable


def _scores(
    model: TrainableSystem,
    recording: Recording,
    starts: Sequence[int],
    recipe: Recipe,
    place: Place,
) -> tuple[float, float]:
    """Mean skill and error over the starts; infinitely bad if it diverges."""
    starts = usable_starts(recording, starts, recipe)
    at_start = [recording.complex_at(s).to(place.device, place.dtype) for s in starts]
    moved, centres = zip(*(x.centred() for x in at_start), strict=True)
    displacement = None
    if recipe.needs_displacement:
        steps = [displacement_at(recording, s, recipe) for s in starts]
        displacement = torch.cat(steps).to(place.device, place.dtype)
    start = Start(
        batch=collate(moved),
        generators=[torch.Generator().manual_seed(s) for s in starts],
        displacement=displacement,
        spacing_ps=recording.spacing_ps,
        molecules=[recording.molecule] * len(starts),
    )
    # As a user gets it, except where the weights need a second snapshot.
    rule = recipe.velocity_rules[0] if recipe.needs_displacement else None
    span = recording.n_frames - 1 - min(starts)
    times = [k * recording.spacing_ps for k in range(1, span + 1)]
    # Among springs the swing is not what is learned, and one draw of it hides what is.
    still = model.sees_pocket and "temperature_k" in model.adjustable
    with torch.no_grad():
        settled = model.settled(Settings(v0=rule, temperature_k=0.0 if still else None))
        states = list(model.rollout(start, times, settled))
    predicted = torch.stack([x for _, x in states])
    predicted = predicted.reshape(span, len(starts), -1, 3)
    skills, errors = [], []
    for index, first in enumerate(starts):
        x = recording.positions
        target = x[first + 1 :]
        ours = (predicted[: len(target), index] + centres[index]).to(x)
        error = l1_error(ours, target)
        frozen = l1_error(x[first].expand_as(target), target)
        mean_pose = l1_error(target.mean(dim=0).expand_as(target), target)
        skills.append((frozen - error) / (frozen - mean_pose))
        errors.append(error)
    skill, error = fmean(skills), fmean(errors)
    return (skill if math.isfinite(skill) else -math.inf), (
        error if math.isfinite(error) else math.inf
    )
