"""Train the BindingNet of the default weights; `fit_pocket.py` then adds the pocket.

    python scripts/train_default.py --data ../shared/data/md --out FILE.safetensors

The training is `neuralmd train --preset default --split runs/md_split.toml` on the 4 ps
file; it is resumed if --run holds it. Prints one JSON line per epoch and test complex;
that old test part is in the training part of the pocket.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import numpy as np

from neuralmd_cli.benchmark.starts import StartScore, score_starts
from neuralmd_cli.misato import read_recording, recording_names
from neuralmd_cli.models.system import TrainableSystem
from neuralmd_cli.recording import Recording
from neuralmd_cli.training.folder import RunFolder
from neuralmd_cli.training.request import make_request
from neuralmd_cli.training.train import train
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from neuralmd_cli.weights.model import load_model
from neuralmd_cli.weights.registry import file_sha256

TEST_STARTS = (0, 10, 20, 30, 40)


def bootstrap(values: Sequence[float], draws: int = 10_000) -> tuple[float, float]:
    """95 % interval of the mean over complexes."""
    drawn = np.random.default_rng(0).choice(values, (draws, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def test_scores(
    model: TrainableSystem, recordings: Sequence[Recording]
) -> dict[str, list[StartScore]]:
    """Scores from several starts of each held-out recording."""
    return {
        f"{r.name} ({r.spacing_ps:g} ps)": score_starts(model, r, TEST_STARTS)
        for r in recordings
    }


def main() -> None:
    """Train, keep the best epoch by validation, score the test part, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--run", type=Path, default=Path("out/neuralmd-ode"))
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    split = Path(__file__).resolve().parents[1] / "runs" / "md_split.toml"
    file = options.data / "droplet_4ps.hdf5"
    longer = options.data / "droplet_10ps.hdf5"
    request = make_request(
        data=[file], split=str(split), seed=options.seed, preset="default"
    )
    folder = RunFolder(path=options.run)
    trained = train(
        request,
        folder,
        resume=folder.state.exists(),
        device="cpu",
        on_epoch=lambda result: print(json.dumps(asdict(result)), flush=True),
    )
    best, minutes = trained.best, trained.results[-1].seconds / 60
    model = load_model(trained.weights).system
    test = tomllib.loads(split.read_text())["test"]
    recordings = [read_recording(file, x) for x in test]
    recordings += [
        read_recording(longer, x) for x in recording_names(longer) if x in test
    ]

    scores = test_scores(model, recordings)
    for name, values in scores.items():
        row = {
            key: round(fmean(getattr(s, key) for s in values), 4)
            for key in ("skill", "model", "frozen", "mean_pose", "bonds_kept")
        }
        print(json.dumps({"test": name, **row}))
    every = [s for values in scores.values() for s in values]
    skills = [
        fmean(s.skill for s in every if s.name == name)
        for name in sorted({s.name for s in every})
    ]
    low, high = bootstrap(skills)
    metrics = {
        "test_skill": fmean(skills),
        "test_skill_low": low,
        "test_skill_high": high,
        "test_complexes": float(len(skills)),
        "test_mae_angstrom": fmean(s.model for s in every),
        "test_mae_frozen_angstrom": fmean(s.frozen for s in every),
        "test_mae_mean_pose_angstrom": fmean(s.mean_pose for s in every),
        "test_bonds_kept": fmean(s.bonds_kept for s in every),
        "validation_skill": best.validation_skill,
        "best_epoch": float(best.epoch),
        "training_minutes": round(minutes, 1),
    }
    metadata = CheckpointMetadata(
        name="neuralmd-ode",
        model="neuralmd-ode",
        config=model.config.to_dict(),
        training_data={x.name: file_sha256(x) for x in (file, longer)},
        training_command=f"python scripts/train_default.py --seed {options.seed}",
        training_seed=options.seed,
        metrics=metrics,
    )
    print(json.dumps({"metrics": metrics}), file=sys.stderr)
    print(save_checkpoint(options.out, model.state_dict(), metadata))


if __name__ == "__main__":
    main()
