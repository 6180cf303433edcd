"""From a checkpoint file to a system that runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neuralmd_cli.errors import WeightsError
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import System, TrainableSystem
from neuralmd_cli.weights.checkpoint import Checkpoint, load_checkpoint


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A system in eval mode, and the weights it came from."""

    system: TrainableSystem
    name: str  # of the weights
    sha256: str
    metrics: Mapping[str, float]


def load_model(path: Path) -> LoadedModel:
    """Build the model a checkpoint describes and fill in its tensors.

    Raises:
        WeightsError: not a checkpoint, of a system this version does not know, or with
            tensors that do not fit its own config.
    """
    checkpoint = load_checkpoint(path)
    metadata = checkpoint.metadata
    kind = SYSTEMS.get(metadata.model, System)
    if not issubclass(kind, TrainableSystem):
        known = [k for k, v in SYSTEMS.items() if issubclass(v, TrainableSystem)]
        raise WeightsError(
            f"{path.name}: these weights are for {metadata.model!r}, which this "
            "version does not know.",
            hint=f"This version runs {', '.join(known)}. Update neuralmd, or take "
            "other weights.",
        )
    return LoadedModel(
        system=_filled(path, checkpoint, kind).eval(),
        name=metadata.name,
        sha256=checkpoint.sha256,
        metrics=metadata.metrics,
    )


def _filled(
    path: Path, checkpoint: Checkpoint, kind: type[TrainableSystem]
) -> TrainableSystem:
    try:
        system = kind.from_config(checkpoint.metadata.config)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path.name}: the config inside does not describe a {kind.name} model "
            f"({error}).",
            hint="The file is damaged, or from another version; fetch it again.",
        ) from None
    expected, found = system.state_dict(), checkpoint.tensors
    wrong = sorted(
        {k for k in expected if k in found and expected[k].shape != found[k].shape}
        | (set(expected) ^ set(found))
    )
    if wrong:
        raise WeightsError(
            f"{path.name}: {len(wrong)} tensors are missing, too many or of the wrong "
            f"shape, the first being {wrong[0]}.",
            hint="The file is damaged, or from another version; fetch it again.",
        )
    system.load_state_dict(dict(found))
    return system
