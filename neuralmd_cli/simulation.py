"""A complex and a model in, trajectories out."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.complex import Complex, collate
from neuralmd_cli.dataset.own.observed import Observed
from neuralmd_cli.device import forget_freed, is_out_of_memory
from neuralmd_cli.errors import InputError, SimulationError
from neuralmd_cli.models.system import Settings, Start, System
from neuralmd_cli.sanity import Watch
from neuralmd_cli.trajectory import BLOCK, Broken, Trajectory
from neuralmd_cli.units import PS_PER_NS

MOST_SNAPSHOTS = 1_000_000
"""More are rather a slip in a unit than a wish."""

Taker = Callable[[Trajectory], None]
"""Is handed the snapshots of one replica in order, a block of them at a time."""


def snapshot_times(ns: float, interval_ps: float) -> list[float]:
    """Times (ps) of the snapshots after the start: one per interval, the last <= ns.

    Raises:
        InputError: a length or interval that is not a positive number, an interval
            longer than the simulation, or more snapshots than can be kept.
    """
    for name, value in (("--ns", ns), ("--interval-ps", interval_ps)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"{name} must be a positive number, not {value:g}.")
    # A share of a millionth forgives decimals that binary numbers cannot hold.
    ratio = ns * (PS_PER_NS / interval_ps) * (1 + 1e-6)
    if ratio > MOST_SNAPSHOTS:
        raise InputError(
            f"{ns:g} ns with a snapshot every {interval_ps:g} ps are {ratio:.3g} "
            f"snapshots; {MOST_SNAPSHOTS:,} can be kept.",
            hint="Ask for fewer snapshots with --interval-ps, or a shorter --ns.",
        )
    count = int(ratio)
    if count < 1:
        raise InputError(
            f"{ns:g} ns is shorter than the {interval_ps:g} ps between snapshots, so "
            "there would be none.",
            hint="Ask for more with --ns, or for finer snapshots with --interval-ps.",
        )
    return [k * interval_ps for k in range(1, count + 1)]


def replica_seeds(seed: int, replicas: int) -> list[int]:
    """Independent seeds of each replica; the first k do not depend on how many."""
    return [
        int(np.random.SeedSequence((seed, k)).generate_state(1, np.uint64)[0] >> 1)
        for k in range(replicas)
    ]


def simulate(
    complex_: Complex,
    system: System,
    *,
    times: Sequence[float],
    settings: Settings | None = None,
    seed: int = 0,
    replicas: int = 1,
    molecule: Chem.Mol | None = None,
    device: torch.device,
    on_snapshot: Callable[[int], None] = lambda done: None,
) -> list[Trajectory]:
    """Predict how the ligand moves, and keep all of it; see `simulate_into`.

    Args:
        replicas: how many runs.

    Returns:
        One trajectory per replica; the start itself is not among its frames. One that
        broke down ends before the snapshot in which it did, and says why.
    """
    kept: list[list[Trajectory]] = [[] for _ in range(replicas)]
    broken = simulate_into(
        [x.append for x in kept],
        complex_,
        system,
        times=times,
        settings=settings,
        seed=seed,
        molecule=molecule,
        device=device,
        on_snapshot=on_snapshot,
    )
    return [joined(x, why) for x, why in zip(kept, broken, strict=True)]


def simulate_into(
    takers: Sequence[Taker],
    complex_: Complex,
    system: System,
    *,
    times: Sequence[float],
    settings: Settings | None = None,
    seed: int = 0,
    molecule: Chem.Mol | None = None,
    observed: Observed | None = None,
    device: torch.device,
    on_snapshot: Callable[[int], None] = lambda done: None,
) -> list[Broken | None]:
    """Predict how the ligand moves; the protein stays where it is. Nothing is kept.

    Replicas run as one batch and differ by what is drawn; those that do not fit into
    memory at once run one half after the other. The system works around the centre of
    this one structure; results are in the coordinates of the files.

    Args:
        takers: one for each replica.
        complex_: ligand and protein at the start.
        system: in eval mode.
        times: of the snapshots, ps.
        settings: what the user chose.
        seed: of every random draw.
        molecule: the ligand with its bond orders, for the systems that ask.
        observed: snapshots that came before; the last is the complex's.
        device: where to compute.
        on_snapshot: told how many snapshots are done.

    Returns:
        Of each replica, why it ended before its time, if it did.

    Raises:
        SimulationError: a replica broke down in its first snapshot.
        InputError: a setting that the system does not have.
    """
    settled = system.settled(settings or Settings())
    system = system.to(device)
    moved, centre = complex_.centred()
    own_seeds = replica_seeds(seed, len(takers))
    waiting = deque([range(len(takers))])
    ends: list[Broken | None] = []
    handed_on = 0

    def in_files(take: Taker) -> Taker:
        def taken(block: Trajectory) -> None:
            nonlocal handed_on
            handed_on += 1
            take(replace(block, positions=block.positions + centre))

        return taken

    while waiting:
        group = waiting.popleft()
        before = handed_on
        try:
            (broken,) = _roll(
                [moved.to(device, system.dtype)],
                system,
                times=times,
                settings=settled,
                seeds=[[own_seeds[k] for k in group]],
                takers=[[in_files(takers[k]) for k in group]],
                molecules=None if molecule is None else [molecule],
                observed=None if observed is None else _around(observed, centre),
                on_snapshot=_counted(
                    on_snapshot, len(ends), group, len(takers), len(times)
                ),
            )
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            at_once = _broken_at_once(broken)
            if at_once is not None:
                raise at_once
            ends += broken
            continue
        # Here the error is gone, and with it what its traceback held on to.
        if len(group) == 1 or handed_on > before:
            raise SimulationError(
                "The simulation does not fit into the memory of the device.",
                hint="Take fewer --replicas, another --device, or a smaller protein.",
            )
        forget_freed(device)
        half = (len(group) + 1) // 2
        waiting.extendleft([group[half:], group[:half]])
    return ends


def _around(observed: Observed, centre: Tensor) -> Observed:
    return replace(observed, positions=observed.positions - centre)


def _counted(
    on_snapshot: Callable[[int], None],
    before: int,
    group: range,
    replicas: int,
    snapshots: int,
) -> Callable[[int], None]:
    """Tell of a group of replicas what is done of all of them.

    Args:
        on_snapshot: to be told.
        before: replicas that are done.
        group: of those at work.
        replicas, snapshots: in all.
    """

    def tell(done: int) -> None:
        on_snapshot((before * snapshots + len(group) * done) // replicas)

    return tell


def simulate_each(
    complexes: Sequence[Complex],
    system: System,
    *,
    times: Sequence[float],
    settings: Settings,
    seeds: Sequence[Sequence[int]],
    molecules: Sequence[Chem.Mol] | None = None,
    on_snapshot: Callable[[int], None] = lambda done: None,
) -> list[list[Trajectory] | SimulationError]:
    """Simulate several complexes as one batch; each may break down alone.

    A complex draws from its own seeds, so its draws do not depend on what else is in
    the batch. Complexes that share one `Protein` object have it encoded once.

    Args:
        complexes: near their origin, on the device of the system, in its precision.
        system: in eval mode.
        times: of the snapshots, ps.
        settings: what `System.settled` returned.
        seeds: of each replica of each complex, as many for every complex.
        molecules: the ligands with their bond orders, for the systems that ask.
        on_snapshot: told how many snapshots are done.

    Returns:
        Of each complex one trajectory per replica, on the CPU, or why there is none.
        A replica that breaks down ends with the snapshot before (see `sanity`).

    Raises:
        InputError: a setting that the system does not have.
    """
    kept: list[list[list[Trajectory]]] = [[[] for _ in own] for own in seeds]
    found = _roll(
        complexes,
        system,
        times=times,
        settings=settings,
        seeds=seeds,
        takers=[[x.append for x in own] for own in kept],
        molecules=molecules,
        on_snapshot=on_snapshot,
    )
    return [
        _broken_at_once(broken)
        or [joined(x, why) for x, why in zip(own, broken, strict=True)]
        for own, broken in zip(kept, found, strict=True)
    ]


def _roll(
    complexes: Sequence[Complex],
    system: System,
    *,
    times: Sequence[float],
    settings: Settings,
    seeds: Sequence[Sequence[int]],
    takers: Sequence[Sequence[Taker]],
    molecules: Sequence[Chem.Mol] | None,
    observed: Observed | None = None,
    on_snapshot: Callable[[int], None],
) -> list[list[Broken | None]]:
    """`simulate_each`, handing on a block of snapshots as soon as there is one.

    Args:
        takers: of each replica of each complex.
        observed: of a single complex, around the same origin.

    Returns:
        Of each replica of each complex, why it ended before its time, if it did.
    """
    replicas = len(seeds[0])
    seen = None
    if observed is not None:
        like = complexes[0].ligand.positions
        seen = observed.positions.to(like).repeat(1, replicas, 1)
    start = Start(
        batch=collate([x for x in complexes for _ in range(replicas)]),
        generators=[torch.Generator().manual_seed(s) for own in seeds for s in own],
        displacement=None if seen is None else seen[-1] - seen[-2],
        spacing_ps=None if observed is None else observed.spacing_ps,
        observed=seen,
        molecules=None
        if molecules is None
        else [x for x in molecules for _ in range(replicas)],
    )
    cpu, free = torch.device("cpu"), settings.keep_shape is False
    watches = [
        Watch(x.to(cpu, torch.float32), replicas, free_shape=free) for x in complexes
    ]
    rows = [x.ligand.n_atoms for x in complexes for _ in range(replicas)]
    block: list[tuple[Tensor, Tensor]] = []
    with torch.no_grad():
        states = system.rollout(start, times, settings)
        for done, (velocities, positions) in enumerate(states, start=1):
            block.append((velocities.cpu(), positions.cpu()))
            parts = torch.split(block[-1][1], rows)
            for k, watch in enumerate(watches):
                seen = torch.stack(parts[k * replicas : (k + 1) * replicas])
                watch.look(seen, done, times[done - 1])
            over = all(x.is_over for x in watches)
            if over or len(block) == BLOCK or done == len(times):
                _hand_on(block, times[done - len(block) : done], rows, watches, takers)
                block = []
            if over:
                break
            on_snapshot(done)
    return [x.broken for x in watches]


def _hand_on(
    block: Sequence[tuple[Tensor, Tensor]],
    times: Sequence[float],
    rows: list[int],
    watches: Sequence[Watch],
    takers: Sequence[Sequence[Taker]],
) -> None:
    """Give each replica's part of a block to its taker, up to where it broke down."""
    moving = torch.split(torch.stack([v for v, _ in block]), rows, dim=1)
    placed = torch.split(torch.stack([x for _, x in block]), rows, dim=1)
    ends = [x for watch in watches for x in watch.broken]
    every = [x for own in takers for x in own]
    for why, v, x, take in zip(ends, moving, placed, every, strict=True):
        good = [k for k, t in enumerate(times) if why is None or t < why.time_ps]
        if good:
            take(
                Trajectory(
                    times=torch.tensor(times[: len(good)], dtype=torch.float64),
                    positions=x[: len(good)],
                    velocities=v[: len(good)],
                )
            )


def joined(blocks: Sequence[Trajectory], broken: Broken | None) -> Trajectory:
    """One replica, up to the last snapshot before it broke down."""
    return Trajectory(
        times=torch.cat([x.times for x in blocks]),
        positions=torch.cat([x.positions for x in blocks]),
        velocities=torch.cat([x.velocities for x in blocks]),
        broken=broken,
    )


def _broken_at_once(replicas: Sequence[Broken | None]) -> SimulationError | None:
    """What to say where a replica broke down in its first snapshot."""
    found = [x for x in replicas if x is not None and x.snapshot == 1]
    if not found:
        return None
    return SimulationError(
        f"At {found[0].time_ps:g} ps, the first snapshot, {found[0].reason}: the "
        "rollout broke down. Nothing was written.",
        hint="Try a smaller --step-ps, and check the starting pose.",
    )
