import csv
import json

import pytest
import torch
import typer
from rdkit import Chem
from typer.testing import CliRunner

from neuralmd_cli.cli.rmsf import rmsf
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.topology import ligand_topology
from neuralmd_cli.writers import write_topology_pdb, write_trajectory

app = typer.Typer()
app.command()(rmsf)


@pytest.fixture
def trajectory(tmp_path):
    """Twelve snapshots of formamide and its hydrogens; only the oxygen moves."""
    molecule = Chem.AddHs(Chem.MolFromSmiles("O=CN"))
    positions = torch.randn(1, 6, 3).repeat(12, 1, 1)
    positions[::2, 0, 2] += 2.0
    topology = ligand_topology(molecule, with_hydrogens=True)
    path = tmp_path / "traj.dcd"
    write_trajectory(path, positions, 80.0 * torch.arange(12), topology)
    write_topology_pdb(path.with_suffix(".pdb"), positions[0], topology)
    return path


def run(*arguments):
    result = CliRunner().invoke(app, [str(x) for x in arguments])
    if result.exception is not None:
        raise result.exception
    return result


def test_json_tells_atoms_and_windows(trajectory):
    """The oxygen, 2 Å up and down, has an RMSF of 1 Å; the others stay."""
    answer = json.loads(run(trajectory, "--json").stdout)
    atoms = {a["name"]: a["rmsf_angstrom"] for a in answer["atoms"]}
    assert atoms == {
        "O1": pytest.approx(1.0, abs=1e-5),
        "C1": pytest.approx(0.0, abs=1e-5),
        "N1": pytest.approx(0.0, abs=1e-5),
    }
    assert len(answer["windows"]) == 8
    assert answer["windows"][-1]["first_snapshot"] == 8
    assert answer["windows"][-1]["last_snapshot"] == 12
    assert answer["windows"][-1]["end_ps"] == pytest.approx(880)
    assert answer["rmsf_angstrom"] == pytest.approx(3**-0.5, abs=1e-5)


def test_tables_name_atoms_and_windows(trajectory):
    """A person sees atom names, separate windows, and how to get the rest."""
    shown = run(trajectory).stdout
    assert "O1" in shown
    assert "1-5" in shown
    assert "6-10" in shown
    assert "2-6" not in shown
    assert "2 of 8 windows shown" in shown


def test_csv_and_figure_are_written(trajectory, tmp_path):
    """The CSV has a line per atom and per window, with the values of the JSON."""
    table, figure = tmp_path / "rmsf.csv", tmp_path / "rmsf.svg"
    answer = json.loads(
        run(trajectory, "--json", "--csv", table, "--plot", figure).stdout
    )
    with table.open() as file:
        rows = list(csv.DictReader(file))
    kinds = [row["kind"] for row in rows]
    assert kinds == ["atom"] * 3 + ["window"] * 8
    wanted = [x["rmsf_angstrom"] for x in answer["atoms"] + answer["windows"]]
    assert [float(r["rmsf_angstrom"]) for r in rows] == pytest.approx(wanted, abs=1e-6)
    assert figure.read_text().startswith("<?xml")


def test_window_is_the_users_choice(trajectory):
    """A window of all snapshots leaves one."""
    answer = json.loads(run(trajectory, "--json", "--window", 12).stdout)
    assert len(answer["windows"]) == 1


def test_too_few_snapshots_are_refused(trajectory):
    """Thirteen of twelve snapshots cannot be had."""
    with pytest.raises(InputError, match="12 snapshots, a window takes 13"):
        run(trajectory, "--window", 13)


@pytest.mark.parametrize("option", ["--csv", "--plot"])
@pytest.mark.parametrize("suffix", [".dcd", ".pdb"])
def test_results_are_never_written_over_the_input(trajectory, option, suffix):
    """Neither over the trajectory nor over the topology found beside it."""
    file = trajectory.with_suffix(suffix)
    before = file.read_bytes()
    with pytest.raises(OutputError, match="which is an input"):
        run(trajectory, option, file)
    assert file.read_bytes() == before


def test_table_and_figure_are_two_files(trajectory, tmp_path):
    """One name for both is refused before either is written."""
    both = tmp_path / "both.png"
    with pytest.raises(OutputError, match="the same file"):
        run(trajectory, "--csv", both, "--plot", both)
    assert not both.exists()


def test_names_are_shown_as_they_are(trajectory, tmp_path):
    """Chain A makes no emoji of LIG:A:1, and $ in a name is no formula."""
    odd = tmp_path / "a_{$b$.dcd"
    odd.write_bytes(trajectory.read_bytes())
    text = trajectory.with_suffix(".pdb").read_text()
    odd.with_suffix(".pdb").write_text(text.replace("LIG L", "LIG A"))
    shown = run(odd, "--plot", tmp_path / "plot.png").stdout
    assert "LIG:A:1" in shown
    assert (tmp_path / "plot.png").stat().st_size > 0


def test_real_trajectory_fluctuates_less_in_its_pocket(shared):
    """A receptor that tumbles: fits take out motion, the ligand's most of all."""
    folder = shared / "data" / "trajectories"
    files = (folder / "ht1b_lig_traj.xtc", "--top", folder / "ht1b_lig_top.pdb")
    total = {}
    for fit in ("none", "pocket", "ligand"):
        result = run(*files, "--superpose", fit, "--json")
        total[fit] = json.loads(result.stdout)["rmsf_angstrom"]
        assert "times do not always grow" in result.stderr
    assert total["ligand"] < total["pocket"] <= total["none"]
