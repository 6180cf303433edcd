"""neuralmd md and finetune on the command line."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.md import amber
from neuralmd_cli.structure.ligand import read_ligand
from neuralmd_cli.topology import ligand_topology
from neuralmd_cli.writers import write_topology_pdb, write_trajectory
from tests.holding import held_elsewhere

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
    assert facts["energy_kj"] < 10 * facts["atoms"]
    assert any("73 of 318 residues" in x for x in facts["notes"])


def test_output_or_store_is_needed(tmp_path):
    """A simulation that is written nowhere is refused."""
    pytest.importorskip("openmm", reason="the extra md is not installed")
    result = CliRunner().invoke(app, ["md", *INPUT])
    assert result.exit_code == 1
    assert "--output" in result.stderr


def shaken(path: Path, n_frames: int, size: float, shift: float = 0.0) -> list[str]:
    """A trajectory of the ligand alone, each snapshot drawn about the pose; options.

    With a shift, every other snapshot is drawn about a pose so much (Å) to one side.
    """
    ligand = read_ligand(EXAMPLE / "ligand_13v.sdf")
    start = ligand.ligand.positions
    noise = torch.randn(n_frames, *start.shape, generator=torch.manual_seed(1))
    topology = ligand_topology(ligand.molecule, with_hydrogens=False)
    times = 80.0 * torch.arange(1, n_frames + 1)
    offset = torch.zeros(n_frames, 1, 3)
    offset[1::2, :, 0] = shift
    write_trajectory(path, start + offset + size * noise, times, topology)
    write_topology_pdb(path.with_suffix(".pdb"), start, topology)
    return [*INPUT, "--trajectory", str(path)]


def test_finetune_learns_from_a_ligand_alone(tmp_path):
    """What md writes by default is enough: the protein is that of its file."""
    words = shaken(tmp_path / "ref.dcd", 25, 0.3)
    words += ["-o", str(tmp_path / "my.safetensors"), "--weights", "none", "--json"]
    words += ["--preset", "quick", "--epochs", "1", "--set", "pull_epochs=0"]
    result = CliRunner().invoke(app, ["finetune", *words])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["snapshots"] == 25
    assert facts["seen"] == 20
    held_out = facts["held_out"]
    assert set(held_out) == {"frozen", "observed-mean", "fine-tuned"}
    # Noise about one pose: its mean is the best guess there is.
    assert (
        held_out["observed-mean"]["position_rmsd"]
        < (held_out["frozen"]["position_rmsd"])
    )
    assert (tmp_path / "my.safetensors").is_file()
    assert not (tmp_path / "my.safetensors.work").exists()


def test_two_do_not_train_for_one_output(tmp_path):
    """The second ends with a message, before it reads or makes anything."""
    words = shaken(tmp_path / "ref.dcd", 25, 0.3)
    before = sorted(tmp_path.iterdir())
    output = tmp_path / "my.safetensors"
    with held_elsewhere(output):
        result = CliRunner().invoke(app, ["finetune", *words, "-o", str(output)])
        assert sorted(x for x in tmp_path.iterdir() if x.suffix != ".lock") == before
    assert result.exit_code == 1
    assert "Another process is writing" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("frozen", "has no weights"),
        ("mine", "is not known"),
        ("gnnmd", "without default weights"),
    ],
)
def test_finetune_refuses_a_model_it_cannot_begin_with(tmp_path, model, message):
    """Before anything is read or written."""
    words = shaken(tmp_path / "ref.dcd", 25, 0.3)
    words += ["-o", str(tmp_path / "my.safetensors"), "--model", model]
    result = CliRunner().invoke(app, ["finetune", *words])
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (tmp_path / "my.safetensors.work").exists()


@pytest.mark.parametrize(
    "model", ["neuralmd-ode", pytest.param("neuralmd-sde", marks=pytest.mark.slow)]
)
def test_finetune_of_the_bundled_weights_says_what_it_learned(tmp_path, model):
    """Swings about a place 0.5 Å away: that place is learned, and the rows say so."""
    words = shaken(tmp_path / "ref.dcd", 25, 0.1, shift=0.5)
    words += ["-o", str(tmp_path / "my.safetensors"), "--model", model]
    words += [*"--epochs 1 --set pull_epochs=0 --set starts_per_epoch=1".split()]
    result = CliRunner().invoke(app, ["finetune", *words, "--json"])
    assert result.exit_code == 0, result.output
    assert "epoch 0, stage before, skill" in result.stderr
    facts = json.loads(result.stdout)
    assert facts["push_refitted"]
    errors = {k: v["position_rmsd"] for k, v in facts["held_out"].items()}
    assert set(errors) == {
        *("frozen", "before", "fine-tuned", "observed-mean"),
        "fine-tuned, all shown",
    }
    assert errors["fine-tuned"] < errors["before"]


@pytest.mark.parametrize(
    ("n_frames", "size", "message"),
    [(10, 0.3, "holds 10 snapshots; at least 20"), (25, 0.0, "does not move")],
)
def test_finetune_refuses_what_teaches_nothing(tmp_path, n_frames, size, message):
    """Too few snapshots, or a ligand that stands still."""
    words = shaken(tmp_path / "ref.dcd", n_frames, size)
    words += ["-o", str(tmp_path / "my.safetensors")]
    result = CliRunner().invoke(app, ["finetune", *words])
    assert result.exit_code == 1
    assert message in result.stderr


@pytest.mark.parametrize(
    "words", [["--ligand-index", "2"], ["--smiles", "C"], ["--with-protein"]]
)
def test_what_a_table_would_ignore_is_refused(tmp_path, words):
    """An option that each line of the table gives, or a store has no use for."""
    pytest.importorskip("openmm", reason="the extra md is not installed")
    table = tmp_path / "t.csv"
    table.write_text("name,protein\nA,a.pdb\n")
    given = ["--manifest", str(table), "--store", str(tmp_path / "s.hdf5")]
    result = CliRunner().invoke(app, ["md", *given, *words])
    assert result.exit_code == 2
    assert words[0] in result.stderr
