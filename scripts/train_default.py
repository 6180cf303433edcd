"""Train the bundled default weights and score them once on the held-out targets.

    python scripts/train_default.py --data ../shared/data/md --out FILE.safetensors

The split is runs/md_split.toml. Prints one JSON line per epoch and test complex.
"""

import argparse
import json
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import numpy as np
import torch

from neuralmd_cli.benchmark import StartScore, score_starts
from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.misato import read_recording, recording_names
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.recording import Recording
from neuralmd_cli.training import TrainingConfig, fit, statistics
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from neuralmd_cli.weights.registry import file_sha256

TEST_STARTS = (0, 10, 20, 30, 40)


def bootstrap(values: Sequence[float], draws: int = 10_000) -> tuple[float, float]:
    """95 % interval of the mean over complexes."""
    drawn = np.random.default_rng(0).choice(values, (draws, len(values)))
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def test_scores(
    model: NeuralODE, recordings: Sequence[Recording]
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
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    root = Path(__file__).resolve().parents[1]
    split = tomllib.loads((root / "runs" / "md_split.toml").read_text())
    file = options.data / "droplet_4ps.hdf5"
    longer = options.data / "droplet_10ps.hdf5"
    parts = {k: [read_recording(file, n) for n in v] for k, v in split.items()}
    parts["test"] += [
        read_recording(longer, n) for n in recording_names(longer) if n in split["test"]
    ]

    torch.manual_seed(options.seed)
    model = NeuralODE.for_data(statistics(parts["train"]), BindingNetConfig(), {})
    recipe = TrainingConfig(seed=options.seed)
    started = time.monotonic()
    weights, best = fit(
        model,
        parts["train"],
        parts["validation"],
        recipe,
        lambda result: print(json.dumps(asdict(result)), flush=True),
    )
    minutes = (time.monotonic() - started) / 60
    model.load_state_dict(weights)
    model.eval()

    scores = test_scores(model, parts["test"])
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
    print(json.dumps({"recipe": asdict(recipe), "metrics": metrics}), file=sys.stderr)
    print(save_checkpoint(options.out, weights, metadata))


if __name__ == "__main__":
    main()
