"""Sections into one HTML file, with a policy that lets only its own scripts run."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from neuralmd_cli.report.numbers import embedded
from neuralmd_cli.report.section import Section
from neuralmd_cli.version import VERSION

_HERE = Path(__file__).parent
_LIBRARIES = ("3Dmol-min.js", "plotly-basic.min.js")
_SCRIPTS = ("common.js", "viewer.js", "charts.js")

_CHOSEN = ("torsions", "contacts", "checks")
"""Sections that show one trajectory at a time."""
_CURVES = ("rmsd", "windows", "torsions", "contacts", "reference")
"""Sections whose values the page can list and save."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A number at the top of the page."""

    label: str
    value: str
    more: str = ""
    tone: str = ""  # ok, odd, broken


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that the page says."""

    title: str
    lead: str
    names: Sequence[str]  # of the trajectories
    tiles: Sequence[Tile]
    trust: str
    warnings: Sequence[str]
    sections: Sequence[Section]
    drawing: Markup
    legend: Sequence[tuple[str, str]]
    facts: Sequence[tuple[str, str]]
    notes: Sequence[str]
    records: Mapping[str, Mapping[str, Any]]  # by file name


def rendered(page: Page) -> str:
    """The page as HTML.

    Every text is escaped by the template, the data by `embedded`; and even a script
    that slipped through would not run, for the policy names the page's own by hash.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE / "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    scripts = [_script(_HERE / "vendor" / name) for name in _LIBRARIES]
    scripts += [_script(_HERE / "page" / name) for name in _SCRIPTS]
    data = {x.key: x.data for x in page.sections if x.data and not x.missing}
    return environment.get_template("report.html.j2").render(
        **vars(page) | {"records": _texts(page.records)},
        version=VERSION,
        policy=_policy(scripts),
        css=Markup(_text(_HERE / "page" / "report.css")),
        scripts=[Markup(x) for x in scripts],
        licences=[_text(_HERE / "vendor" / f"{x}.LICENSE") for x in _LIBRARIES],
        data=embedded({"names": list(page.names), **data}),
        chosen=_CHOSEN,
        curves=_CURVES,
    )


def _policy(scripts: Sequence[str]) -> str:
    """No network at all; only these scripts; styles and pictures of the page itself."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(x.encode()).digest()).decode()}'"
        for x in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _script(path: Path) -> str:
    """A script that may stand in HTML, as it is."""
    text = _text(path)
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError(f"{path.name} cannot stand inside a script element")
    return text


def _text(path: Path) -> str:
    # An HTML parser reads \r\n as \n, which would change a script's hash.
    return path.read_text(encoding="utf-8").replace("\r\n", "\n").replace("\r", "\n")


def _texts(records: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [
        (name, json.dumps(record, indent=2, ensure_ascii=False))
        for name, record in records.items()
    ]
