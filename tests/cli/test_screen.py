"""`neuralmd screen` as a person or a program uses it."""

import json

import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from tests.screen.poses import PROTEIN, block, write_poses, write_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small checkpoint."""
    return write_weights(tmp_path_factory.mktemp("weights") / "toy.safetensors")


def run(*arguments):
    return CliRunner().invoke(app, ["screen", *(str(x) for x in arguments)])


def screen(folder, poses, weights, *arguments):
    return run(
        *("--protein", PROTEIN, "--ligands", poses, "--output", folder / "out"),
        *("--weights", weights, "--ns", 0.008, "--interval-ps", 4, "--jobs", 1),
        *arguments,
    )


def test_a_person_is_told_what_happened_and_what_to_make_of_it(tmp_path, weights):
    """Counts, the best, the rule, its limits, trust, failures, files; exit code 1."""
    poses = write_poses(tmp_path / "poses.sdf", 2)
    poses.write_text(poses.read_text() + block("far", 500.0))
    result = screen(tmp_path, poses, weights)
    assert result.exit_code == 1, result.stderr
    for part in (
        "2 of 3 ligands simulated, 0 of them flagged, 1 failed",
        "000001_pose_0",
        "Ranking: Poses without a flag come before",
        "It is not an affinity",
        "How far to trust it: the weights toy state no test result",
        "failures.csv",
        "index.html",
    ):
        assert part in " ".join(result.stdout.split()), part


def test_json_is_all_there_is_on_stdout(tmp_path, weights):
    """Exit code 0 when every ligand was simulated; the same command changes nothing."""
    poses = write_poses(tmp_path / "poses.sdf", 2)
    answer = None
    for now in (2, 0):
        result = screen(tmp_path, poses, weights, "--json", "--reports", 1)
        assert result.exit_code == 0, result.stderr
        answer = json.loads(result.stdout)
        assert answer["simulated_now"] == now
        assert (answer["results"], answer["failed"], answer["ligands"]) == (2, 0, 2)
        assert len(answer["best"]) == 2
    result = screen(tmp_path, poses, weights, "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")


def test_parts_and_their_merge(tmp_path, weights):
    """A part says what is next; --merge needs the folder alone."""
    poses = write_poses(tmp_path / "poses.sdf", 2)
    for k in (1, 2):
        result = screen(tmp_path, poses, weights, "--part", f"{k}/2")
        assert result.exit_code == 0, result.stderr
        assert "neuralmd screen --merge -o" in result.stdout
    result = run("--merge", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "2 of 2 ligands simulated" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--part", "3/2"], 1, "--part 3/2 names no part"),
        (["--part", "one"], 1, "--part one names no part"),
        (["--part", "1/2", "--overwrite"], 1, "what the other parts have done"),
        (["--merge"], 2, "it reads the folder alone"),
        (["--jobs", "0"], 2, "--jobs"),
        (["--trajectories", "trr"], 2, "trr"),
        (["--step-ps", "nan"], 2, "must be a positive number"),
        (["--ns", "-1"], 1, "--ns must be a positive number"),
        (["--manifest", "none.csv"], 2, "none.csv"),
        (["--model", "frozen"], 1, "the model frozen has none"),
        (["--device", "cuda:7"], 1, "cuda"),
    ],
)
def test_bad_options_are_one_message(tmp_path, weights, arguments, code, message):
    """No traceback, and no folder."""
    poses = write_poses(tmp_path / "poses.sdf", 1)
    result = screen(tmp_path, poses, weights, *arguments)
    assert result.exit_code == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out" / "screen.json").exists()


def test_there_is_nothing_to_merge_in_a_new_folder(tmp_path):
    """One message."""
    result = run("--merge", "-o", tmp_path)
    assert result.exit_code == 1
    assert "holds no screen" in result.stderr
