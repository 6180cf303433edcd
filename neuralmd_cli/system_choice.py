"""The system a user means, with its weights."""

from pathlib import Path

from neuralmd_cli.errors import InputError
from neuralmd_cli.models.names import DEFAULT_MODEL
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import System, TrainableSystem
from neuralmd_cli.run_record import ModelUsed
from neuralmd_cli.transfer import Progress
from neuralmd_cli.weights.fetch import resolve
from neuralmd_cli.weights.model import LoadedModel, load_model


def find_weights(
    model: str | None, weights: str | None, url: str | None, progress: Progress | None
) -> Path | None:
    """Where the weights meant are, fetched if need be; None for a model without any.

    Raises:
        InputError: no such model, one that can only be scored, or one without weights
            that is given some.
        WeightsError: no such weights.
    """
    if model is not None and model not in SYSTEMS:
        raise InputError(
            f"--model {model}: there is no such model.",
            hint=f"Known are {', '.join(SYSTEMS)}.",
        )
    kind = None if model is None else SYSTEMS[model]
    if kind is not None and kind.oracle:
        raise InputError(
            f"--model {model}: it reads the answer from a recording, so it can only be "
            "scored.",
            hint="Use --model frozen, or another of `neuralmd models`.",
        )
    if kind is not None and not issubclass(kind, TrainableSystem):
        if weights is not None:
            raise InputError(
                f"--weights: the model {model} has none.", hint="Leave --weights out."
            )
        return None
    return resolve(weights, model=model or DEFAULT_MODEL, url=url, progress=progress)


def load_system(
    model: str | None, path: Path | None
) -> tuple[System, LoadedModel | None]:
    """The system meant, and the weights in it if it has any.

    Args:
        model: what the user asked for, if anything.
        path: what `find_weights` found.

    Raises:
        InputError: the weights are of another model.
        WeightsError: they cannot be loaded.
    """
    if path is None:
        return SYSTEMS[model or DEFAULT_MODEL].from_config({}).eval(), None
    loaded = load_model(path)
    if model is not None and loaded.system.name != model:
        raise InputError(
            f"--model {model}: the weights {loaded.name} are of {loaded.system.name}.",
            hint=f"Give --weights of {model}, or --model {loaded.system.name}.",
        )
    return loaded.system, loaded


def model_used(loaded: LoadedModel) -> ModelUsed:
    """The weights, for the run record."""
    return ModelUsed(
        name=loaded.name,
        sha256=loaded.sha256,
        variant=loaded.system.config.binding_net.variant,
    )
