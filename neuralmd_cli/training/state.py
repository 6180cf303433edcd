"""All that a training's next step depends on, as one file that is never half written.

A safetensors file: weights, their average, the best so far, the optimiser's moments and
the states of the random generators as tensors; the rest as JSON in its metadata.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from neuralmd_cli.errors import TrainingError
from neuralmd_cli.training.epoch import EpochResult
from neuralmd_cli.training.loop import Trainer
from neuralmd_cli.weights.checkpoint import write_whole

FORMAT = 1
METADATA_KEY = "neuralmd_training_state"


def save_state(path: Path, trainer: Trainer) -> None:
    """Write the state between two batches.

    Raises:
        OutputError: it cannot be written there.
    """
    tensors = _tensors(trainer)
    # A copy each: safetensors refuses tensors that share memory.
    plain = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    metadata = {METADATA_KEY: json.dumps(_facts(trainer))}
    write_whole(path, save(plain, metadata=metadata))


def load_state(path: Path, trainer: Trainer) -> None:
    """Put a trainer, made from the same recipe and data, where another was.

    Raises:
        TrainingError: not such a file, or of another model.
    """
    try:
        tensors = load(path.read_bytes())
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[METADATA_KEY])
        if facts["format"] != FORMAT:
            raise TrainingError(
                f"{path} is of format {facts['format']}; this version knows {FORMAT}.",
                hint="Resume with the version of neuralmd that wrote it.",
            )
        _restore(trainer, tensors, facts)
    except OSError as error:
        raise TrainingError(
            f"{path}: there is no state to resume from ({error.strerror}).",
            hint="Start anew, without --resume.",
        ) from None
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise TrainingError(
            f"{path} is not the state of this training: {error}.",
            hint="Start anew in another folder.",
        ) from None


def _tensors(trainer: Trainer) -> dict[str, Tensor]:
    moments = {
        f"optimiser.{index}.{key}": value
        for index, values in trainer.optimiser.state_dict()["state"].items()
        for key, value in values.items()
        if isinstance(value, Tensor)
    }
    order = torch.tensor(trainer.order, dtype=torch.int64)
    device = trainer.place.device
    gpu = {"random.cuda": torch.cuda.get_rng_state(device)} if _is_gpu(device) else {}
    return {
        **_prefixed("model.", trainer.model.state_dict()),
        **_prefixed("averaged.", trainer.averaged.state_dict()),
        **_prefixed("best.", trainer.best_weights),
        **moments,
        **gpu,
        "random.training": trainer.generator.get_state(),
        "random.global": torch.get_rng_state(),
        "order": order,
    }


def _facts(trainer: Trainer) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "epoch": trainer.epoch,
        "position": trainer.position,
        "losses": trainer.losses,
        "skipped": trainer.skipped,
        "results": [asdict(x) for x in trainer.results],
        "best": None if trainer.best is None else asdict(trainer.best),
        "seconds": trainer.seconds,
        "param_groups": trainer.optimiser.state_dict()["param_groups"],
        "schedule": trainer.schedule.state_dict(),
    }


def _restore(
    trainer: Trainer, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> None:
    trainer.model.load_state_dict(_stripped("model.", tensors))
    trainer.averaged.load_state_dict(_stripped("averaged.", tensors))
    device = trainer.place.device
    trainer.best_weights = {
        k: v.to(device) for k, v in _stripped("best.", tensors).items()
    }
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _stripped("optimiser.", tensors).items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = value
    # JSON has no tuples; the optimisers' betas are one.
    groups = [
        {k: tuple(v) if k == "betas" else v for k, v in group.items()}
        for group in facts["param_groups"]
    ]
    trainer.optimiser.load_state_dict({"state": moments, "param_groups": groups})
    trainer.schedule.load_state_dict(facts["schedule"])
    trainer.generator.set_state(tensors["random.training"])
    torch.set_rng_state(tensors["random.global"])
    if "random.cuda" in tensors and _is_gpu(device):
        torch.cuda.set_rng_state(tensors["random.cuda"], device)
    trainer.order = tensors["order"].tolist()
    trainer.epoch, trainer.position = facts["epoch"], facts["position"]
    trainer.losses, trainer.skipped = facts["losses"], facts["skipped"]
    trainer.results = [_result(x) for x in facts["results"]]
    trainer.best = None if facts["best"] is None else _result(facts["best"])
    trainer.earlier_seconds = facts["seconds"]


def _result(values: Mapping[str, Any]) -> EpochResult:
    return EpochResult(**{**values, "skipped": tuple(values["skipped"])})


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + k: v for k, v in tensors.items()}


def _stripped(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)
    }


def _is_gpu(device: torch.device) -> bool:
    return device.type == "cuda"
