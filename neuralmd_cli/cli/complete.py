"""What a shell is told when a name is half typed; nothing heavy is loaded for it."""

from collections.abc import Iterable

from neuralmd_cli.models.names import PLACES


def models(incomplete: str) -> list[str]:
    """Models of `--model`."""
    return _beginning(incomplete, PLACES)


def weights(incomplete: str) -> list[str]:
    """Registered weights; a path is left to the shell."""
    from neuralmd_cli.errors import NeuralMDError
    from neuralmd_cli.weights.registry import load_registry

    try:
        return _beginning(incomplete, (x.name for x in load_registry().entries))
    except NeuralMDError:  # said when it is used; a half-typed line is no place for it
        return []


def splits(incomplete: str) -> list[str]:
    """Splits that come with the package; a path is left to the shell."""
    from neuralmd_cli.dataset.splits import split_names

    return _beginning(incomplete, split_names())


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [x for x in names if x.startswith(incomplete)]
