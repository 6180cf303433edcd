"""Score weights on one part of the split: the tables of the model cards.

    python scripts/score_weights.py ../shared/data/md --part validation [--weights W]

Prints one Markdown row per complex, means over five starts: error of the model, of a
frozen ligand and of the mean pose (L1 per atom, Å), skill, and the largest change of
any bond's length (Å). Scoring the test part and then choosing by it spoils it.
"""

import argparse
import tomllib
from pathlib import Path
from statistics import fmean

from neuralmd_cli.benchmark.starts import score_starts
from neuralmd_cli.misato import read_recording, recording_names
from neuralmd_cli.weights.fetch import resolve
from neuralmd_cli.weights.model import load_model

STARTS = (0, 10, 20, 30, 40)
SPLIT = Path(__file__).resolve().parents[1] / "runs" / "md_split.toml"


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--part", choices=["train", "validation", "test"], required=True
    )
    parser.add_argument("--weights", help="name or path; default: the default weights")
    options = parser.parse_args()
    names = tomllib.loads(SPLIT.read_text())[options.part]
    model = load_model(resolve(options.weights)).system
    print("| complex | model | frozen | mean pose | skill | bond change |")
    print("|---|---|---|---|---|---|")
    for path in sorted(options.data.glob("*.hdf5"), reverse=True):
        for name in [x for x in recording_names(path) if x in names]:
            recording = read_recording(path, name)
            scores = score_starts(model, recording, STARTS)
            values = [
                fmean(getattr(s, key) for s in scores)
                for key in ("model", "frozen", "mean_pose", "skill")
            ]
            values.append(max(s.bond_change for s in scores))
            row = " | ".join(f"{x:.3f}" for x in values)
            print(f"| {name}, {recording.spacing_ps:g} ps | {row} |")


if __name__ == "__main__":
    main()
