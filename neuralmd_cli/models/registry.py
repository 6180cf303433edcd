"""Every system, by the name that users give to `--model`; its line is in `names.py`."""

from importlib import import_module

from neuralmd_cli.models.names import PLACES
from neuralmd_cli.models.system import System


def _imported(place: str) -> type[System]:
    module, _, name = place.partition(":")
    system: type[System] = getattr(import_module(module), name)
    return system


SYSTEMS: dict[str, type[System]] = {k: _imported(v) for k, v in PLACES.items()}
