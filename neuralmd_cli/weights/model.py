"""A checkpoint file to a model that runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from neuralmd_cli.errors import WeightsError
from neuralmd_cli.models.neuralmd_ode import NeuralODE, NeuralODEConfig
from neuralmd_cli.weights.checkpoint import Checkpoint, load_checkpoint

SYSTEM = "neuralmd-ode"


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model in eval mode and where it came from."""

    model: NeuralODE
    name: str
    system: str
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
    if metadata.model != SYSTEM:
        raise WeightsError(
            f"{path.name}: these weights are for {metadata.model!r}, which this "
            "version does not know.",
            hint=f"This version runs {SYSTEM}. Update neuralmd, or take other weights.",
        )
    model = _filled(path, checkpoint)
    return LoadedModel(
        model=model.eval(),
        name=metadata.name,
        system=SYSTEM,
        sha256=checkpoint.sha256,
        metrics=metadata.metrics,
    )


def _filled(path: Path, checkpoint: Checkpoint) -> NeuralODE:
    try:
        config = NeuralODEConfig.from_dict(dict(checkpoint.metadata.config))
        model = NeuralODE(config)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path.name}: the config inside does not describe a {SYSTEM} model "
            f"({error}).",
            hint="The file is damaged, or from another version; fetch it again.",
        ) from None
    expected, found = model.state_dict(), checkpoint.tensors
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
    model.load_state_dict(dict(found))
    return model
