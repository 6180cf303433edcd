"""Rollouts of many complexes at once, of which one may break down alone."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.benchmark.cases import Case
from neuralmd_cli.benchmark.protocol import Protocol
from neuralmd_cli.complex import collate
from neuralmd_cli.device import forget_freed
from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.errors import InputError, NeuralMDError
from neuralmd_cli.models.system import Settings, Start, System, TrainableSystem

BATCH_COMPLEXES = 16
BATCH_ATOMS = 8_000
"""Ligand and backbone atoms of a batch at most; one complex may have more."""
FARTHEST = 10_000.0
"""Å an atom may move before a rollout counts as broken down.

Far more than in `simulate`: the paper prints errors of 100 Å, and a straight line gets
there, so these are scores and not failures.
"""
_BREAKDOWNS = (
    NeuralMDError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RuntimeError,
)
"""Solvers assert that their step has not vanished; memory runs out as RuntimeError."""
Future = Literal["recorded", "pocket"]


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """What a system predicted for one complex, or why it has no prediction."""

    positions: Float[Tensor, "times atoms 3"] | None  # Å, in the case's coordinates
    failure: str
    seconds: float  # its share of the batch's


def settings_for(system: System, protocol: Protocol, chosen: Settings) -> Settings:
    """What a user chose and the protocol gives, as far as the system has it.

    Weights of the published convention take the velocity from two snapshots where the
    protocol shows two; all others start as they do for a user who chooses nothing.

    Raises:
        InputError: the system's weights do not allow what was chosen.
    """
    own = {k: v for k, v in chosen.chosen().items() if k in system.adjustable}
    settled = system.settled(Settings(**own))
    published = isinstance(system, TrainableSystem) and (
        getattr(system.config, "time_convention", None) == "published"
    )
    kept = "v0" in own or settled.v0 == "learned" or "v0" not in system.adjustable
    if kept or not published or not protocol.has_displacement:
        return settled
    return system.settled(Settings(**{**own, "v0": "displacement"}))


def batches(cases: Sequence[Case], largest: int) -> list[list[Case]]:
    """Cases with the same times, of like size, as many as memory is meant for."""
    ordered = sorted(cases, key=lambda x: (x.spacing_ps, x.n_times, _size(x), x.name))
    found: list[list[Case]] = []
    for case in ordered:
        last = found[-1] if found else []
        fits = (
            0 < len(last) < largest
            and last[0].times == case.times
            and sum(map(_size, last)) + _size(case) <= BATCH_ATOMS
        )
        if fits:
            last.append(case)
        else:
            found.append([case])
    return found


def _size(case: Case) -> int:
    return case.complex.ligand.n_atoms + 3 * case.complex.protein.n_residues


def roll_out(
    system: System,
    cases: Sequence[Case],
    protocol: Protocol,
    settings: Settings,
    *,
    seed: int,
    future: Future = "pocket",
    device: torch.device,
) -> list[Rollout]:
    """Predict one batch; where it breaks down as a whole, its halves.

    Args:
        system: on the device, in eval mode.
        cases: with the same times.
        protocol: they were cut by.
        settings: from `settings_for`.
        seed: of every draw; a complex draws the same in any batch.
        future: which targets an oracle is shown.
        device: where to compute.
    """
    started = time.perf_counter()
    failure = ""
    try:
        start = _start(system, cases, seed, future, device)
        frames, broken = _watched(system, start, cases, protocol, settings)
    except _BREAKDOWNS as error:
        text = error.message if isinstance(error, NeuralMDError) else str(error)
        failure = text or type(error).__name__
    # Here the error is gone, and with it what its traceback held on to: a batch may
    # have been too large for the memory of the device.
    if failure and len(cases) == 1:
        spent = time.perf_counter() - started
        return [Rollout(positions=None, failure=failure, seconds=spent)]
    if failure:
        forget_freed(device)
        half = (len(cases) + 1) // 2
        return [
            rollout
            for part in (cases[:half], cases[half:])
            for rollout in roll_out(
                system,
                part,
                protocol,
                settings,
                seed=seed,
                future=future,
                device=device,
            )
        ]
    share = (time.perf_counter() - started) / len(cases)
    rows = torch.split(frames, [x.complex.ligand.n_atoms for x in cases], dim=1)
    return [
        Rollout(positions=None if why else row, failure=why, seconds=share)
        for row, why in zip(rows, broken, strict=True)
    ]


def _start(
    system: System,
    cases: Sequence[Case],
    seed: int,
    future: Future,
    device: torch.device,
) -> Start:
    """All that the system may know of these complexes, and nothing more.

    Raises:
        InputError: a complex whose bond orders the system needs has none.
    """
    if system.name == "relaxed":
        for case in cases:
            if case.molecule is None and case.no_molecule:
                raise InputError(case.no_molecule)
    displacements = [x.displacement for x in cases if x.displacement is not None]

    def sent(parts: Sequence[Tensor], dim: int) -> Tensor:
        return torch.cat(list(parts), dim=dim).to(device, system.dtype)

    targets = None
    if system.oracle and future == "recorded":
        targets = sent([x.to_recorded.inverse.of(x.recorded) for x in cases], 1)
    elif system.oracle:
        targets = sent([x.to_pocket.inverse.of(x.in_pocket) for x in cases], 1)
    return Start(
        batch=collate([x.complex.to(device, system.dtype) for x in cases]),
        generators=[_generator(seed, x.name) for x in cases],
        displacement=sent(displacements, 0) if displacements else None,
        spacing_ps=cases[0].spacing_ps if displacements else None,
        observed=sent([x.observed for x in cases], 1),
        molecules=[x.molecule for x in cases],
        future=targets,
    )


def _generator(seed: int, name: str) -> torch.Generator:
    """Random numbers of their own for each complex, the same on every machine."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)


def _watched(
    system: System,
    start: Start,
    cases: Sequence[Case],
    protocol: Protocol,
    settings: Settings,
) -> tuple[Float[Tensor, "times atoms 3"], list[str]]:
    """Positions on the CPU, and of each complex why they mean nothing, if so."""
    times = cases[0].times
    broken = [""] * len(cases)
    frames = []
    with torch.no_grad():
        for time_ps, (_, positions) in zip(
            times, _states(system, start, times, protocol, settings), strict=True
        ):
            # Written so that NaN fails as well.
            near = (positions - start.batch.positions).abs().amax(dim=1) < FARTHEST
            if not bool(near.all()):
                far = set(start.batch.atom_complex[~near].tolist())
                for index in sorted(far):
                    broken[index] = broken[index] or (
                        f"at {time_ps:g} ps an atom is more than {FARTHEST:g} Å from "
                        "its start, or nowhere"
                    )
                if all(broken):
                    return positions.new_zeros(len(times), *positions.shape), broken
            frames.append(positions.cpu())
    return torch.stack(frames), broken


def _states(
    system: System,
    start: Start,
    times: Sequence[float],
    protocol: Protocol,
    settings: Settings,
) -> Iterator[State]:
    """One rollout; or, where the protocol says so, one for each snapshot."""
    if not (protocol.restart and "v0" in system.adjustable):
        yield from system.rollout(start, times, settings)
        return
    for _ in times:
        (state,) = system.rollout(start, times[:1], settings)
        positions = state[1]
        before = start.batch.positions
        start = replace(
            start,
            batch=replace(start.batch, positions=positions),
            displacement=positions - before,
            observed=torch.stack([before, positions]),
        )
        yield state
