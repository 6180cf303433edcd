"""The commands that look at a trajectory, on a small run of ours."""

import csv
import json

import pytest
import torch
from rdkit import Chem
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from tests.scenes import SMILES, heavy_start, molecule, write_run


@pytest.fixture(scope="module")
def full():
    return molecule()


@pytest.fixture
def path(tmp_path, full):
    """Six snapshots; from the fourth on the ligand is 3 Å away, in the fifth torn."""
    frames = heavy_start(full).repeat(6, 1, 1)
    frames[3:] += torch.tensor([0.0, 3.0, 0.0])
    frames[4, 2] += 2.0
    return write_run(tmp_path, frames, full)


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(x) for x in arguments])
    assert result.exit_code == code, result.output
    return result


def answer(*arguments):
    return json.loads(run(*arguments, "--json").stdout)


COMMANDS = ("stability", "torsions", "cluster", "rmsf")


@pytest.mark.parametrize("command", COMMANDS)
def test_table_csv_json_and_figure(command, path, tmp_path):
    """Every command has all four, and says which files it wrote."""
    table, figure = tmp_path / "a.csv", tmp_path / "a.png"
    shown = run(command, path, "--csv", table, "--plot", figure).stdout
    assert f"Wrote {table}" in shown
    assert f"Wrote {figure}" in shown
    assert figure.read_bytes().startswith(b"\x89PNG")
    with table.open() as file:
        assert len(list(csv.DictReader(file))) > 1
    assert answer(command, path)["ligand"] == "LIG:L:1"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("suffix", [".dcd", ".pdb", ".sdf"])
def test_no_input_is_written_over(command, path, suffix):
    """Trajectory, topology, and the bond orders beside them."""
    file = path.with_suffix(suffix)
    before = file.read_bytes()
    result = run(command, path, "--csv", file, code=1)
    assert "which is an input" in result.stderr
    assert file.read_bytes() == before


def test_stability_names_the_snapshot_that_broke(path):
    """Odd from the fourth on, broken in the fifth; the atoms are named."""
    found = answer("stability", path)
    assert found["first_odd_snapshot"] == 4
    assert found["first_broken_snapshot"] == 5
    bonds = next(x for x in found["checks"] if x["name"] == "bond_lengths")
    assert bonds["verdicts"] == ["ok"] * 4 + ["broken", "ok"]
    assert bonds["worst_atoms"] == "C2-O1"
    shown = run("stability", path).stdout
    assert "First broken at snapshot 5 (400 ps): Bond lengths" in shown
    assert "Not judged: Protein contact" in shown


def test_stability_counts_snapshots_of_the_file(path):
    """With --every 2 the fifth is the third looked at, and still called 5."""
    assert answer("stability", path, "--every", 2)["first_broken_snapshot"] == 5


def test_stability_against_a_reference(path):
    """The paper's two metrics, on screen and as JSON."""
    shown = run("stability", path, "--reference", path).stdout
    assert "Stability 100.0 %" in shown
    found = answer("stability", path, "--reference", path)["reference"]
    assert found["matching_angstrom"] == pytest.approx([0] * 6, abs=1e-6)


def test_reference_options_need_a_reference(path):
    """They would otherwise be ignored in silence."""
    result = run("stability", path, "--reference-top", path, code=1)
    assert "without a reference" in result.stderr


def test_torsions_of_single_bonds_only(path):
    """The amide does not count; without bond orders it does, and a note says so."""
    names = ["-".join(x["atoms"]) for x in answer("torsions", path)["torsions"]]
    assert len(names) == 2
    path.with_suffix(".sdf").unlink()
    result = run("torsions", path, "--json")
    assert len(json.loads(result.stdout)["torsions"]) == 3
    assert "amides and double bonds are among" in result.stderr


@pytest.fixture
def broken(tmp_path, full):
    """A DCD whose second snapshot is no number, which ours never are."""
    from mdtraj.formats import DCDTrajectoryFile

    frames = heavy_start(full).repeat(3, 1, 1)
    path = write_run(tmp_path, frames, full)
    frames[1, 0] = torch.nan
    with DCDTrajectoryFile(str(path), "w") as file:
        file.write(frames.numpy())
    return path


def test_a_run_that_broke_down_is_told_from_one_that_did_not(broken):
    """Stability says when; the others refuse it and say so."""
    assert answer("stability", broken)["first_broken_snapshot"] == 2
    for command in ("torsions", "cluster"):
        result = run(command, broken, code=1)
        assert "snapshot 2 of those read has coordinates" in result.stderr


def test_nothing_that_turns_is_said(tmp_path):
    """Benzene."""
    ring = molecule("c1ccccc1")
    path = write_run(tmp_path, heavy_start(ring)[None], ring)
    assert "has no bond that can turn" in run("torsions", path, code=1).stderr


def test_clusters_and_their_poses(path, tmp_path):
    """Two places, a record each, in the trajectory's coordinates, with hydrogens."""
    sdf = tmp_path / "poses.sdf"
    found = answer("cluster", path, "-o", sdf, "--cutoff-angstrom", 2)
    assert [x["size"] for x in found["clusters"]] == [3, 3]
    assert found["cluster_of_snapshot"] == [1, 1, 1, 2, 2, 2]
    poses = [x for x in Chem.SDMolSupplier(str(sdf)) if x is not None]
    assert [x.GetProp("snapshot") for x in poses] == ["1", "4"]
    assert {Chem.MolToSmiles(x) for x in poses} == {Chem.CanonSmiles(SMILES)}
    shift = (
        poses[1].GetConformer().GetPositions() - poses[0].GetConformer().GetPositions()
    )
    assert shift[:, 1] == pytest.approx([3.0] * len(shift), abs=1e-3)


def test_poses_are_sdf(path, tmp_path):
    """Another suffix, and bond orders that nobody knows, are refused first."""
    result = run("cluster", path, "-o", tmp_path / "a.pdb", code=1)
    assert "poses are written as SDF" in result.stderr
    path.with_suffix(".sdf").unlink()
    result = run("cluster", path, "-o", tmp_path / "a.sdf", code=1)
    assert "needs the ligand's bond orders" in result.stderr


def test_contacts_say_what_they_lack(path):
    """A run whose protein cannot be found."""
    pytest.importorskip("prolif")
    result = run("contacts", path, code=1)
    assert "needs the protein" in result.stderr
    assert "--protein" in result.stderr


def test_contacts_of_the_example(shared, tmp_path):
    """Table, CSV, JSON and figure, with the protein given."""
    pytest.importorskip("prolif")
    folder = shared / "data" / "example"
    ligand = Chem.MolFromMolFile(str(folder / "ligand_13v.sdf"), removeHs=False)
    path = write_run(tmp_path, heavy_start(ligand).repeat(2, 1, 1), ligand)
    given = ("contacts", path, "--protein", folder / "nik.pdb")
    table, figure = tmp_path / "a.csv", tmp_path / "a.svg"
    shown = run(*given, "--csv", table, "--plot", figure).stdout
    assert "GLU:A:122" in shown
    assert "H bond, ligand gives" in shown
    with table.open() as file:
        assert {row["snapshot"] for row in csv.DictReader(file)} == {"0", "1", "2"}
    found = answer(*given)["interactions"]
    assert all(x["snapshots"] == [1, 2] for x in found)


def test_compare_draws(path, tmp_path):
    """The figure of two trajectories."""
    figure = tmp_path / "a.svg"
    assert f"Wrote {figure}" in run("compare", path, path, "--plot", figure).stdout
    assert "RMSD to the reference" in figure.read_text()


def test_anybodys_trajectory(shared):
    """A GPCR's XTC: bond orders by hydrogens, a protein that moves, nothing broken."""
    pytest.importorskip("MDAnalysis")
    folder = shared / "data" / "trajectories"
    files = (folder / "ht1b_lig_traj.xtc", "--top", folder / "ht1b_lig_top.pdb")
    found = answer("stability", *files, "--every", 100, "--ligand-residue", "LIG")
    assert found["not_judged"] == []
    assert found["first_broken_snapshot"] is None
    assert any("worked out from its hydrogens" in note for note in found["notes"])
