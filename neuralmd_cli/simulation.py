"""A complex and a model in, trajectories out."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.complex import Complex, collate
from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.errors import InputError, SimulationError
from neuralmd_cli.models.system import Settings, Start, System
from neuralmd_cli.trajectory import Trajectory
from neuralmd_cli.units import PS_PER_NS

FARTHEST = 100.0
"""Å a ligand atom may move before a rollout counts as broken down."""
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
        One trajectory per replica; the start itself is not among its frames.

    Raises:
        SimulationError: an atom flew off, or its position stopped being a number.
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
    with torch.no_grad():
        states = system.rollout(start, times, settled)
        frames = list(_watched(states, start.batch.positions, times, on_snapshot))
    shape = (len(times), replicas, complex_.ligand.n_atoms, 3)
    v = torch.stack([x for x, _ in frames]).reshape(shape)
    x = torch.stack([x for _, x in frames]).reshape(shape) + centre
    return [
        Trajectory(
            times=torch.tensor(times, dtype=torch.float64),
            positions=x[:, k],
            velocities=v[:, k],
        )
        for k in range(replicas)
    ]


def _watched(
    states: Iterator[State],
    start: Float[Tensor, "atoms 3"],
    times: Sequence[float],
    on_snapshot: Callable[[int], None],
) -> Iterator[tuple[Tensor, Tensor]]:
    for done, (velocities, positions) in enumerate(states, start=1):
        # Written so that NaN fails as well.
        if not bool(((positions - start).abs() < FARTHEST).all()):
            raise SimulationError(
                f"At {times[done - 1]:g} ps an atom is more than {FARTHEST:g} Å from "
                "its start, or nowhere: the rollout broke down. Nothing was written.",
                hint="Try a smaller --step-ps, and check the starting pose.",
            )
        yield velocities.cpu(), positions.cpu()
        on_snapshot(done)
