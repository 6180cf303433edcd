"""What options of a run may be, for those that no command line has checked."""

import math
from typing import get_args

from neuralmd_cli.dynamics.ode import Solver
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.system import VelocityRule

_SOLVERS: tuple[str, ...] = get_args(Solver)
_RULES = tuple(x for x in get_args(VelocityRule) if x != "displacement")
"""What a structure file can start from; a displacement takes two snapshots."""


def check_options(
    *,
    replicas: int,
    seed: int,
    v0: str | None,
    solver: str | None,
    step_ps: float | None,
    temperature_k: float | None,
    keep_shape: object,
) -> None:
    """Refuse numbers out of range and words that are none.

    Raises:
        InputError: which option is wrong, and what it may be.
    """
    for name, count, least in (("replicas", replicas, 1), ("seed", seed, 0)):
        if count < least:
            raise InputError(f"{name} must be {least} or more, not {count}.")
    for name, word, words in (("v0", v0, _RULES), ("solver", solver, _SOLVERS)):
        if word is not None and word not in words:
            raise InputError(
                f"{name} must be one of {', '.join(words)}, not {word!r}.",
                hint="Leave it out for what the weights were trained with.",
            )
    for name, value in (("step_ps", step_ps), ("temperature_k", temperature_k)):
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{name} must be a positive number, not {value:g}.")
    if keep_shape is not None and not isinstance(keep_shape, bool):
        # 0 or "no" would pass for what it is not.
        raise InputError(f"keep_shape must be True or False, not {keep_shape!r}.")
    if step_ps is not None and solver == "dopri5":
        raise InputError("step_ps: dopri5 chooses its steps itself.")
