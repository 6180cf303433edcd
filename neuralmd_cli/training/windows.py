"""Which snapshots a batch is made of: starts, targets, and all that is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.complex import Complex, Protein, collate
from neuralmd_cli.errors import TrainingError
from neuralmd_cli.graph import rigid_pairs
from neuralmd_cli.models.system import Start, Window
from neuralmd_cli.recording import Recording
from neuralmd_cli.training.recipe import Recipe

LARGEST_SEED = 2**62


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One window of one recording: where it starts, and how far off its pose."""

    recording: Recording
    start: int  # snapshot
    noise: Float[Tensor, "atoms 3"] | None  # Å; added to the start's positions
    generator: torch.Generator  # of what the system draws


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to compute, and in which precision."""

    device: torch.device
    dtype: torch.dtype


def window_times(
    recipe: Recipe, step_ps: float, spacing_ps: float, generator: torch.Generator
) -> tuple[float, ...]:
    """Times (ps) a batch's rollouts are compared at.

    Args:
        recipe: how long, and in which unit.
        step_ps: the model's own step.
        spacing_ps: between snapshots.
        generator: draws a random length where the recipe asks for one.
    """
    unit = step_ps if recipe.window_unit == "steps" else spacing_ps
    ps = recipe.window_unit == "ps"
    count = max(1, int(recipe.window / unit)) if ps else int(recipe.window)
    if recipe.random_length:
        count = int(torch.randint(1, count + 1, (), generator=generator))
    return tuple(unit * k for k in range(1, count + 1))


def streams(
    recipe: Recipe, complexes: int, generator: torch.Generator
) -> tuple[list[torch.Generator], torch.Generator]:
    """The generators of a batch: one per complex, and one for what they share.

    `shared`: all are the given one, so what a complex draws depends on those before
    it. `each`: every complex has its own, so that it can be drawn in any process.
    """
    if recipe.streams == "shared":
        return [generator] * complexes, generator
    seeds = torch.randint(LARGEST_SEED, (complexes + 1,), generator=generator).tolist()
    own = [torch.Generator().manual_seed(x) for x in seeds]
    return own[:-1], own[-1]


def draw(
    recording: Recording,
    recipe: Recipe,
    times: Sequence[float],
    generator: torch.Generator,
) -> Drawn:
    """Draw a start and its noise.

    Raises:
        TrainingError: the recording is shorter than the window.
    """
    earliest = earliest_start(recipe)
    last = recording.n_frames - 1 - int(times[-1] / recording.spacing_ps)
    if last < earliest:
        raise TrainingError(
            f"{recording.name} has {recording.n_frames} snapshots, "
            f"{recording.spacing_ps:g} ps apart; a window takes {times[-1]:g} ps.",
            hint="Leave it out of the split, or shorten --set window.",
        )
    start = earliest
    if recipe.starts == "random":
        start += int(torch.randint(last - earliest + 1, (), generator=generator))
    noise = None
    if recipe.start_noise:
        # A clean pose is then worth predicting.
        shape = recording.positions[start].shape
        noise = recipe.start_noise * torch.randn(shape, generator=generator)
    return Drawn(recording=recording, start=start, noise=noise, generator=generator)


def earliest_start(recipe: Recipe) -> int:
    """The first snapshot to start from: one with what the velocity rules ask for."""
    return int(recipe.needs_displacement and recipe.displacement == "previous")


def make_window(
    drawn: Sequence[Drawn], recipe: Recipe, times: Sequence[float], place: Place
) -> Window:
    """The batch of these windows; every target is later than its start."""
    complexes, targets = [], []
    shared: dict[int, tuple[Protein, Tensor]] = {}
    for one in drawn:
        complex_, centre = _complex(one, recipe, shared)
        complexes.append(complex_)
        half = recipe.target_window_ps / 2 / one.recording.spacing_ps
        targets.append(
            torch.stack(
                [_mean_around(one.recording, one.start, t, half) for t in times]
            )
            - centre
        )
    batch = collate(_sent(complexes, place))
    displacement = None
    if recipe.needs_displacement:
        spacing = drawn[0].recording.spacing_ps
        steps = [
            displacement_at(x.recording, x.start, recipe)
            * (spacing / x.recording.spacing_ps)
            for x in drawn
        ]
        displacement = torch.cat(steps).to(place.device, place.dtype)
    return Window(
        start=Start(
            batch=batch,
            generators=[x.generator for x in drawn],
            displacement=displacement,
            spacing_ps=drawn[0].recording.spacing_ps,
            molecules=[x.recording.molecule for x in drawn],
        ),
        targets=torch.cat(targets, dim=1).to(place.device, place.dtype),
        times=tuple(times),
        rigid_pairs=rigid_pairs(batch.bonds, len(batch.positions)),
        energies=_energies(drawn, place),
    )


def displacement_at(
    recording: Recording, start: int, recipe: Recipe
) -> Float[Tensor, "atoms 3"]:
    """How far the ligand moves in one snapshot at the start, Å.

    From the snapshot before it, or, as the paper has it from snapshot 0, to the one
    after it, which is then known beforehand.
    """
    x = recording.positions
    if recipe.displacement == "next":
        start = start + 1
    step: Tensor = x[start] - x[start - 1]
    return step


def _complex(
    one: Drawn, recipe: Recipe, shared: dict[int, tuple[Protein, Tensor]]
) -> tuple[Complex, Float[Tensor, "3"]]:
    """The complex a window starts from, centred, and where its centre was."""
    if recipe.protein == "start":
        complex_, centre = one.recording.complex_at(one.start).centred()
    else:
        # Every window of a recording has the very same protein, centre included, so
        # that it is encoded once.
        first = one.recording.complex_at(0)
        if id(one.recording) not in shared:
            centred, centre = first.centred()
            shared[id(one.recording)] = (centred.protein, centre)
        protein, centre = shared[id(one.recording)]
        x = one.recording.positions[one.start] - centre
        complex_ = Complex(ligand=replace(first.ligand, positions=x), protein=protein)
    if one.noise is None:
        return complex_, centre
    shaken = complex_.ligand.positions + one.noise
    return replace(complex_, ligand=replace(complex_.ligand, positions=shaken)), centre


def _sent(complexes: Sequence[Complex], place: Place) -> list[Complex]:
    """The complexes on the device; those that share a protein go on sharing it."""
    proteins: dict[int, Protein] = {}
    sent = []
    for one in complexes:
        moved = one.to(place.device, place.dtype)
        protein = proteins.setdefault(id(one.protein), moved.protein)
        sent.append(replace(moved, protein=protein))
    return sent


def _mean_around(
    recording: Recording, start: int, time_ps: float, half: float
) -> Float[Tensor, "atoms 3"]:
    """Mean of the snapshots around a time after the start, the start left out."""
    middle = start + time_ps / recording.spacing_ps
    first = max(round(middle - half), start + 1)
    last = max(round(middle + half), first)
    return recording.positions[first : last + 1].mean(dim=0)


def _energies(
    drawn: Sequence[Drawn], place: Place
) -> Float[Tensor, " complexes"] | None:
    known = [
        x.recording.interaction_energies[x.start]
        for x in drawn
        if x.recording.interaction_energies is not None
    ]
    if len(known) < len(drawn):
        return None
    return torch.stack(known).to(place.device, place.dtype)
