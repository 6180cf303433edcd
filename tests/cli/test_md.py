"""neuralmd md and finetune on the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.md import amber

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "nik"
INPUT = [
    "--protein",
    str(EXAMPLE / "nik.pdb"),
    "--ligand",
    str(EXAMPLE / "ligand_13v.sdf"),
]


def test_a_missing_extra_is_one_message_with_the_command(monkeypatch):
    """Whatever is missing is named; nothing is begun."""
    monkeypatch.setattr(amber, "_found", lambda name: None)
    result = CliRunner().invoke(app, ["md", *INPUT, "-o", "ref.dcd"])
    assert result.exit_code == 1
    assert "antechamber" in result.stderr
    assert 'pip install "neuralmd[md]"' in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temperature", "0"], "positive"),
        (["--ph", "15"], "between 0 and 14"),
        (["--equilibration-ps", "-1"], "not be negative"),
        (["--solvent", "vacuum"], "vacuum"),
    ],
)
def test_bad_usage_is_told_before_any_work(words, message):
    """Exit code 2."""
    result = CliRunner().invoke(app, ["md", *INPUT, "-o", "ref.dcd", *words])
    assert result.exit_code == 2
    assert message in result.stderr


def test_prepare_only_says_what_would_be_simulated(tmp_path):
    """A droplet of the example: a part of its residues, water, and what was done."""
    pytest.importorskip("openmm", reason="the extra md is not installed")
    words = ["--solvent", "droplet", "--charges", "gasteiger", "--prepare-only"]
    result = CliRunner().invoke(app, ["md", *INPUT, *words, "--json"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["residues"] == 73
    assert facts["residues_full"] == 318
    assert 100 < facts["waters"] < 170
    assert facts["energy_kj"] < 0
    assert any("73 of 318 residues" in x for x in facts["notes"])


def test_output_or_store_is_needed(tmp_path):
    """A simulation that is written nowhere is refused."""
    pytest.importorskip("openmm", reason="the extra md is not installed")
    result = CliRunner().invoke(app, ["md", *INPUT])
    assert result.exit_code == 1
    assert "--output" in result.stderr


def test_finetune_learns_from_a_ligand_alone(tmp_path):
    """What simulate wrote is enough: the protein is that of its file."""
    source = tmp_path / "sim.dcd"
    made = CliRunner().invoke(
        app, ["simulate", *INPUT, "--ns", "2", "-o", str(source), "-q"]
    )
    assert made.exit_code == 0, made.output
    words = ["--trajectory", str(source), "-o", str(tmp_path / "my.safetensors")]
    words += ["--preset", "quick", "--epochs", "1", "--set", "pull_epochs=0"]
    words += ["--weights", "none", "--json"]
    result = CliRunner().invoke(app, ["finetune", *INPUT, *words])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["snapshots"] == 25
    assert facts["seen"] == 20
    assert set(facts["held_out"]) == {"frozen", "observed-mean", "fine-tuned"}
    assert (tmp_path / "my.safetensors").is_file()
    assert not (tmp_path / "my.safetensors.work").exists()


def test_finetune_refuses_too_short_a_trajectory(tmp_path):
    """With how many snapshots there are, and how many it takes."""
    source = tmp_path / "sim.dcd"
    words = ["simulate", *INPUT, "--ns", "0.8", "-o", str(source), "-q"]
    assert CliRunner().invoke(app, words).exit_code == 0
    words = ["--trajectory", str(source), "-o", str(tmp_path / "my.safetensors")]
    result = CliRunner().invoke(app, ["finetune", *INPUT, *words])
    assert result.exit_code == 1
    assert "holds 10 snapshots; at least 20" in result.stderr
