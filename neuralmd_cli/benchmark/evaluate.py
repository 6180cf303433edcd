"""Every contender on every case: scores complex by complex, failures kept."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from neuralmd_cli.analysis.published_metrics import PublishedScores, published_scores
from neuralmd_cli.analysis.rmsf import WINDOW, rmsf
from neuralmd_cli.analysis.scores import Obstacles, backbone_atoms, corrected_scores
from neuralmd_cli.benchmark.cases import Case
from neuralmd_cli.benchmark.contenders import Contender
from neuralmd_cli.benchmark.protocol import Protocol
from neuralmd_cli.benchmark.rollout import (
    BATCH_COMPLEXES,
    Rollout,
    batches,
    roll_out,
    settings_for,
)
from neuralmd_cli.benchmark.score import Score
from neuralmd_cli.models.system import Settings
from neuralmd_cli.simulation import replica_seeds


def evaluate(
    contenders: Sequence[Contender],
    cases: Sequence[Case],
    protocol: Protocol,
    *,
    settings: Settings | None = None,
    seeds: Sequence[int] = (0,),
    draws: int = 1,
    largest_batch: int = BATCH_COMPLEXES,
    device: torch.device,
    on_complex: Callable[[str, int], None] = lambda row, done: None,
) -> list[Score]:
    """Score every contender on every case, in the order of both.

    A complex whose rollout breaks down has a score without metrics; the others of its
    batch are not touched by it.

    Args:
        contenders: the baselines among them.
        cases: cut by the protocol.
        protocol: says how a rollout is set up.
        settings: the user's; a system takes what it has of them.
        seeds: of the systems that draw; each is a run of its own.
        draws: runs per seed of the systems that draw.
        largest_batch: complexes rolled out at once, at most.
        device: where to compute.
        on_complex: told the row, and how many rollouts are done in all.

    Raises:
        InputError: a contender's weights do not allow the settings.
    """
    chosen = settings or Settings()
    scores: dict[tuple[int, str, str | None], Score] = {}
    place = {case.name: k for k, case in enumerate(cases)}
    for number, contender in enumerate(contenders):
        system = contender.system.to(device)
        settled = settings_for(system, protocol, chosen)
        random = system.is_random(settled)
        for draw, seed in _draws(seeds, draws) if random else [(None, 0)]:
            for batch in batches(cases, largest_batch):
                rolled = _timed(
                    contender, batch, protocol, settled, seed, device, first=not scores
                )
                for case, rollout, recorded in rolled:
                    score = _score(contender, case, rollout, recorded, draw)
                    scores[number, case.name, draw] = score
                    on_complex(contender.row, len(scores))
    order = sorted(scores, key=lambda key: (key[0], str(key[2]), place[key[1]]))
    return [scores[key] for key in order]


def n_rollouts(
    contenders: Sequence[Contender],
    cases: Sequence[Case],
    protocol: Protocol,
    settings: Settings,
    runs: int,
) -> int:
    """How many rollouts `evaluate` makes, seeds and draws in `runs`.

    Raises:
        InputError: a contender's weights do not allow the settings.
    """
    count = 0
    for contender in contenders:
        settled = settings_for(contender.system, protocol, settings)
        count += runs if contender.system.is_random(settled) else 1
    return count * len(cases)


def _draws(seeds: Sequence[int], draws: int) -> list[tuple[str, int]]:
    """A label and a seed of each run of a system that draws."""
    if draws == 1:
        return [(str(seed), seed) for seed in seeds]
    return [
        (f"{seed}.{k}", own)
        for seed in seeds
        for k, own in enumerate(replica_seeds(seed, draws), start=1)
    ]


def _timed(
    contender: Contender,
    batch: Sequence[Case],
    protocol: Protocol,
    settings: Settings,
    seed: int,
    device: torch.device,
    *,
    first: bool,
) -> Iterator[tuple[Case, Rollout, Rollout]]:
    """A batch's rollouts; an oracle's twice, with the best pose by either definition.

    The second one is for the published metrics, in the coordinates as recorded.
    """

    def run(future: str) -> list[Rollout]:
        return roll_out(
            contender.system,
            batch,
            protocol,
            settings,
            seed=seed,
            future="recorded" if future == "recorded" else "pocket",
            device=device,
        )

    if first and device.type != "cpu":
        run("pocket")  # the first launch on a device is no measure of speed
    seen = run("pocket")
    recorded = run("recorded") if contender.system.oracle else seen
    return zip(batch, seen, recorded, strict=True)


def _score(
    contender: Contender,
    case: Case,
    rollout: Rollout,
    recorded: Rollout,
    draw: str | None,
) -> Score:
    """The metrics of one rollout."""
    system = contender.system
    about: dict[str, Any] = {
        "row": contender.row,
        "model": system.name,
        "weights": contender.weights,
        "training_seed": contender.training_seed,
        "draw": draw,
        "complex": case.name,
        "seconds": rollout.seconds,
    }
    if rollout.positions is None or recorded.positions is None:
        failure = rollout.failure or recorded.failure
        return Score(**about, failure=failure, published=None)
    in_pocket = case.to_pocket.of(rollout.positions)
    return Score(
        **about,
        failure="",
        published=_published(case, case.to_recorded.of(recorded.positions)),
        corrected=_corrected(case, in_pocket),
        rmsf_windows=windows_of(in_pocket),
    )


def _published(case: Case, predicted: Tensor) -> PublishedScores:
    """By the paper's definitions, in the coordinates as recorded."""
    backbone, numbers = backbone_atoms(case.complex.protein)
    return published_scores(
        predicted,
        case.recorded.double(),
        case.complex.ligand.atomic_numbers,
        case.to_recorded.of(backbone),
        numbers,
    )


def _corrected(case: Case, predicted: Tensor) -> dict[str, float]:
    """By ours, from the pocket, without the snapshots that were given away."""
    protein = case.complex.protein
    obstacles = Obstacles(
        positions=case.to_pocket.of(protein.obstacle_positions),
        atomic_numbers=protein.obstacle_numbers,
    )
    target = case.in_pocket.double()
    return corrected_scores(
        predicted[case.known :], target[case.known :], case.complex.ligand, obstacles
    )


def windows_of(positions: Tensor) -> tuple[float, ...]:
    """RMSF (Å) of each window of 5 snapshots; none where there are fewer."""
    if len(positions) < WINDOW:
        return ()
    return tuple(rmsf(positions).per_window.tolist())


def reference_curves(cases: Sequence[Case]) -> dict[str, tuple[float, ...]]:
    """RMSF (Å) of each window of the recordings themselves, by complex."""
    return {x.name: windows_of(x.in_pocket) for x in cases}
