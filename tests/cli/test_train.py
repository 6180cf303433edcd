"""`neuralmd train` as a user types it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.cli.training_progress import training_progress
from neuralmd_cli.training.epoch import EpochResult
from tests.toy_data import TINY, write_toy_set

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "nik"


def run(*arguments):
    return CliRunner().invoke(app, [str(x) for x in arguments])


@pytest.fixture(scope="module")
def toy_set(tmp_path_factory) -> tuple[Path, Path]:
    return write_toy_set(tmp_path_factory.mktemp("set"))


def settings(*more):
    return [y for x in (*TINY, *more) for y in ("--set", x)]


def test_a_training_ends_in_weights_that_simulate_runs(tmp_path, toy_set):
    """A line per epoch on stderr, the result on stdout, files in the folder."""
    data, split = toy_set
    folder = tmp_path / "run"
    result = run(
        *("train", "--model", "neuralmd-ode", "--split", split, "--data", data),
        *("--seed", 1, "-o", folder, *settings(), "--epochs", 1),
    )
    assert result.exit_code == 0, result.stderr
    assert "epoch 0, stage untrained" in result.stderr
    assert "epoch 2, stage rollout, loss" in result.stderr
    assert "validation skill" in result.stdout
    assert f"Wrote {folder / 'weights.safetensors'}" in result.stdout
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(x)["epoch"] for x in lines] == [0, 1, 2]
    simulated = run(
        *("simulate", "--protein", EXAMPLE / "nik.pdb"),
        *("--ligand", EXAMPLE / "ligand_13v.sdf", "--ns", 0.16),
        *("--weights", folder / "weights.safetensors", "-o", tmp_path / "x.dcd"),
    )
    assert simulated.exit_code == 0, simulated.stderr
    again = run("train", "--resume", "-o", folder, "--quiet")
    assert (again.exit_code, again.stdout) == (0, "")
    other = run("train", "--resume", "-o", folder, "--set", "error=mae")
    assert other.exit_code == 1
    assert "error was 'mse' and is now 'mae'" in other.stderr


def test_a_single_trajectory_is_trained_by_its_name(tmp_path, toy_set):
    """With a file in TOML, and files given after the first without --data."""
    data, _ = toy_set
    recipe = tmp_path / "mine.toml"
    recipe.write_text('[training]\nprotein = "first"\nheld_snapshots = 4\n')
    result = run(
        *("train", "--trajectory", "AAA2", "--data", data, data, "--quiet"),
        *("--recipe", recipe, "-o", tmp_path / "run", *settings("epochs=1")),
    )
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert (tmp_path / "run" / "weights.safetensors").is_file()


def test_a_grid_is_searched_and_shown(tmp_path, toy_set):
    """Two cells, in folders of their own."""
    data, split = toy_set
    grid = tmp_path / "grid.toml"
    table = "".join(f"{_toml(x)}\n" for x in TINY)
    (tmp_path / "base.toml").write_text(table.replace("epochs = 2", "epochs = 0"))
    grid.write_text('config = "base.toml"\n[grid]\nlearning_rate = [1e-3, 1e-4]\n')
    result = run(
        *("train", "--search", grid, "--split", split, "--data", data),
        *("-o", tmp_path / "grid"),
    )
    assert result.exit_code == 0, result.stderr
    assert "Training 2 of 2: learning_rate=0.0001" in result.stderr
    assert "learning_rate=0.001" in result.stdout
    assert (tmp_path / "grid" / "002" / "weights.safetensors").is_file()
    both = run(
        *("train", "--search", grid, "--epochs", 3, "--split", split),
        *("--data", data, "-o", tmp_path / "grid"),
    )
    assert both.exit_code == 2


def _toml(setting: str) -> str:
    key, _, value = setting.partition("=")
    table = "" if "." in key else "training."
    return f"{table}{key} = {value}"


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, toy_set):
    """SIGINT in the middle, exit code 130, and the command that is printed works."""
    data, split = toy_set
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "neuralmd_cli", "train", "--split", str(split)]
    command += ["--data", str(data), "-o", str(folder)]
    child = subprocess.Popen(
        [*command, *settings("epochs=2000")],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = folder / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not metrics.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=60)
    assert child.returncode == 130, stderr
    assert f"neuralmd train --resume -o {folder}" in stderr
    assert (folder / "state.safetensors").is_file()
    assert (folder / "weights.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "misato-100"], "neuralmd data fetch misato-100"),
        (["--preset", "fast", "--split", "own-md"], "Presets are default"),
        (["--set", "lr=1", "--split", "own-md"], "there is no key 'lr'"),
        (["--resume"], "holds no training to resume"),
    ],
)
def test_mistakes_are_answered_in_two_lines(tmp_path, arguments, message):
    """What is wrong, and what to do."""
    result = run("train", "-o", tmp_path / "run", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 2


def test_tensorboard_is_asked_for_where_it_is_missing(tmp_path, toy_set, monkeypatch):
    """Before the work, with the command that installs it."""
    data, split = toy_set
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    result = run(
        *("train", "--split", split, "--data", data, "-o", tmp_path / "run"),
        *("--tensorboard", *settings()),
    )
    assert result.exit_code == 1
    assert "neuralmd[tensorboard]" in result.stderr
    assert not (tmp_path / "run").exists()


def test_what_must_be_installed_is_said(tmp_path, monkeypatch):
    """h5py comes with an extra."""
    monkeypatch.setitem(sys.modules, "h5py", None)
    result = run("train", "--split", "own-md", "-o", tmp_path / "run")
    assert result.exit_code == 1
    assert "neuralmd[data]" in result.stderr


def test_a_terminal_gets_a_live_table(monkeypatch, capsys):
    """One row per epoch, and how far the one under way is."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = EpochResult(
        epoch=7, stage="pull", loss=0.25, learning_rate=1e-3, seconds=3700.0
    )
    with training_progress(quiet=False) as shown:
        shown.on_epoch(result)
        shown.on_batch(3, 22)
    shown_text = capsys.readouterr().err
    for part in ("epoch", "0.2500", "1:01:40", "batch 3 of 22"):
        assert part in shown_text
