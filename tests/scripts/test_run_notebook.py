"""The notebook runs from top to bottom, and what it shows is there to read."""

import re
import runpy
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "docs" / "notebook" / "simulate.ipynb"
SCRIPT = ROOT / "scripts" / "run_notebook.py"


def shown(notebook) -> list[list[str]]:
    """The kinds of output of each cell with code."""
    return [
        [kind for x in cell.outputs for kind in sorted(x.get("data", {"text": ""}))]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_notebook_runs_and_shows_what_is_committed():
    """In a kernel of its own; every cell gives outputs of the committed kinds."""
    before = PATH.read_bytes()
    again = runpy.run_path(str(SCRIPT))["executed"](PATH)
    committed = nbformat.read(PATH, as_version=4)
    assert shown(again) == shown(committed)
    assert all(shown(committed))
    assert PATH.read_bytes() == before


def test_the_notebook_shows_figures_and_no_machine():
    """Three figures, a drawing, a table; no path of whoever ran it, no warning."""
    committed = nbformat.read(PATH, as_version=4)
    kinds = [kind for cell in shown(committed) for kind in cell]
    assert kinds.count("image/png") == 3
    assert kinds.count("image/svg+xml") == 1
    assert "text/html" in kinds
    text = PATH.read_text()
    assert not re.search(r"site-packages|/(home|root|tmp)/", text)
    assert '"stderr"' not in text
