"""How much of MD's fluctuation is slow: the model's RMSF against MD's in windows.

    python scripts/swing_by_window.py docs/results/defaults_test.json SET.hdf5

Prints, for windows of several lengths, the RMSF of MD about the mean of its window
and the model's (from the results of score_defaults.py) over it, means over complexes.
"""

import argparse
import json
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from neuralmd_cli.dataset.recordings import open_recordings

WINDOWS = (5, 10, 20, 50, 100)


def fluctuation(positions: Tensor, window: int) -> float:
    """RMSF (Å) about the mean of each window, mean over atoms; unbiased."""
    starts = range(0, len(positions) - window + 1, window)
    every = torch.stack([positions[k : k + window] for k in starts]).double()
    about = every - every.mean(dim=1, keepdim=True)
    squares = about.square().sum(dim=-1).mean(dim=(0, 1)) * window / (window - 1)
    return float(squares.sqrt().mean())


def main() -> None:
    """Read both, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scores", type=Path)
    parser.add_argument("recordings", type=Path)
    options = parser.parse_args()
    scores = json.loads(options.scores.read_text())["scores"]
    recordings = open_recordings(options.recordings)
    print("| snapshots | RMSF of MD, Å | model over it |")
    print("|---|---|---|")
    for window in WINDOWS:
        ours, theirs = [], []
        for name, one in scores.items():
            recording = recordings.read(name, "pocket")
            theirs.append(fluctuation(recording.positions, window))
            ours.append(one["replicas"]["rmsf_model"])
        ratio = fmean(a / b for a, b in zip(ours, theirs, strict=True))
        print(f"| {window} | {fmean(theirs):.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
