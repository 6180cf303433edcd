"""The page shows what came from files, and never runs it."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

from neuralmd_cli.screen.measures import FLAGS, LIMITS, RULE
from neuralmd_cli.screen.overview import (
    DRAWINGS,
    _short_names,
    drawing,
    write_overview,
)
from neuralmd_cli.screen.tables import MEASURES, RESULT_COLUMNS

EVIL = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "${title} $style",
    "<!--",
    "javascript:alert(1)",
    "\u2028\u2029",
]


def row(rank: int, title: str, **changes: object) -> dict[str, object]:
    numbers = dict.fromkeys(MEASURES, 1.0)
    text = dict.fromkeys(RESULT_COLUMNS, "")
    return (
        text | numbers | {"rank": rank, "id": f"{rank:06d}", "title": title} | changes
    )


def record(**changes: object) -> dict[str, object]:
    settings = {"ns": 8.0, "model": "neuralmd-ode", "replicas": 1}
    return {
        "settings": settings,
        "how_far_to_trust": "not far",
        "ranking": RULE,
        "limits": LIMITS,
        "flags": FLAGS,
        "outputs": ["results.csv"],
        "neuralmd_version": "1",
        "finished": "today",
    } | changes


class Page(HTMLParser):
    """The elements of a page, and what its scripts and styles hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in self.raw:
            self.raw[self.tags[-1][0]].append(data)


def page(tmp_path, rows, failures=(), **changes) -> tuple[str, Page]:
    path = tmp_path / "index.html"
    write_overview(path, rows, list(failures), record(**changes))
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def shape(parsed: Page) -> list[str]:
    return [tag for tag, _ in parsed.tags]


def test_nothing_from_a_file_becomes_markup(tmp_path):
    """Evil titles, proteins, files, reasons: the elements are those of a tame page."""

    def both(text: str) -> list[str]:
        rows = [row(1, text, protein=text, smiles=text, flags=text, file=text)]
        failures = [
            dict.fromkeys(
                ("id", "file", "record", "title", "protein", "reason", "what_to_do"),
                text,
            )
        ]
        return shape(page(tmp_path, rows, failures, how_far_to_trust=text)[1])

    tame = both("aspirin")
    for text in EVIL:
        assert both(text) == tame, text


def test_titles_arrive_unchanged(tmp_path):
    """In the data that the script reads."""
    _, parsed = page(tmp_path, [row(k, x) for k, x in enumerate(EVIL, start=1)])
    data = json.loads(parsed.raw["script"][0])
    at = data["columns"].index("title")
    assert [x[at] for x in data["rows"]] == EVIL


def test_the_page_loads_nothing_and_runs_its_own_script_alone(tmp_path):
    """The policy names the hashes of the style and the script that are there."""
    text, parsed = page(tmp_path, [row(1, "a", smiles="CCO")])
    (policy,) = (x["content"] for tag, x in parsed.tags if x.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    script, style = (
        re.findall(f"<{x}>(.*?)</{x}>", text, re.DOTALL)[0] for x in ("script", "style")
    )
    for held in (script, style):
        digest = base64.b64encode(hashlib.sha256(held.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text)
    assert not [x for _, x in parsed.tags for name in x if name.startswith("on")]
    assert "innerHTML" not in text


def test_links_lead_to_files_of_the_folder(tmp_path):
    """Each part encoded; replicas share a topology."""
    rows = [
        row(1, "a", id="000001_a", trajectory="ligands/000/000001_a.dcd"),
        row(2, "b", id="000002_b_r1", trajectory="ligands/000/000002_b_r1.dcd"),
        row(
            3,
            "c",
            id="000003_c",
            trajectory="ligands/000/000003_c_r1.xtc",
            report="reports/000003_c.html",
        ),
        row(4, "d"),
    ]
    _, parsed = page(tmp_path, rows)
    data = json.loads(parsed.raw["script"][0])
    at = data["columns"].index("links")
    links = [dict(x[at]) for x in data["rows"]]
    assert links[0]["pdb"] == "ligands/000/000001_a.pdb"
    assert links[1]["pdb"] == "ligands/000/000002_b_r1.pdb"
    assert links[2]["xtc"] == "ligands/000/000003_c_r1.xtc"
    assert links[2]["pdb"] == "ligands/000/000003_c.pdb"
    assert links[2]["report"] == "reports/000003_c.html"
    assert links[3] == {}


def test_the_best_are_drawn_and_the_page_stays_small(tmp_path):
    """10,000 rows in some MB."""
    rows = [
        row(k, f"ligand {k}", smiles="Cn1cnc2c1c(=O)n(C)c(=O)n2C") for k in range(1)
    ]
    rows += [row(k, f"ligand {k}", smiles="CCO") for k in range(1, 10_000)]
    text, parsed = page(tmp_path, rows)
    data = json.loads(parsed.raw["script"][0])
    at = data["columns"].index("drawing")
    drawn = [bool(x[at]) for x in data["rows"]]
    assert drawn == [k < DRAWINGS for k in range(10_000)]
    assert len(text) < 4e6


def test_what_cannot_be_drawn_is_not():
    """No SMILES, or one that is none."""
    assert drawing("c1ccccc1")
    assert drawing("no smiles") == ""


def test_proteins_are_called_by_what_differs():
    """Not by the folders that all are in."""
    assert _short_names(["a/b/x/p.pdb", "a/b/y/p.pdb"]) == ["x", "y"]
    assert _short_names(["a/x.pdb", "a/y.pdb"]) == ["x.pdb", "y.pdb"]
    assert _short_names(["a/x.pdb"] * 2) == ["a/x.pdb"] * 2
    assert _short_names(["p.pdb", "a/p.pdb"]) == ["p.pdb", "a/p.pdb"]
