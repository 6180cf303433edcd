import csv
import json

import pytest
import torch
import typer
from rdkit import Chem
from typer.testing import CliRunner

from neuralmd_cli.analysis.metric_table import METRICS
from neuralmd_cli.cli.compare import compare
from neuralmd_cli.errors import OutputError
from neuralmd_cli.topology import ligand_topology
from neuralmd_cli.writers import write_topology_pdb, write_trajectory

app = typer.Typer()
app.command()(compare)


@pytest.fixture
def pair(tmp_path):
    """Two runs of formamide, the second shifted by (3, -4, 0) Å; one DCD, one XTC."""
    molecule = Chem.MolFromSmiles("O=CN")
    start = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [1.9, 1.1, 0]])
    generator = torch.Generator().manual_seed(0)
    positions = start + 0.1 * torch.randn(12, 3, 3, generator=generator)
    topology = ligand_topology(molecule, with_hydrogens=False)
    paths = tmp_path / "one.dcd", tmp_path / "two.xtc"
    for path, shift in zip(paths, (0.0, 1.0), strict=True):
        moved = positions + shift * torch.tensor([3.0, -4.0, 0.0])
        write_trajectory(path, moved, 80.0 * torch.arange(1, 13), topology)
        write_topology_pdb(path.with_suffix(".pdb"), moved[0], topology)
    return paths


def run(*arguments):
    result = CliRunner().invoke(app, [str(x) for x in arguments])
    if result.exception is not None:
        raise result.exception
    return result


def test_json_has_every_metric_with_its_meaning(pair):
    """A shift by 5 Å is 7 Å in MAE and 5 Å in RMSD and place; the shape is right."""
    answer = json.loads(run(*pair, "--json").stdout)
    found = {m["name"]: m for m in answer["metrics"]}
    timed = {"fps", "snapshots_per_s"}
    assert set(found) == {m.name for m in METRICS} - timed
    for name, expected in [
        ("mae", 7),
        ("rmse", 5),
        ("position_rmsd", 5),
        ("centre_of_mass_error", 5),
        ("pair_stability", 100),
    ]:
        assert found[name]["predicted"] == pytest.approx(expected, abs=0.02), name
    assert found["internal_rmsd"]["predicted"] < 0.02
    assert found["mae"]["unit"] == "Å"
    assert found["mae"]["definition"] == "published"
    assert answer["snapshots"] == 12
    assert (answer["first_ps"], answer["last_ps"]) == (80, 960)
    assert answer["superposed"] == "none"


def test_what_is_undefined_is_null(pair):
    """JSON knows no NaN: no protein to collide with, no bond that could turn."""
    result = run(*pair, "--json")
    assert "NaN" not in result.stdout
    found = {m["name"]: m["predicted"] for m in json.loads(result.stdout)["metrics"]}
    assert found["binding_collision"] is None
    assert found["torsion_distance"] is None


def test_a_person_sees_both_definitions_and_what_was_compared(pair):
    """One line on the files, two tables, and notes on stderr."""
    result = run(*pair)
    assert "one.dcd against two.xtc: LIG:L:1, 3 heavy atoms, 12 snapshots" in (
        result.stdout
    )
    assert "By the paper's definitions" in result.stdout
    assert "Skill" in result.stdout
    assert "Note: collisions with a protein are undefined" in result.stderr


def test_csv_has_the_values_of_the_json(pair, tmp_path):
    """A line per metric; empty where undefined."""
    table = tmp_path / "scores.csv"
    answer = json.loads(run(*pair, "--json", "--csv", table).stdout)
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(answer["metrics"])
    for row, wanted in zip(rows, answer["metrics"], strict=True):
        assert row["name"] == wanted["name"]
        for pose in ("predicted", "frozen", "mean_pose"):
            value = float(row[pose]) if row[pose] else None
            assert value == pytest.approx(wanted[pose], abs=1e-6)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("suffix", [None, ".pdb"])
def test_results_are_never_written_over_an_input(pair, index, suffix):
    """Neither over a trajectory nor over a topology found beside it."""
    file = pair[index].with_suffix(suffix) if suffix else pair[index]
    before = file.read_bytes()
    with pytest.raises(OutputError, match="which is an input"):
        run(*pair, "--csv", file)
    assert file.read_bytes() == before


def test_topologies_and_ligands_can_be_named(pair, tmp_path):
    """Trajectories apart from their topologies, the residue named for each."""
    moved = [p.rename(tmp_path / f"x_{p.name}") for p in pair]
    options = ("--top", pair[0].with_suffix(".pdb"))
    options += ("--reference-top", pair[1].with_suffix(".pdb"))
    options += ("--ligand-residue", "LIG", "--reference-ligand-residue", "LIG:L:1")
    assert json.loads(run(*moved, *options, "--json").stdout)["heavy_atoms"] == 3


def test_a_real_protein_that_tumbles_is_superposed(shared):
    """A GPCR's runs joined end to end: by number only, and not by time."""
    folder = shared / "data" / "trajectories"
    top = folder / "ht1b_lig_top.pdb"
    file = folder / "ht1b_lig_traj.xtc"
    arguments = (file, file, "--top", top, "--reference-top", top)
    result = run(*arguments, "--match", "frames")
    assert "seen from the pocket of the reference's start" in result.stdout
    assert "250 snapshots\n" in result.stdout
    assert result.stderr.count("times do not always grow") == 1
