"""The page on metrics says what the table says, and its numbers are the goldens'."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from neuralmd_cli.analysis.corrected_metrics import skill
from neuralmd_cli.analysis.geometry import pocket_residues, superpose_onto
from neuralmd_cli.analysis.metric_table import METRICS, metric
from neuralmd_cli.analysis.published_metrics import published_scores
from neuralmd_cli.analysis.scores import Obstacles, corrected_scores
from neuralmd_cli.misato import read_recording

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.mark.parametrize("wanted", METRICS, ids=lambda m: m.name)
def test_the_page_has_each_metric_as_the_table_has_it(wanted):
    """Name, label, unit, direction and meaning in one row, an equation in another."""
    published, corrected = PAGE.read_text().split("## Corrected")
    section = published if wanted.definition == "published" else corrected
    cells = wanted.name, wanted.label, wanted.unit, wanted.better, wanted.meaning
    assert "| `{}` | {} | {} | {} | {} |\n".format(*cells) in section
    assert len(re.findall(rf"^\| `{wanted.name}` \|", section, re.MULTILINE)) == 2


def test_the_page_has_no_other_metric():
    """A metric taken out of the table must leave the page too."""
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE))
    assert named == {m.name for m in METRICS}


def test_frozen_numbers_on_the_page_are_the_authors(shared):
    """Each row of the page's table, to its last digit."""
    goldens = np.load(shared / "goldens" / "golden_metrics.npz")
    rows = re.findall(r"^\| (osc|rigid) ([\d.]+) Å \| (.+) \|$", PAGE.read_text(), re.M)
    assert len(rows) == 6
    names = ("mae", "rmse", "matching", "stability")
    for kind, amplitude, cells in rows:
        for name, cell in zip(names, cells.split(" | "), strict=True):
            value = float(goldens[f"multi.frozen.{kind}{amplitude}.{name}"])
            digits = len(cell.split(".")[1])
            assert f"{value:.{digits}f}" == cell, (kind, amplitude, name)


def test_numbers_of_two_simulations_on_the_page_are_right(shared):
    """BRD4 every 20 ps in both recordings, the 4 ps one as the prediction."""
    folder = shared / "data" / "md"
    ours, theirs = (
        read_recording(folder / f"droplet_{k}ps.hdf5", "BRD4") for k in (4, 10)
    )
    ca = theirs.backbone[::2, :, 1][:20]
    onto = ca[:1].expand_as(ca)
    near = pocket_residues(ca[0], theirs.positions[0])
    target = theirs.positions[::2][:20]
    predicted = ours.positions[::5]
    seen = superpose_onto(target, ca[:, near], onto[:, near])
    own = ours.backbone[::5, :, 1][:, near]
    poses = {
        "other": (predicted, superpose_onto(predicted, own, onto[:, near])),
        "frozen": (target[:1].expand_as(target), seen[:1].expand_as(seen)),
        "mean": (x.mean(dim=0).expand_as(x) for x in (target, seen)),
    }
    ligand = theirs.complex_at(0).ligand
    nothing = torch.zeros(0, 3), torch.zeros(0, dtype=torch.long)
    around = Obstacles(positions=nothing[0], atomic_numbers=nothing[1])
    table = {
        "MAE, Å": [],
        "Stability, %": [],
        "RMSF error, Å": [],
        "Torsions W1, °": [],
    }
    errors = []
    for raw, fitted in poses.values():
        published = published_scores(raw, target, ligand.atomic_numbers, *nothing)
        corrected = corrected_scores(fitted, seen, ligand, around)
        table["MAE, Å"].append(published.mae)
        table["Stability, %"].append(published.stability)
        table["RMSF error, Å"].append(corrected["rmsf_error"])
        table["Torsions W1, °"].append(corrected["torsion_distance"])
        errors.append(corrected["position_rmsd"])
    table["Skill"] = [skill(x, errors[1], errors[2]) for x in errors]
    for name, values in table.items():
        (row,) = re.findall(rf"^\| {name} \| (.+) \|$", PAGE.read_text(), re.M)
        assert [float(x) for x in row.split(" | ")] == pytest.approx(
            values, abs=0.0501 if "%" in name or "°" in name else 0.000501
        ), f"{name}: {values}"


def test_a_metric_is_found_by_its_name():
    """And no other name is taken for one."""
    assert metric("mae").label == "MAE"
    with pytest.raises(KeyError):
        metric("MAE")
