"""NeuralMD: how a ligand moves in its pocket, predicted at nanosecond scale.

The commands as functions, with the same words; docs/python.md shows them.
"""

from importlib import import_module
from typing import Any

_PLACES = {
    "NeuralMDError": "errors",
    "Simulation": "api.simulation",
    "Table": "api.table",
    "cluster": "api.look",
    "compare": "api.look",
    "contacts": "api.look",
    "rmsf": "api.look",
    "simulate": "api.simulation",
    "stability": "api.look",
    "torsions": "api.look",
}
"""What can be had from here, and the module that has it."""

__all__ = list(_PLACES)  # noqa: PLE0605  names only; each is imported when it is used


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever the module has
    """Import a name when it is first used: `--help` needs none of what they need."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All names, those not imported yet among them."""
    return sorted({*globals(), *_PLACES})
