"""scripts/survey_simulate.py ends every input in a row, whatever becomes of it."""

import runpy
import shutil
from pathlib import Path

import pytest
import torch

from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from tests.toy import toy_model

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "survey_simulate.py"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Shared data of one good complex and one empty structure; the rest is missing."""
    data = tmp_path / "data"
    for name in ("complexes/nik", "structures/pdb", "structures/mmcif"):
        (data / name).mkdir(parents=True)
    (data / "structures" / "edge_cases").mkdir()
    (data / "structures" / "edge_cases" / "empty.pdb").touch()
    example = ROOT / "examples" / "nik"
    shutil.copy(example / "nik.pdb", data / "complexes" / "nik" / "protein.pdb")
    shutil.copy(example / "ligand_13v.sdf", data / "complexes" / "nik" / "ligand.sdf")
    model = toy_model(friction_per_ps=0.025, tether_per_ps2=0.025**2 / 4).float()
    metadata = CheckpointMetadata(
        name="toy", model="neuralmd-ode", config=model.config.to_dict()
    )
    save_checkpoint(tmp_path / "toy.safetensors", model.state_dict(), metadata)
    return tmp_path


def test_every_input_ends_in_a_row(folder, monkeypatch):
    """Numbers for the good one, the message for all others, and no bug among them."""
    output, weights = folder / "survey.md", folder / "toy.safetensors"
    arguments = [str(SCRIPT), str(folder), str(output), "--weights", str(weights)]
    monkeypatch.setattr("sys.argv", arguments)
    threads = torch.get_num_threads()
    try:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    finally:
        torch.set_num_threads(threads)
    rows = [x for x in output.read_text().splitlines() if x.startswith("| ")]
    rows = [x for x in rows if not x.startswith("| input |")]
    assert {x.count("|") for x in rows} == {11}
    assert [x.split(" | ")[0] for x in rows if "| ok |" in x] == ["| nik"]
    assert "| nik | 318 | 27 | ok |" in output.read_text()
    assert any("empty.pdb is empty" in x for x in rows)
    assert not any("BUG" in x for x in rows)
