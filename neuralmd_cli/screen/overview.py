"""The page that shows a screen: one HTML file that needs nothing else.

All that comes from files is data: escaped in HTML, in a JSON block for the script,
which shows it as text only, and in SVG images, which cannot run anything. The page's
own policy lets it load nothing and run no script but its own.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from rdkit import Chem, rdBase
from rdkit.Chem.Draw import rdMolDraw2D

from neuralmd_cli.screen.tables import Cell
from neuralmd_cli.writers import atomic_path

DRAWINGS = 300
"""Of the best ligands; each takes some 5 kB of the page."""
FAILURES_SHOWN = 200
_COLUMNS = (
    *("rank", "id", "title", "protein", "smiles", "rmsd_end_angstrom"),
    *("contacts_kept_percent", "rmsf_mean_angstrom", "contact_min_angstrom"),
    *("heavy_atoms", "flags", "links", "drawing"),
)
_DRAWING = (240, 160)


def write_overview(
    path: Path,
    rows: Sequence[Mapping[str, Cell]],
    failures: Sequence[Mapping[str, Cell]],
    record: Mapping[str, Any],
) -> None:
    """Write the page.

    Args:
        path: in the folder of the screen.
        rows: of the results, best first.
        failures: of the failures.
        record: what screen.json says.

    Raises:
        OutputError: unwritable.
    """
    style, script = (_resource(x) for x in ("page.css", "page.js"))
    proteins = list(dict.fromkeys(str(x["protein"]) for x in rows))
    settings = {k: v for k, v in record["settings"].items() if v is not None}
    text = Template(_resource("page.html")).substitute(
        title=escape(_title(proteins)),
        lead=escape(_lead(rows, failures, record)),
        trust=escape(str(record["how_far_to_trust"])),
        rule=escape(str(record["ranking"])),
        limits=escape(str(record["limits"])),
        flags="".join(
            f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>"
            for k, v in record["flags"].items()
        ),
        failures=_failures(failures),
        files=", ".join(_link(x, x) for x in (*record["outputs"], "screen.json")),
        version=escape(str(record["neuralmd_version"])),
        finished=escape(str(record["finished"])),
        settings=escape(", ".join(f"{k} {v}" for k, v in settings.items())),
        data=_data(rows),
        style=style,
        script=script,
        style_hash=_policy_hash(style),
        script_hash=_policy_hash(script),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


@lru_cache(maxsize=DRAWINGS)
def drawing(smiles: str) -> str:
    """A small SVG of a molecule, base64; empty if it cannot be drawn."""
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None:
            return ""
        canvas = rdMolDraw2D.MolDraw2DSVG(*_DRAWING)
        rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
        canvas.FinishDrawing()
    svg = canvas.GetDrawingText()
    return base64.b64encode(_smaller(svg).encode()).decode()


def _smaller(svg: str) -> str:
    """The same picture in a third of the text.

    Without names of atoms and bonds for scripts, which never look, without what is the
    default, and to 0.1 of a pixel.
    """
    svg = re.sub(r" class='[^']*'|<!--.*?-->|<\?xml.*?\?>", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r"fill-rule:evenodd;|;?stroke-(linecap:butt|linejoin:miter|opacity:1)\b",
        "",
        svg,
    )
    svg = re.sub(r"(\d+\.\d)\d+", r"\1", svg)
    return re.sub(r"\s+", " ", svg.replace("><", ">\n<")).replace("> <", "><")


def _title(proteins: Sequence[str]) -> str:
    if len(proteins) == 1:
        return f"Screen against {Path(proteins[0]).name}"
    return f"Screen against {len(proteins)} proteins"


def _lead(
    rows: Sequence[Mapping[str, Cell]],
    failures: Sequence[Mapping[str, Cell]],
    record: Mapping[str, Any],
) -> str:
    settings = record["settings"]
    flagged = sum(1 for x in rows if x["flags"])
    replicas = settings["replicas"]
    return (
        f"{len(rows):,} ligands simulated for {settings['ns']:g} ns with "
        f"{settings['model']}"
        + (f", {replicas} replicas each" if replicas > 1 else "")
        + f": {len(rows) - flagged:,} without a flag, {flagged:,} flagged, "
        f"{len(failures):,} failed."
    )


def _data(rows: Sequence[Mapping[str, Cell]]) -> str:
    """The rows as JSON that no HTML parser can mistake for markup."""
    shown = _short_names([str(x["protein"]) for x in rows])
    table = [
        [_value(dict(row) | {"protein": name}, key, place) for key in _COLUMNS]
        for place, (row, name) in enumerate(zip(rows, shown, strict=True))
    ]
    text = json.dumps({"columns": _COLUMNS, "rows": table}, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _short_names(paths: Sequence[str]) -> list[str]:
    """Paths without the folders, and the file name, that all have in common."""
    parts = [Path(x).parts for x in paths]
    distinct = set(parts)
    if len(distinct) < 2:
        return list(paths)
    first = 0
    while len({x[: first + 1] for x in distinct}) == 1:
        first += 1
    same = len({x[-1] for x in distinct}) == 1 and all(
        len(x) > first + 1 for x in parts
    )
    return ["/".join(x[first : -1 if same else None]) for x in parts]


def _value(row: Mapping[str, Cell], name: str, place: int) -> Any:  # noqa: ANN401  JSON
    if name == "drawing":
        return drawing(str(row["smiles"])) if place < DRAWINGS else ""
    if name == "flags":
        return [x for x in str(row["flags"]).split("; ") if x]
    if name == "links":
        return _links(row)
    return row[name]


def _links(row: Mapping[str, Cell]) -> list[tuple[str, str]]:
    """What there is of a ligand, by what people call it; paths fit for a link."""
    found = []
    if row["report"]:
        found.append(("report", quote(str(row["report"]))))
    if row["trajectory"]:
        trajectory = Path(str(row["trajectory"]))
        stem = re.sub(r"_r1$", "", trajectory.stem) if "_r1" in trajectory.stem else ""
        # Replicas share a topology that lacks the replica's number in its name.
        replicas = stem and stem == row["id"]
        base = trajectory.with_name(str(stem if replicas else trajectory.stem))
        found.append((trajectory.suffix[1:], quote(str(trajectory))))
        found += [(x, quote(f"{base}.{x}")) for x in ("pdb", "sdf", "json")]
    return found


def _failures(failures: Sequence[Mapping[str, Cell]]) -> str:
    if not failures:
        return ""
    lines = "".join(
        "<tr>"
        f'<td class="wide">{escape(str(x["id"]))}</td>'
        f'<td class="wide">{escape(str(x["file"]))}, {escape(str(x["record"]))}</td>'
        f'<td class="wide reason">{escape(str(x["reason"]))} '
        f"{escape(str(x['what_to_do']))}</td></tr>"
        for x in failures[:FAILURES_SHOWN]
    )
    more = len(failures) - FAILURES_SHOWN
    rest = f"<p>And {more:,} more.</p>" if more > 0 else ""
    return (
        f'<h2 id="failures">{len(failures):,} failed</h2>'
        "<p>None of these was simulated; all are in "
        '<a href="failures.csv">failures.csv</a>.</p>'
        '<div class="scroll"><table><thead><tr><th scope="col">Id</th>'
        '<th scope="col">File, molecule</th><th scope="col">Why, and what to do</th>'
        f"</tr></thead><tbody>{lines}</tbody></table></div>{rest}"
    )


def _link(path: str, text: str) -> str:
    return f'<a href="{escape(quote(path))}">{escape(text)}</a>'


def _resource(name: str) -> str:
    return (files("neuralmd_cli.screen") / "page" / name).read_text(encoding="utf-8")


def _policy_hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
