"""Whether a ligand's shape is kept, for systems whose weights may keep it."""

from neuralmd_cli.errors import InputError
from neuralmd_cli.models.system import OPTIONS, Settings


def check_shape(settings: Settings, *, keeps: bool) -> None:
    """Refuse the choice where there is none.

    Args:
        settings: with what the user left open filled in.
        keeps: these weights keep the shape of a ligand.

    Raises:
        InputError: they do not, so nothing can be kept or let go.
    """
    if settings.keep_shape is not None and not keeps:
        raise InputError(
            f"{OPTIONS['keep_shape']}: these weights keep no shape of a ligand.",
            hint="Leave it out, or use weights with a pocket, as the default ones.",
        )


def shape_remarks(settings: Settings) -> list[str]:
    """What a user should be warned of who lets the shape go."""
    if settings.keep_shape is not False:
        return []
    return [
        "--free-shape: bonds, angles and rings of the ligand may stretch and bend, and "
        "its atoms may run into the pocket. No score of the weights is of such frames."
    ]
