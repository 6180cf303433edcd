"""`neuralmd models` tells what one can simulate with."""

import json

from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.models.names import DEFAULT_MODEL, PLACES


def run(*arguments):
    result = CliRunner().invoke(app, ["models", *arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_every_model_is_listed_whole():
    """Names can be copied; the default is marked."""
    shown = run().split()
    assert set(PLACES) <= set(shown)
    assert shown[shown.index("(default)") - 1] == DEFAULT_MODEL


def test_json_says_what_each_needs():
    """Weights and where they are, randomness, and whether it can simulate at all."""
    rows = {x["name"]: x for x in json.loads(run("--json"))}
    assert list(rows) == list(PLACES)
    ode, frozen, oracle = (rows[x] for x in ("neuralmd-ode", "frozen", "mean-pose"))
    assert ode["default"]
    assert ode["needs_weights"]
    assert ode["random"] == "with --v0 thermal"
    bundled = {"name": "neuralmd-ode", "default": True, "where": "bundled"}
    assert bundled in ode["weights"]
    assert not frozen["needs_weights"]
    assert frozen["weights"] == []
    assert frozen["random"] is None
    assert frozen["simulates"]
    assert not oracle["simulates"]
