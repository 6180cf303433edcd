"""`neuralmd eval` from files to tables, and what it refuses."""

import csv
import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from neuralmd_cli.analysis.metric_table import METRICS
from neuralmd_cli.benchmark.contenders import BASELINES
from neuralmd_cli.benchmark.files import NAMES
from neuralmd_cli.cli.main import app
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from tests.dataset.synthetic import write_complex
from tests.toy_data import tiny_model


@pytest.fixture
def data(tmp_path):
    """Two complexes of 100 snapshots, and a split that tests both."""
    path = tmp_path / "two.hdf5"
    for seed, name in enumerate(("1ABC", "2ABC")):
        write_complex(path, name, seed=seed)
    split = tmp_path / "split.toml"
    split.write_text('train = ["3ABC"]\ntest = ["1abc", "2ABC"]\n')
    return path, split


def weights(folder, seed: int):
    """A checkpoint of a tiny model."""
    model: NeuralODE = tiny_model()
    config = replace(model.config, step_ps=400.0)
    path = folder / f"tiny-{seed}.safetensors"
    metadata = CheckpointMetadata(
        name=f"tiny-seed-{seed}",
        model="neuralmd-ode",
        config=config.to_dict(),
        training_seed=seed,
    )
    save_checkpoint(path, model.float().state_dict(), metadata)
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def answer(*arguments):
    """The JSON, of a run that succeeded."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_all_files_are_written_and_agree(data, tmp_path):
    """Baselines always; two seeds of one recipe share a row; no NaN in JSON."""
    path, split = data
    out = tmp_path / "out"
    made = [x for seed in (0, 42) for x in ("--weights", weights(tmp_path, seed))]
    result = run("--data", path, "--split", split, *made, "-o", out)
    assert result.exit_code == 0, result.output
    assert sorted(x.name for x in out.iterdir()) == sorted(NAMES)
    table = json.loads((out / "table.json").read_text())
    assert [x["name"] for x in table["rows"]] == [*BASELINES, "tiny"]
    assert table["rows"][-1]["seeds"] == [0, 42]
    with (out / "results.csv").open() as file:
        results = list(csv.DictReader(file))
    assert len(results) == 2 * (len(BASELINES) + 2)
    frozen = [float(x["position_rmsd"]) for x in results if x["row"] == "frozen"]
    cell = table["rows"][0]["cells"]["position_rmsd"]
    assert cell["value"] == pytest.approx(sum(frozen) / 2, rel=1e-5)
    with (out / "table.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 6 * len(METRICS)
    record = json.loads((out / "run.json").read_text())
    assert record["complexes"] == ["1ABC", "2ABC"]
    assert {x["training_seed"] for x in record["weights"]} == {0, 42}
    assert len(record["data"]["two.hdf5"]) == 64
    assert "| frozen |" in (out / "table.md").read_text()
    assert r"\toprule" in (out / "table.tex").read_text()


def test_relaxed_works_on_files_without_a_smiles(data):
    """Bond orders follow from the hydrogens."""
    path, split = data
    rows = answer("--data", path, "--split", split, "--model", "frozen")["rows"]
    assert [x["failed"] for x in rows] == [{}] * len(BASELINES)


def test_a_trajectory_is_divided_in_time(data):
    """80 seen, 20 predicted, unless said otherwise."""
    path, _ = data
    found = answer("--data", path, "--trajectory", "2ABC", "--model", "frozen")
    assert (found["protocol"]["observe"], found["protocol"]["predict"]) == (80, 20)
    found = answer(
        *("--data", path, "--trajectory", "2ABC", "--model", "frozen"),
        *("--observe", 20, "--predict", 10),
    )
    assert found["protocol"]["observe"] == 20


def test_the_screen_shows_the_paper_beside_ours_within_100_columns(data, monkeypatch):
    """By the name of the split or trajectory."""
    monkeypatch.setenv("COLUMNS", "100")
    path, _ = data
    write_complex(path, "5WIJ", seed=3)
    result = run("--data", path, "--trajectory", "5WIJ", "--protocol", "single")
    assert result.exit_code == 0, result.output
    assert "the paper's" in result.stdout
    assert "2.252 ± 0.16" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_a_complex_that_is_too_short_is_named_and_the_others_scored(data):
    """On stderr and in JSON."""
    path, split = data
    write_complex(path, "3ABC", seed=5, frames=30, attributes={"spacing_ps": 80.0})
    split.write_text('test = ["1ABC", "3ABC"]\n')
    common = ("--data", path, "--split", split, "--model", "frozen", "--observe", 60)
    assert list(answer(*common)["unusable"]) == ["3ABC"]
    result = run(*common)
    assert "Not scored: 3ABC. 3ABC has 30 snapshots" in result.stderr
    assert "1 recording" in result.stdout


REFUSED = [
    ([], 1, "There is nothing to score"),
    (["--split", "own-md", "--trajectory", "X"], 1, "exclude each other"),
    (["--split", "nosuch"], 1, "There is no split or file named nosuch"),
    (["--split", "own-md"], 1, "4 of 4 complexes of own-md are not there"),
    (["--split", "misato-100"], 1, "neuralmd data fetch misato-100 --part test"),
    (["--trajectory", "1ABC", "--observe", "99", "--predict", "5"], 1, "at least 104"),
    (["--trajectory", "1ABC", "--model", "best"], 2, "there is no best"),
    (["--trajectory", "1ABC", "--weights", "no.pth"], 1, "no.pth"),
    (["--trajectory", "1ABC", "--seeds", "1,1"], 2, "different whole numbers"),
    (["--trajectory", "1ABC", "--protocol", "single", "--observe", "2"], 1, "exclude"),
    (["--trajectory", "1ABC", "--epochs", "2"], 2, "of the training"),
    (["--trajectory", "1ABC", "--trajectory", "2ABC"], 2, "give one"),
    (["--reproduce", "table1"], 2, "needs -o FOLDER"),
    (["--reproduce", "table1", "--observe", "2", "-o", "x"], 2, "means nothing"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), REFUSED)
def test_what_makes_no_sense_is_refused(data, arguments, code, message):
    """In one message, by exit code 1 or 2."""
    result = run("--data", data[0], *arguments)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())


def test_a_folder_with_files_of_others_is_left_alone(data, tmp_path):
    """Before any work; its own earlier results may be replaced."""
    path, _ = data
    out = tmp_path / "out"
    out.mkdir()
    (out / "table.csv").write_text("mine")
    common = ("--data", path, "--trajectory", "1ABC", "--model", "frozen", "-o", out)
    result = run(*common)
    assert result.exit_code == 1
    assert "comes from no earlier evaluation" in result.stderr
    (out / "table.csv").unlink()
    assert run(*common).exit_code == 0
    assert run(*common).exit_code == 0
