"""`neuralmd report` as a user types it."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from tests.scenes import heavy_start, molecule, write_foreign, write_run

EXAMPLE = Path(__file__).parents[2] / "examples" / "nik"


@pytest.fixture(scope="module")
def full():
    return molecule()


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(x) for x in arguments])
    assert result.exit_code == code, result.output
    return result


def test_our_own_files_need_no_more_arguments(tmp_path, full):
    """The page, its size, and what is not in it are said."""
    path = write_run(tmp_path, heavy_start(full).repeat(6, 1, 1), full)
    page = tmp_path / "a.html"
    shown = run("report", path, "-o", page, "--title", "A < B").stdout
    assert f"Wrote {page} (" in shown
    assert "Not in the report: Protein-ligand contacts" in shown
    assert "<h1>A &lt; B</h1>" in page.read_text()


def test_json_is_all_there_is_on_stdout(tmp_path, full):
    """For programs."""
    path = write_run(tmp_path, heavy_start(full).repeat(6, 1, 1), full)
    page = tmp_path / "a.html"
    answer = json.loads(run("report", path, "-o", page, "--json").stdout)
    assert answer["path"] == str(page)
    assert answer["verdict"] == "ok"
    assert answer["snapshots"] == 6


def test_anybodys_trajectory_has_a_page(tmp_path, full):
    """Bond orders from its hydrogens, no run record."""
    start = torch.tensor(full.GetConformer().GetPositions())
    path = write_foreign(tmp_path, start.repeat(6, 1, 1), full)
    page = tmp_path / "a.html"
    run("report", path, "-o", page)
    assert "not simulated by neuralmd" in page.read_text()


def test_a_mistake_is_one_message_and_exit_code_one(tmp_path, full):
    """And no page."""
    path = write_run(tmp_path, heavy_start(full).repeat(6, 1, 1), full)
    page = tmp_path / "a.html"
    result = run("report", path, tmp_path / "none.dcd", "-o", page, code=1)
    assert "none.dcd does not exist" in result.stderr
    assert not page.exists()
    assert "is an input" in run("report", path, "-o", path, code=1).stderr


def simulate(*arguments, code=0):
    return run(
        "simulate",
        *("--protein", EXAMPLE / "nik.pdb", "--ligand", EXAMPLE / "ligand_13v.sdf"),
        *("--model", "frozen", "--ns", 0.4),
        *arguments,
        code=code,
    )


def test_simulate_writes_the_page_as_well(tmp_path):
    """About the run just made, with how far to trust it."""
    page = tmp_path / "a.html"
    shown = simulate("-o", tmp_path / "a.dcd", "--report", page).stdout
    assert f"Wrote {page} (" in shown
    text = page.read_text()
    assert "frozen is a baseline, there to judge models by" in text
    assert "GLU:A:122" in text


def test_simulate_refuses_the_page_before_the_work(tmp_path):
    """No trajectory is written for a page that cannot be."""
    result = simulate("-o", tmp_path / "a.dcd", "--report", "a.pdf", code=1)
    assert "is no web page" in result.stderr
    assert not list(tmp_path.iterdir())
