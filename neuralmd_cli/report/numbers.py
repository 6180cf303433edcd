"""Numbers and text on their way into a page: short, and harmless."""

import base64
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from markupsafe import Markup
from torch import Tensor

STEP = 0.01
"""Å between coordinates that a page tells apart; 16 bits then reach 327 Å."""

_FAR = 32767


def listed(values: Tensor, digits: int = 3) -> list[float | None]:
    """Rounded numbers; null for what is none."""
    return [
        round(x, digits) if math.isfinite(x) else None
        for x in values.double().flatten().tolist()
    ]


def packed(positions: Float[Tensor, "frames atoms 3"]) -> str:
    """Coordinates as base64 of little-endian 16-bit hundredths of an Å.

    What is no number becomes -32768, which a page shows as nothing.
    """
    steps = (positions.double() / STEP).round().clamp(-_FAR, _FAR)
    whole = torch.where(steps.isfinite(), steps, -_FAR - 1).to(torch.int16)
    return base64.b64encode(whole.numpy().astype("<i2").tobytes()).decode()


def runs(values: Int[Tensor, " frames"]) -> list[list[int]]:
    """Stretches of one value as [first, length, value], zeros left out."""
    found: list[list[int]] = []
    for place, value in enumerate(values.tolist()):
        if found and found[-1][2] == value and sum(found[-1][:2]) == place:
            found[-1][1] += 1
        elif value:
            found.append([place, 1, value])
    return found


def embedded(data: Mapping[str, Any]) -> Markup:
    """JSON that stays data inside a script element, whatever its strings hold."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    # JSON's own escapes, so that no tag, comment or entity can begin or end.
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def span(values: Iterable[float], unit: str, digits: int = 2) -> str:
    """One number, or the smallest and the largest, with their unit."""
    shown = sorted(x for x in values if math.isfinite(x))
    if not shown:
        return "undefined"
    low, high = (f"{x:.{digits}f}" for x in (shown[0], shown[-1]))
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
