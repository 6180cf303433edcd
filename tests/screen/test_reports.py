"""Reports of the best, made by whoever makes them, or a word on why not."""

import sys
from importlib import import_module
from types import ModuleType

import pytest

from neuralmd_cli.errors import InputError
from neuralmd_cli.screen import reports
from neuralmd_cli.screen.journal import Entry
from neuralmd_cli.screen.reports import write_reports


def entry(number: int) -> Entry:
    files = {f"ligands/000/{number:06d}{x}": 1 for x in ("_r1.dcd", "_r2.dcd", ".pdb")}
    return Entry(
        number=number,
        name=f"{number:06d}",
        title="t",
        file="f",
        record=number,
        protein="p",
        files=files,
    )


@pytest.fixture
def made(monkeypatch) -> list[tuple[object, ...]]:
    """Stands in for the package of reports; the second ligand has something wrong."""
    calls = []

    def write_report(trajectories, output, *, reference=None, title=None):
        calls.append(([x.name for x in trajectories], title))
        if output.name.startswith("000002"):
            raise InputError("it is empty.", hint="Fill it.")
        output.write_text("report")

    module = ModuleType("report")
    module.write_report = write_report
    monkeypatch.setitem(sys.modules, reports._MODULE, module)
    return calls


def test_each_of_the_best_gets_one(tmp_path, made):
    """All replicas in it; one that fails is a note, and the next is made."""
    best = [entry(k) for k in (1, 2, 3)]
    found, notes = write_reports(tmp_path, best, suffix=".dcd")
    assert found == {1: "reports/000001.html", 3: "reports/000003.html"}
    assert made[0] == (["000001_r1.dcd", "000001_r2.dcd"], "t")
    assert notes == ["No report of 000002: it is empty. Fill it."]


def test_without_the_package_a_note_says_how_to_get_it(tmp_path, monkeypatch):
    """And nothing is lost."""

    def missing(name: str) -> ModuleType:
        return import_module("surely_not_installed")

    monkeypatch.setattr(reports, "import_module", missing)
    found, notes = write_reports(tmp_path, [entry(1)], suffix=".dcd")
    assert found == {}
    assert "surely_not_installed is missing" in notes[0]
    assert "neuralmd[report]" in notes[0]
    assert write_reports(tmp_path, [], suffix=".dcd") == ({}, [])
