"""Recordings of toy complexes that drift, shake and tumble, and the goldens'."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from neuralmd_cli.benchmark.cases import make_case
from neuralmd_cli.recording import Motion, Recording
from tests.toy import random_motion
from tests.toy_data import recording


def drifting(seed: int, frames: int = 30, atoms: int = 9) -> Recording:
    """A ligand that shakes and leaves its start, float32."""
    shaking = recording(seed, frames, atoms)
    drift = torch.linspace(0, 1.5, frames)[:, None, None] * torch.ones(3)
    return replace(
        shaking,
        positions=(shaking.positions + drift).float(),
        backbone=shaking.backbone.float(),
        obstacle_positions=shaking.obstacle_positions.float(),
        centres=shaking.positions.mean(dim=1).float(),
    )


def tumbling(still: Recording) -> Recording:
    """The same motion, each snapshot but the first turned and moved as a whole."""
    moves = [(torch.eye(3).double(), torch.zeros(3).double())]
    moves += [random_motion(100 + k) for k in range(1, still.n_frames)]
    rotations, shifts = (torch.stack(x) for x in zip(*moves, strict=True))
    motion = Motion(rotations=rotations, shifts=shifts)
    return replace(
        still,
        positions=motion.of(still.positions),
        backbone=motion.of(still.backbone),
        obstacle_positions=motion.of(still.obstacle_positions),
        centres=motion.of(still.centres),
        pocket_motion=None,
    )


def golden_recording(folder: Path, name: str) -> Recording:
    """A, B or C of the goldens, or a made-up motion of A, as a recording."""
    with np.load(folder / "inputs.npz") as file:
        inputs = dict(file)
    with np.load(folder / "golden_metrics.npz") as file:
        stored = (inputs if name in "ABC" else file)[f"{name}.traj"]
    like = name if name in "ABC" else "A"
    positions = torch.from_numpy(stored).transpose(0, 1).contiguous()
    frames = len(positions)
    backbone = [torch.from_numpy(inputs[f"{like}.{x}"]) for x in ("N", "CA", "C")]
    stay = torch.eye(3).expand(frames, 3, 3)
    residues = len(backbone[0])
    return Recording(
        name=name,
        spacing_ps=1.0,
        atomic_numbers=torch.from_numpy(inputs[f"{like}.z"]) + 1,
        bonds=torch.zeros(0, 2, dtype=torch.long),
        positions=positions,
        backbone=torch.stack(backbone, dim=1)[None],
        residue_types=torch.from_numpy(inputs[f"{like}.restype"]),
        segments=torch.zeros(residues, dtype=torch.long),
        obstacle_positions=torch.zeros(1, 0, 3),
        obstacle_numbers=torch.zeros(0, dtype=torch.long),
        pocket_motion=Motion(rotations=stay, shifts=torch.zeros(frames, 3)),
        centres=torch.zeros(frames, 3),  # the goldens are centred already
    )


def cases(protocol, recordings=None):
    """Three complexes of different sizes, cut."""
    some = recordings or [drifting(k, atoms=9 - k) for k in range(3)]
    return [make_case(x, protocol) for x in some]
