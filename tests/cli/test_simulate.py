"""`neuralmd simulate` as a user types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.cli.simulate import _shown
from neuralmd_cli.trajectory import Check
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from tests.toy import toy_model

EXAMPLE = Path(__file__).parents[2] / "examples" / "nik"


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A small checkpoint that states a test result."""
    path = tmp_path_factory.mktemp("weights") / "toy.safetensors"
    model = toy_model(
        friction_per_ps=0.025, tether_per_ps2=0.025**2 / 4, thermal_speed=0.005
    ).float()
    metrics = {
        "test_skill": 0.25,
        "test_skill_low": 0.125,
        "test_skill_high": 0.375,
        "test_complexes": 4.0,
    }
    metadata = CheckpointMetadata(
        name="toy",
        model="neuralmd-ode",
        config=model.config.to_dict(),
        metrics=metrics,
    )
    save_checkpoint(path, model.state_dict(), metadata)
    return path


def run(*arguments, protein=EXAMPLE / "nik.pdb"):
    line = ["simulate", "--protein", protein, *arguments]
    return CliRunner().invoke(app, [str(x) for x in line])


def nik(output, weights, *arguments):
    ligand = EXAMPLE / "ligand_13v.sdf"
    return run(
        "--ligand", ligand, "-o", output, "--weights", weights, "--ns", 0.4, *arguments
    )


def test_a_person_is_told_what_happened_and_how_far_to_trust_it(tmp_path, weights):
    """Motion, validity, contact, speed, skill beside a frozen ligand, files."""
    result = nik(tmp_path / "traj.dcd", weights)
    assert result.exit_code == 0, result.stderr
    for part in (
        "0.4 ns of 27 heavy atoms among 318 rigid residues: 5 snapshots",
        "ligand RMSD to the start at 400 ps",
        "bonds within 25 %",
        "closest contact",
        "snapshots/s on cpu",
        "toy had skill 0.250 (0.125 to 0.375)",
        "RMSF is no thermal motion",
        "traj.dcd",
    ):
        assert part in result.stdout, part


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (100.0, "%", "100 %"),
        (99.999, "%", "99.9 %"),
        (96.42, "%", "96.4 %"),
        (0.001, "%", "0.1 %"),
        (0.0, "%", "0 %"),
        (6.5e-8, "Å", "0.000 Å"),
        (0.251, "Å", "0.251 Å"),
    ],
)
def test_numbers_are_rounded_but_never_to_all_or_none(value, unit, shown):
    """99.999 % of bonds intact is not 100 %."""
    assert _shown(Check(name="x", value=value, unit=unit, meaning="")) == shown


@pytest.mark.parametrize("name", ["frozen", "linear", "observed-mean", "relaxed"])
def test_models_without_weights_run_and_say_what_they_are(tmp_path, name):
    """All but the oracle; the record has no weights, the summary calls it baseline."""
    output = tmp_path / "traj.dcd"
    ligand = EXAMPLE / "ligand_13v.sdf"
    options = ["--model", name, "--ns", 0.4, "--replicas", 2]
    result = run("--ligand", ligand, "-o", output, *options)
    assert result.exit_code == 0, result.stderr
    assert f"{name} is a baseline" in result.stdout
    assert f"All 2 replicas are the same: {name} draws nothing." in result.stderr
    same = "the same as frozen here" in result.stderr
    assert same == (name in ("linear", "observed-mean"))
    record = json.loads((tmp_path / "traj.json").read_text())
    assert record["model"] is None
    assert record["dynamics"]["system"] == name
    moved = [x["rmsd_max"]["value"] for x in record["results"]]
    assert moved[0] == moved[1]
    assert (moved[0] > 0.01) == (name == "relaxed")


def test_the_model_may_be_named_beside_its_weights(tmp_path, weights):
    """Which changes nothing, unless they are of another model."""
    result = nik(tmp_path / "traj.dcd", weights, "--model", "neuralmd-ode")
    assert result.exit_code == 0, result.stderr


def test_a_run_says_how_good_its_weights_are(tmp_path):
    """The bundled weights, by their own test."""
    ligand = EXAMPLE / "ligand_13v.sdf"
    for model, words in (("neuralmd-ode", "had skill"), ("neuralmd-sde", "with MD's")):
        output = tmp_path / f"{model}.dcd"
        result = run("--ligand", ligand, "-o", output, "--ns", 0.4, "--model", model)
        assert "complexes of proteins it never saw" in result.stdout
        assert words in result.stdout
        assert "do not rely on this" not in result.stdout


def test_json_on_stdout_is_the_record(tmp_path, weights):
    """Nothing but JSON on stdout, the same as in the file."""
    result = nik(tmp_path / "traj.dcd", weights, "--json", "--replicas", 2)
    printed = json.loads(result.stdout)
    assert printed == json.loads((tmp_path / "traj.json").read_text())
    assert printed["replicas"] == 2
    assert "replicas are the same" in result.stderr


def test_quiet_is_quiet(tmp_path, weights):
    """Files, and not a word but warnings."""
    result = nik(tmp_path / "traj.dcd", weights, "--quiet")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert all(x.startswith("Warning:") for x in result.stderr.splitlines())
    assert (tmp_path / "traj.dcd").is_file()


def test_rmsf_needs_no_more_than_the_trajectory(tmp_path, weights):
    """Topology and times are found beside it, for replicas too."""
    nik(tmp_path / "a.dcd", weights)
    nik(tmp_path / "b.xtc", weights, "--replicas", 2, "--v0", "thermal", "--hydrogens")
    for name in ("a.dcd", "b_r1.xtc", "b_r2.xtc"):
        result = CliRunner().invoke(app, ["rmsf", str(tmp_path / name), "--json"])
        assert result.exit_code == 0, result.stderr
        answer = json.loads(result.stdout)
        assert answer["snapshots"] == 5
        assert len(answer["atoms"]) == 27
        assert answer["windows"][0]["end_ps"] == pytest.approx(400)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--ns", "-1"], 1, "--ns must be a positive number"),
        (["--device", "cuda:9"], 1, "cuda"),
        (["--device", "gpu"], 2, "auto, cpu, cuda"),
        (["--step-ps", "0"], 2, "must be a positive"),
        (["--step-ps", "inf"], 2, "must be a positive"),
        (["--step-ps", "5", "--solver", "dopri5"], 2, "its steps itself"),
        (["--ns", "1e30"], 1, "snapshots; 1,000,000 can be kept"),
        (["--v0", "fast"], 2, "thermal"),
        (["--v0", "learned"], 1, "no network"),
        (["--weights", "neuralmd-odd"], 1, "neuralmd-odd"),
        (["--temperature-k", "-3"], 2, "must be a positive"),
        (["--temperature", "300"], 1, "--temperature-k means nothing to"),
        (["--free-shape"], 1, "these weights keep no shape of a ligand"),
        (["--model", "frosen"], 2, "there is no frosen; known are neuralmd-ode, neu"),
        (["--model", "frozen"], 1, "--weights: the model frozen has none"),
        (["--model", "mean-pose"], 1, "it can only be scored"),
    ],
)
def test_bad_options_are_one_message(tmp_path, weights, arguments, code, message):
    """Exit code 1 for what was asked, 2 for how; no traceback; nothing written."""
    result = nik(tmp_path / "traj.dcd", weights, *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_ligand_must_be_named(tmp_path, weights):
    """Neither --ligand nor --ligand-id."""
    result = run("-o", tmp_path / "traj.dcd", "--weights", weights)
    assert result.exit_code == 1
    assert "--ligand" in result.stderr
