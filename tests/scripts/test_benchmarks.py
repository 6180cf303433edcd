"""Scripts and benchmarks keep up with the package."""

import runpy
import sys
from pathlib import Path

import pytest
import torch

from neuralmd_cli.bindingnet.protein import ProteinEncoder
from neuralmd_cli.complex import collate
from tests.toy import toy_complex, toy_model

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
PROGRAMS = sorted([*ROOT.glob("scripts/*.py"), *BENCHMARKS.glob("*.py")])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda x: x.name)
def test_every_program_finds_what_it_imports(program, monkeypatch):
    """Nothing of it is run."""
    monkeypatch.syspath_prepend(str(program.parent))
    runpy.run_path(str(program), run_name="imported")


def test_encoding_again_changes_the_work_and_not_the_result(monkeypatch):
    """Three steps: the protein is encoded once, on either path, or three times."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "training", raising=False)
    from training import AsWritten, EncodingAgain, evaluated_by

    calls = []
    forward = ProteinEncoder.forward

    def counted(self, batch):
        calls.append(1)
        return forward(self, batch)

    monkeypatch.setattr(ProteinEncoder, "forward", counted)
    model = toy_model(friction_per_ps=0.025, tether_per_ps2=0.025**2 / 4)
    batch = collate([toy_complex()])
    times = [40.0, 80.0, 120.0]
    ends = []
    kinds = (AsWritten, EncodingAgain)
    for each in (model, *(evaluated_by(x, model).double() for x in kinds)):
        calls.clear()
        with torch.no_grad():
            *_, (_, end) = each.solve(batch, torch.zeros_like(batch.positions), times)
        ends.append((len(calls), end))
    assert [n for n, _ in ends] == [1, 1, 3]
    for _, end in ends[1:]:
        torch.testing.assert_close(end, ends[0][1], rtol=0, atol=1e-10)


def test_two_result_files_are_compared_number_by_number(monkeypatch):
    """Those that both have, with the ratio; text and what one lacks is left out."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    compared = runpy.run_path(str(BENCHMARKS / "run.py"), run_name="imported")[
        "compared"
    ]
    before = {"machine": "a", "rows": [{"ms": 4.0, "only": 1}, {"ms": 2.0}]}
    after = {"machine": "b", "rows": [{"ms": 2.0}]}
    assert compared(before, after) == ["rows[0].ms: 4 -> 2 (0.50)"]
