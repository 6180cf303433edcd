"""A complex and a model in, trajectories out."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.complex import Complex, collate
from neuralmd_cli.errors import InputError, SimulationError
from neuralmd_cli.models.system import Settings, Start, System
from neuralmd_cli.sanity import Watch
from neuralmd_cli.trajectory import Broken, Trajectory
from neuralmd_cli.units import PS_PER_NS

MOST_SNAPSHOTS = 1_000_000
"""As many as the memory of a usual machine holds, all being kept until the end."""


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
    """Predict how the ligand moves; the protein stays where it is.

    Replicas run as one batch and differ by what is drawn. The system works around the
    centre of this one structure; results are in the coordinates of the files.

    Args:
        complex_: ligand and protein at the start.
        system: in eval mode.
        times: of the snapshots, ps.
        settings: what the user chose.
        seed: of every random draw.
        replicas: how many runs.
        molecule: the ligand with its bond orders, for the systems that ask.
        device: where to compute.
        on_snapshot: told how many snapshots are done.

    Returns:
        One trajectory per replica; the start itself is not among its frames. One that
        broke down ends before the snapshot in which it did, and says why.

    Raises:
        SimulationError: a replica broke down in its first snapshot.
        InputError: a setting that the system does not have.
    """
    settled = system.settled(settings or Settings())
    system = system.to(device)
    moved, centre = complex_.centred()
    (found,) = simulate_each(
        [moved.to(device, system.dtype)],
        system,
        times=times,
        settings=settled,
        seeds=[replica_seeds(seed, replicas)],
        molecules=None if molecule is None else [molecule],
        on_snapshot=on_snapshot,
    )
    if isinstance(found, SimulationError):
        raise found
    return [replace(x, positions=x.positions + centre) for x in found]


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
    replicas = len(seeds[0])
    start = Start(
        batch=collate([x for x in complexes for _ in range(replicas)]),
        generators=[torch.Generator().manual_seed(s) for own in seeds for s in own],
        molecules=None
        if molecules is None
        else [x for x in molecules for _ in range(replicas)],
    )
    watches = [
        Watch(x.to(torch.device("cpu"), torch.float32), replicas) for x in complexes
    ]
    rows = [x.ligand.n_atoms for x in complexes for _ in range(replicas)]
    frames = []
    with torch.no_grad():
        states = system.rollout(start, times, settings)
        for done, (velocities, positions) in enumerate(states, start=1):
            frames.append((velocities.cpu(), positions.cpu()))
            parts = torch.split(frames[-1][1], rows)
            for k, watch in enumerate(watches):
                seen = torch.stack(parts[k * replicas : (k + 1) * replicas])
                watch.look(seen, done, times[done - 1])
            if all(x.is_over for x in watches):
                break
            on_snapshot(done)
    moving = torch.split(torch.stack([v for v, _ in frames]), rows, dim=1)
    placed = torch.split(torch.stack([x for _, x in frames]), rows, dim=1)
    found: list[list[Trajectory] | SimulationError] = []
    for k, watch in enumerate(watches):
        first = next(
            (x for x in watch.broken if x is not None and x.snapshot == 1), None
        )
        own = range(k * replicas, (k + 1) * replicas)
        found.append(
            _broken_at_once(first)
            if first is not None
            else [
                _until_broken(why, moving[row], placed[row], times)
                for why, row in zip(watch.broken, own, strict=True)
            ]
        )
    return found


def _until_broken(
    broken: Broken | None,
    velocities: Float[Tensor, "frames atoms 3"],
    positions: Float[Tensor, "frames atoms 3"],
    times: Sequence[float],
) -> Trajectory:
    """The snapshots of one replica, up to the last before it broke down."""
    kept = len(times) if broken is None else broken.snapshot - 1
    return Trajectory(
        times=torch.tensor(times[:kept], dtype=torch.float64),
        positions=positions[:kept],
        velocities=velocities[:kept],
        broken=broken,
    )


def _broken_at_once(broken: Broken) -> SimulationError:
    return SimulationError(
        f"At {broken.time_ps:g} ps, the first snapshot, {broken.reason}: the rollout "
        "broke down. Nothing was written.",
        hint="Try a smaller --step-ps, and check the starting pose.",
    )
