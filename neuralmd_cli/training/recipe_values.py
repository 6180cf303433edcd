"""Is each value of a recipe one that it can have?"""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin

from neuralmd_cli.errors import InputError
from neuralmd_cli.training.recipe import Recipe

TYPES = {x.name: x.type for x in fields(Recipe)}
POSITIVE = (
    "window",
    "starts_per_epoch",
    "batch_complexes",
    "learning_rate",
    "pull_gain",
    "validate_every",
)
SHARES = ("averaging", "momentum")  # from 0, less than 1
DOCS = "docs/training.md explains every key."


def checked(values: Mapping[str, Any], where: str) -> Recipe:
    """A recipe of these values.

    Args:
        values: by field name; tuples may be lists, or text with commas.
        where: what to call their source in messages.

    Raises:
        InputError: a value of the wrong type or out of range, or values that exclude
            each other.
    """
    recipe = Recipe(**{k: _value(k, v, where) for k, v in values.items()})
    if recipe.total_epochs == 0:
        raise InputError(
            f"{where}: pull_epochs and epochs are both 0, so there is nothing to do.",
            hint="Give --epochs N.",
        )
    if recipe.window_unit != "ps" and recipe.window != int(recipe.window):
        raise InputError(
            f"{where}: window is {recipe.window} {recipe.window_unit}, not a whole "
            "number.",
            hint='Give a whole number, or window_unit = "ps".',
        )
    return recipe


def _value(key: str, value: Any, where: str) -> Any:  # noqa: ANN401 - checked here
    kind = TYPES[key]
    given = value
    if get_origin(kind) is tuple:
        inner = get_args(kind)[0]
        if isinstance(value, str):
            value = [x.strip() for x in value.split(",")]
            if inner is int and all(x.isdigit() for x in value):
                value = [int(x) for x in value]
        items = value if isinstance(value, list | tuple) else [value]
        good = len(items) > 0 and all(_is(x, inner) for x in items)
        value = tuple(items)
    else:
        good = _is(value, kind)
        if good and kind is float:
            value = float(value)
    if not good:
        raise InputError(
            f"{where}: {key} is {given!r}; it must be {_meaning(kind)}.", hint=DOCS
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        _check_range(key, value, where)
    if key == "validation_starts" and min(value) < 0:
        raise InputError(f"{where}: {key} holds a number below 0.", hint=DOCS)
    return value


def _is(value: object, kind: Any) -> bool:  # noqa: ANN401 - a type annotation
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, int)


def _meaning(kind: Any) -> str:  # noqa: ANN401 - a type annotation
    if get_origin(kind) is tuple:
        return f"a list, each item {_meaning(get_args(kind)[0])}"
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    names = {bool: "true or false", int: "a whole number", float: "a number"}
    return names[kind]


def _check_range(key: str, value: int | float, where: str) -> None:
    if key in POSITIVE and not value > 0:
        raise InputError(f"{where}: {key} is {value}, not above 0.", hint=DOCS)
    if value < 0:
        raise InputError(f"{where}: {key} is {value}, below 0.", hint=DOCS)
    if key in SHARES and not value < 1:
        raise InputError(f"{where}: {key} is {value}, not below 1.", hint=DOCS)
