"""What is broken is found, said, and told apart from what is only not there."""

import json
import sys
from importlib import metadata

import pytest
import torch
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.doctor import machine, packages, self_test, stored
from neuralmd_cli.errors import WeightsError
from neuralmd_cli.weights.registry import load_registry


def doctor(*arguments):
    return CliRunner().invoke(app, ["doctor", *arguments])


def by_name(findings):
    return {x.name: x for x in findings}


def test_a_sound_installation_is_called_that():
    """Exit code 0, every section, and the rollout as stored."""
    result = doctor()
    assert result.exit_code == 0, result.stdout
    assert "Nothing is broken." in result.stdout
    for word in ("versions", "devices", "threads", "weights", "cache", "extras"):
        assert word in result.stdout
    assert "a tiny rollout moved 0.069049 Å, as it should" in result.stdout


def test_json_has_every_finding(monkeypatch):
    """And says whether something is broken, as the exit code does."""
    monkeypatch.setattr(self_test, "EXPECTED", 1.0)
    result = doctor("--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["ok"]) == (1, False)
    broken = [x for x in answer["findings"] if x["state"] == "broken"]
    assert [x["section"] for x in broken] == ["self-test"]
    assert "0.069049 Å instead of 1.000000 Å" in broken[0]["value"]


def test_the_rollout_is_the_same_in_single_precision(monkeypatch):
    """So the tolerance asks no more than a GPU can give."""
    system = self_test._system
    monkeypatch.setattr(self_test, "_system", lambda: system().float())
    moved = self_test.tiny_rollout(torch.device("cpu"))
    assert abs(moved - self_test.EXPECTED) < self_test.TOLERANCE / 10


@pytest.mark.parametrize(
    ("line", "state", "value"),
    [
        ("torch>=2.4", "ok", ""),
        ("torch>=99", "broken", "but neuralmd needs >=99"),
        ("no-such-library>=1", "broken", "not installed"),
    ],
)
def test_a_needed_library_must_be_there_and_new_enough(monkeypatch, line, state, value):
    """With the command that mends it."""
    monkeypatch.setattr(metadata, "requires", lambda name: [line])
    found = packages.versions()[-1]
    assert found.state == state
    assert value in found.value
    assert bool(found.hint) == (state == "broken")


def test_a_library_that_cannot_be_imported_is_broken(monkeypatch):
    """Being installed is not all."""
    monkeypatch.setattr(metadata, "requires", lambda name: ["gemmi>=0.6"])
    monkeypatch.setitem(sys.modules, "gemmi", None)
    found = packages.versions()[-1]
    assert found.state == "broken"
    assert "cannot be imported" in found.value


def test_a_missing_extra_is_no_fault(monkeypatch):
    """It is told with the command that adds it; `dev` is nobody's business."""
    lines = ["x>=1; extra == 'thing'", "torch>=2; extra == 'good'", "y; extra == 'dev'"]
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    found = by_name(packages.extras())
    assert set(found) == {"thing", "good"}
    assert (found["thing"].state, found["good"].state) == ("missing", "ok")
    assert found["thing"].hint == 'pip install "neuralmd[thing]"'
    assert found["thing"].value == "not installed: x"


def test_every_extra_of_this_package_is_looked_at():
    """Installed or from a checkout."""
    assert set(by_name(packages.extras())) >= {"plot", "data", "contacts"}


def test_damaged_weights_are_broken(monkeypatch):
    """By their hash; those that are only remote are counted."""
    name = load_registry().default().name

    def check(path, entry):
        if entry.name == name:
            raise WeightsError("wrong hash", hint="fetch again")

    monkeypatch.setattr(stored, "check", check)
    found = by_name(stored.weights())
    assert (found[name].state, found[name].value) == ("broken", "wrong hash")
    assert found["to fetch"].state == "ok"


def test_a_cache_that_is_a_file_is_broken(monkeypatch, tmp_path):
    """A folder that is not there yet is fine: it is made when it is needed."""
    monkeypatch.setenv("NEURALMD_CACHE", str(tmp_path / "a" / "b"))
    assert stored.cache()[0].state == "ok"
    (tmp_path / "a").write_text("")
    (found,) = stored.cache()
    assert found.state == "broken"
    assert "NEURALMD_CACHE" in found.hint


def test_more_threads_than_cores_are_pointed_out(monkeypatch):
    """Slow, not wrong."""
    monkeypatch.setattr(machine, "available_cores", lambda: 0)
    found = by_name(machine.threads())
    assert found["threads"].state == "missing"
    assert "OMP_NUM_THREADS" in found["threads"].hint
