"""The published protocols give the numbers of the authors' own evaluation."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neuralmd_cli.benchmark.cases import make_case
from neuralmd_cli.benchmark.contenders import Contender, baselines
from neuralmd_cli.benchmark.evaluate import evaluate
from neuralmd_cli.benchmark.protocol import PROTOCOLS
from neuralmd_cli.benchmark.rollout import roll_out
from neuralmd_cli.benchmark.table import make_rows
from neuralmd_cli.models.system import Settings
from tests.benchmark.recordings import golden_recording
from tests.golden import golden_model

CPU = torch.device("cpu")
ROWS = {"frozen": "frozen", "constvel": "linear"}
METRICS = ("mae", "rmse", "matching", "stability", "ligand_collision")
MULTI = ["A", "B", "C", "osc0.5", "osc2", "rigid1"]


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "goldens" / "golden_metrics.npz") as file:
        return dict(file)


def scored(protocol: str, recordings):
    """Scores by row and complex."""
    rule = PROTOCOLS[protocol]
    cases = [make_case(x, rule) for x in recordings]
    few = [x for x in baselines() if x.row in ROWS.values()]
    return evaluate(few, cases, rule, device=CPU)


def assert_equal(published, golden, key):
    for metric in (*METRICS, "binding_collision"):
        wanted = float(golden[f"{key}.{metric}"])
        # They add up float32 steps; what that loses shows in the fifth digit.
        assert getattr(published, metric) == pytest.approx(wanted, rel=2e-5, abs=1e-6)


@pytest.mark.parametrize("name", MULTI)
def test_the_multi_protocol_is_the_authors(shared, golden, name):
    """From snapshot 0, snapshots 1 to 99, for a ligand that stays."""
    frozen, _ = scored("multi-published", [golden_recording(shared / "goldens", name)])
    assert_equal(frozen.published, golden, f"multi.frozen.{name}")


def test_a_test_set_is_pooled_as_theirs(shared, golden):
    """Three complexes, each atom and frame counted as they count it."""
    names = [golden_recording(shared / "goldens", x) for x in "ABC"]
    rows = make_rows(scored("multi-published", names), "misato-100")
    for row, (theirs, _) in zip(rows, ROWS.items(), strict=True):
        for metric in METRICS:
            wanted = float(golden[f"multi.{theirs}.batch1.{metric}"])
            assert row.cells[metric].value == pytest.approx(wanted, rel=2e-5)


def test_the_single_protocol_is_the_authors(shared, golden):
    """From snapshot 79 with the velocity from 78, snapshots 80 to 99."""
    scores = scored("single-published", [golden_recording(shared / "goldens", "A")])
    for theirs, score in zip(ROWS, scores, strict=True):
        assert_equal(score.published, golden, f"single.{theirs}.A")


def test_a_model_is_restarted_at_each_snapshot_as_theirs(shared, golden):
    """Velocities by the network from the last two positions, predicted ones too."""
    folder = shared / "goldens"
    model = golden_model(folder, "binding01_single", torch.float32)
    # Model time is snapshots/100 there, and a step one snapshot.
    recording = replace(golden_recording(folder, "A"), spacing_ps=0.01)
    rule = PROTOCOLS["single-published"]
    case = make_case(recording, rule)
    settings = model.settled(Settings(v0="learned", step_ps=0.01))
    (found,) = roll_out(model, [case], rule, settings, seed=0, device=CPU)
    theirs = torch.from_numpy(golden["single.binding01_single_scaling100.A.pred"])
    torch.testing.assert_close(found.positions, theirs, atol=2e-4, rtol=0)
    contender = Contender(row="theirs", system=model)
    (score,) = evaluate([contender], [case], rule, settings=settings, device=CPU)
    key = "single.binding01_single_scaling100.A"
    assert score.published.mae == pytest.approx(float(golden[f"{key}.mae"]), rel=1e-4)
