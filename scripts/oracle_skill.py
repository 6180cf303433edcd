"""What part of the way to the mean pose would be worth, on our MD set.

    python scripts/oracle_skill.py ../shared/data/md/droplet_4ps.hdf5

Per complex: error of a frozen ligand and of the mean pose (L1 per atom, Å), and the
skill of three oracles that are told part of the answer: the mean internal conformation
at the start's position and orientation, the start's conformation at the mean's position
and orientation, and the mean's position only.
"""

import sys
from pathlib import Path

import torch
from torch import Tensor

from neuralmd_cli.benchmark.starts import l1_error
from neuralmd_cli.misato import read_recording, recording_names

STARTS = range(0, 50, 5)


def fitted(mobile: Tensor, target: Tensor) -> Tensor:
    """`mobile` [atoms, 3] turned and shifted onto `target` (Kabsch)."""
    a, b = mobile - mobile.mean(dim=0), target - target.mean(dim=0)
    u, _, vt = torch.linalg.svd(a.T @ b)
    mirror = torch.ones(3, dtype=a.dtype)
    mirror[2] = torch.linalg.det(u @ vt).sign()
    return a @ (u * mirror) @ vt + target.mean(dim=0)


def oracles(start: Tensor, later: Tensor) -> dict[str, Tensor]:
    """Poses [atoms, 3] that know part of where `later` [frames, atoms, 3] goes."""
    mean = later.mean(dim=0)
    conformer = torch.stack([fitted(x, start) for x in later]).mean(dim=0)
    return {
        "internal": fitted(conformer, start),
        "rigid": fitted(start, mean),
        "position": start + (mean - start).mean(dim=0),
    }


def main() -> None:
    """Print one Markdown row per complex."""
    path = Path(sys.argv[1])
    print("| complex | frozen | mean pose | internal | rigid | position |")
    print("|---|---|---|---|---|---|")
    everything = []
    for name in recording_names(path):
        x = read_recording(path, name).positions
        rows = []
        for s in STARTS:
            later = x[s + 1 :]
            frozen = l1_error(x[s].expand_as(later), later)
            best = l1_error(later.mean(dim=0).expand_as(later), later)
            skills = [
                (frozen - l1_error(pose.expand_as(later), later)) / (frozen - best)
                for pose in oracles(x[s], later).values()
            ]
            rows.append([frozen, best, *skills])
        means = torch.tensor(rows).mean(dim=0)
        everything.append(means)
        print(f"| {name} | " + " | ".join(f"{v:.2f}" for v in means.tolist()) + " |")
    overall = torch.stack(everything).mean(dim=0).tolist()
    print("| mean | " + " | ".join(f"{v:.2f}" for v in overall) + " |")


if __name__ == "__main__":
    main()
