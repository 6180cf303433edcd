"""One thing that was looked at."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "broken"]
"""Missing: optional, and not there. Broken: something will fail."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was looked at, what it is, and what to do about it."""

    section: str
    name: str
    value: str
    state: State = "ok"
    hint: str = ""  # where it is not ok
