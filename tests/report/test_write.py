"""The page as a file."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

import neuralmd_cli
from neuralmd_cli.errors import InputError, NeuralMDError, OutputError
from neuralmd_cli.report import barcode
from neuralmd_cli.report.write import check_report_path, write_report
from tests.report.conftest import HOSTILE
from tests.scenes import heavy_start, molecule, write_run


class Reader(HTMLParser):
    """Elements, what stands in scripts, and all other text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.words, self._inside = [], [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        self._inside = None

    def handle_data(self, data):
        if self._inside == "script":
            attrs, text = self.scripts.pop()
            self.scripts.append((attrs, text + data))
        elif self._inside != "style":
            self.words.append(data)


@pytest.fixture(scope="module")
def read(made):
    return Reader(made.text)


def data_of(read):
    (text,) = [t for attrs, t in read.scripts if attrs.get("id") == "data"]
    return json.loads(text)


def test_names_from_files_stay_text(made, read):
    """A title, a record and file names that are markup add no element to the page."""
    assert not [t for t, attrs in read.tags if t == "img" and "onerror" in attrs]
    assert len(read.scripts) == 6  # the data, two libraries, three of ours
    assert f"{HOSTILE} in nik" in read.words
    assert read.words.count(HOSTILE) >= 3
    assert data_of(read)["names"] == [x.name for x in made.runs]


def test_only_the_pages_own_scripts_may_run(read):
    """The policy forbids everything, and names each script by its hash."""
    (policy,) = [
        attrs["content"]
        for tag, attrs in read.tags
        if tag == "meta" and "http-equiv" in attrs
    ]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    for attrs, text in read.scripts:
        if attrs.get("type") != "application/json":
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy


def test_nothing_is_fetched(read):
    """No element names an address outside the page."""
    for tag, attrs in read.tags:
        assert tag not in {"link", "iframe", "object", "embed"}
        assert "src" not in attrs
        assert attrs.get("href", "#").startswith("#")


def test_every_part_is_there(made, read):
    """Each with a heading, words about it, and its data."""
    pytest.importorskip("prolif")
    data = data_of(read)
    ids = {attrs.get("id") for _, attrs in read.tags}
    for key in (
        "scene",
        "rmsd",
        "atoms",
        "windows",
        "torsions",
        "contacts",
        "checks",
        "reference",
    ):
        assert key in ids
        assert data[key]
    assert made.written.left_out == ()
    assert made.written.trajectories == 2
    assert made.written.snapshots == made.written.looked_at == 16
    assert made.written.n_bytes == made.page.stat().st_size


def test_the_numbers_are_those_of_the_files(made, read):
    """RMSD of a rigid shift is its length; the still run keeps its contacts."""
    pytest.importorskip("prolif")
    data = data_of(read)
    length = float(torch.tensor([1.0, 0.2, -0.4]).norm())
    expected = [round(0.3 * length * k**0.5, 3) for k in range(8)]
    assert data["rmsd"]["y"][1] == pytest.approx(expected, abs=2e-3)
    contacts = data["contacts"]
    hinge = contacts["residues"].index("GLU:A:122")
    assert contacts["shares"][hinge][0] == 100
    assert data["scene"]["films"][0]["frames"] == 8
    assert data["reference"]["y"][0] == pytest.approx([0.0] * 8, abs=1e-3)


def test_charts_have_words_for_those_who_do_not_see_them(read):
    """Each figure has a label, each control and table a name."""
    for tag, attrs in read.tags:
        if attrs.get("role") in {"img", "region", "group"} or tag == "nav":
            assert attrs.get("aria-label")
        if tag == "section":
            assert attrs["aria-labelledby"]
    assert [t for t, _ in read.tags if t in {"header", "nav", "main"}] == [
        "header",
        "nav",
        "main",
    ]
    assert [t for t, _ in read.tags].count("h1") == 1


def test_without_prolif_the_rest_is_there(tmp_path, monkeypatch):
    """The section says what to install."""

    def missing():
        raise NeuralMDError("No ProLIF.", hint='pip install "neuralmd[contacts]"')

    monkeypatch.setattr(barcode, "check_prolif", missing)
    full = molecule()
    path = write_run(tmp_path, heavy_start(full).repeat(6, 1, 1), full)
    written = write_report([path], tmp_path / "a.html")
    (left_out,) = written.left_out
    assert left_out.endswith('over time: No ProLIF. pip install "neuralmd[contacts]"')
    read = Reader((tmp_path / "a.html").read_text())
    assert 'pip install "neuralmd[contacts]"' in read.words
    assert data_of(read)["rmsd"]


def test_a_trajectory_that_breaks_down_still_has_its_page(tmp_path):
    """NaN in a snapshot is a finding, not an end."""
    full = molecule()
    frames = heavy_start(full).repeat(12, 1, 1)
    path = write_run(tmp_path, frames, full)
    raw = bytearray(path.read_bytes())
    raw[-8:-4] = b"\x00\x00\xc0\x7f"  # the last coordinate
    path.write_bytes(raw)
    written = write_report([path], tmp_path / "a.html")
    assert written.verdict == "broken"
    assert (
        data_of(Reader((tmp_path / "a.html").read_text()))["rmsd"]["y"][0][-1] is None
    )


def test_pages_are_refused_before_the_work(tmp_path):
    """No page, no folder, over an input, a reference's options without one."""
    full = molecule("CCO")
    path = write_run(tmp_path, heavy_start(full).repeat(2, 1, 1), full)
    with pytest.raises(OutputError, match=r"a\.pdf: \.pdf is no web page"):
        write_report([path], tmp_path / "a.pdf")
    with pytest.raises(OutputError, match="is not a folder"):
        write_report([path], tmp_path / "none" / "a.html")
    page = tmp_path / "in.html"
    page.touch()
    with pytest.raises(OutputError, match="is an input"):
        check_report_path(page, [page])
    with pytest.raises(InputError, match="without a reference"):
        write_report([path], tmp_path / "a.html", reference_top=path)
    assert not list(tmp_path.glob(".neuralmd-*"))


def test_the_libraries_are_those_the_readme_names(made):
    """Unchanged files of the packages, by their SHA-256."""
    folder = Path(neuralmd_cli.__file__).parent / "report" / "vendor"
    rows = re.findall(
        r"^\| (\S+) \|.*`([0-9a-f]{64})`", (folder / "README.md").read_text(), re.M
    )
    assert len(rows) == 2
    for name, digest in rows:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        licence = (folder / f"{name}.LICENSE").read_text()
        assert licence.split("\n")[0] in made.text.replace("&#39;", "'")
