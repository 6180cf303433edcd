"""A part of the page: what it shows, how to read it, and what it does not say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under a header."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page.

    Where `missing` says why there is nothing to show, the rest is not looked at.
    """

    key: str  # of its data, and of its address in the page
    title: str
    shows: str = ""  # what is drawn, in a sentence
    finding: str = ""  # what came out, in a sentence or two
    limits: Sequence[str] = ()
    alt: str = ""  # the figure in words, for those who do not see it
    data: Mapping[str, Any] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    missing: str = ""
    hint: str = ""
