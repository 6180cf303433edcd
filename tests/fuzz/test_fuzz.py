"""A short run of the fuzzer: `make fuzz` is the long one."""

import gc
import os
import random
import tempfile

import pytest

from neuralmd_cli.errors import InputError
from tests.fuzz import mutate, targets
from tests.fuzz.targets import BY_NAME, Target, WrongResult, damaged
from tests.fuzz.worker import case_random, run_case


@pytest.fixture(scope="module", autouse=True)
def few_to_collect():
    """Each case collects garbage; what other tests have loaded is none."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


CASES = {
    **{"protein": 50, "ligand": 80, "complex": 15, "ligand-id": 15, "smiles": 20},
    **{"trajectory": 30, "own-md": 8, "misato": 20, "store": 20, "checkpoint": 25},
    **{"pickle": 10, "registry": 15, "recipe": 15, "split": 15, "training-record": 15},
    **{"cell": 15, "http": 6},
}


@pytest.mark.parametrize("reader", CASES)
def test_no_damaged_file_gets_more_than_a_word(reader):
    """Accepted or refused, in bounded memory, silently and with nothing left behind."""
    found = [run_case(reader, 7, case) for case in range(CASES[reader])]
    bad = [x for x in found if x.outcome not in ("accepted", "refused")]
    assert not bad, bad
    assert any(x.outcome == "refused" for x in found)


@pytest.mark.parametrize("before", [None, "/nowhere"])
def test_what_runs_after_a_case_has_its_own_temporary_files(monkeypatch, before):
    """A browser, say, that was told to use a folder which is gone does not start."""
    monkeypatch.delenv("TMPDIR", raising=False)
    if before is not None:
        monkeypatch.setenv("TMPDIR", before)
        monkeypatch.setattr("tempfile.tempdir", tempfile.gettempdir())
    run_case("ligand", 7, 0)
    assert os.environ.get("TMPDIR") == before


def test_a_case_is_the_same_wherever_it_is_run():
    """So that a finding can be had again by its number."""
    for name, target in BY_NAME.items():
        first, again = (damaged(target, case_random(1, name, 3)) for _ in range(2))
        assert first == again, name


def test_every_mutator_changes_something():
    """On some draw; a mutator that does nothing tests nothing."""
    data = b"ATOM      1  N   ALA A   1      11.104   6.134  -6.504\n" * 20
    for mutator in {*mutate.ANY, *mutate.TEXT, *mutate.RARE}:
        assert any(mutator(data, random.Random(k)) != data for k in range(20)), mutator


@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: bytearray(1_000_000_000).find(b"x"), "memory"),
        (lambda: os.write(1, b"chatter"), "talk"),
        (lambda: open("left", "w").close(), "left behind"),
        (lambda: _raise(WrongResult("x")), "wrong result"),
        (lambda: _raise(InputError("x")), "no message or hint"),
        (lambda: _raise(InputError("x", hint="y")), "refused"),
        (lambda: None, "accepted"),
    ],
)
def test_the_fuzzer_sees_what_it_looks_for(monkeypatch, how, outcome):
    """Each kind of finding, made on purpose."""
    target = Target("made", lambda: ({"x.txt": b"1"},), lambda *_: how(), 1)
    monkeypatch.setitem(targets.BY_NAME, "made", target)
    assert run_case("made", 1, 0).outcome == outcome


def _raise(error: Exception) -> None:
    raise error
