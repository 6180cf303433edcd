"""A complex and a model in, trajectories out."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
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
    start = Start(
        batch=collate([moved.to(device, system.dtype)] * replicas),
        generators=[
            torch.Generator().manual_seed(s) for s in replica_seeds(seed, replicas)
        ],
        molecules=None if molecule is None else [molecule] * replicas,
    )
    watch = Watch(moved, replicas)
    velocities, positions = [], list[Tensor]()
    with torch.no_grad():
        states = system.rollout(start, times, settled)
        for done, (v, x) in enumerate(states, start=1):
            shape = (replicas, complex_.ligand.n_atoms, 3)
            velocities.append(v.cpu().reshape(shape))
            positions.append(x.cpu().reshape(shape))
            watch.look(positions[-1], done, times[done - 1])
            if watch.is_over:
                break
            on_snapshot(done)
    return [
        _replica(k, watch.broken[k], velocities, positions, times, centre)
        for k in range(replicas)
    ]


def _replica(
    k: int,
    broken: Broken | None,
    velocities: Sequence[Tensor],
    positions: Sequence[Tensor],
    times: Sequence[float],
    centre: Tensor,
) -> Trajectory:
    """The snapshots of one replica, up to the last before it broke down."""
    kept = len(times) if broken is None else broken.snapshot - 1
    if broken is not None and not kept:
        raise SimulationError(
            f"At {broken.time_ps:g} ps, the first snapshot, {broken.reason}: the "
            "rollout broke down. Nothing was written.",
            hint="Try a smaller --step-ps, and check the starting pose.",
        )
    return Trajectory(
        times=torch.tensor(times[:kept], dtype=torch.float64),
        positions=torch.stack([x[k] for x in positions[:kept]]) + centre,
        velocities=torch.stack([v[k] for v in velocities[:kept]]),
        broken=broken,
    )
