import math

import pytest
import torch

from neuralmd_cli.inspection.stability import check_stability
from neuralmd_cli.inspection.verdicts import Measured, first_of
from neuralmd_cli.opening.opened import open_trajectory
from tests.scenes import heavy_start, molecule, write_run

# heavy atoms: 0 CH3, 1 CH, 2 OH, 3 C=O, 4 =O, 5 N, 6-11 ring


@pytest.fixture(scope="module")
def full():
    return molecule()


def checked(tmp_path, full, *frames):
    opened = open_trajectory(write_run(tmp_path, torch.stack(frames), full))
    result = check_stability(opened)
    return result, {x.name: x for x in result.checks}


def stretched(start, atom, neighbour, factor):
    moved = start.clone()
    moved[atom] = start[neighbour] + factor * (start[atom] - start[neighbour])
    return moved


def test_a_frozen_ligand_is_sound(tmp_path, full):
    """Nothing odd, no strain, no motion; what needs the protein is not judged."""
    result, checks = checked(tmp_path, full, *[heavy_start(full)] * 3)
    assert first_of(result.checks, "odd") is None
    assert float(checks["strain"].values.abs().max()) < 0.1
    assert float(checks["pose_rmsd"].values.max()) < 1e-3
    assert {label for label, _ in result.not_judged} == {
        "Protein contact",
        "Contacts kept",
    }


def test_a_stretched_bond_is_found_where_it_broke(tmp_path, full):
    """Half as long again in snapshot 2 of 3: broken there, and only there."""
    start = heavy_start(full)
    result, checks = checked(tmp_path, full, start, stretched(start, 2, 1, 1.5), start)
    assert checks["bond_lengths"].verdicts.tolist() == [0, 2, 0]
    assert checks["bond_lengths"].first("broken") == 1
    assert checks["bond_lengths"].worst == "C2-O1"
    assert checks["bond_lengths_thermal"].verdicts.tolist() == [0, 1, 0]
    assert first_of(result.checks, "broken") == 1


def test_heat_alone_is_neither_odd_nor_broken(tmp_path, full):
    """Noise as at 300 K passes every check on shape."""
    generator = torch.Generator().manual_seed(3)
    start = heavy_start(full)
    noise = 0.03 * torch.randn(20, *start.shape, generator=generator)
    result, _ = checked(tmp_path, full, *(start + noise))
    assert first_of(result.checks, "odd") is None


def test_a_mirror_image_is_another_stereoisomer(tmp_path, full):
    """Bonds, angles and planes stay; the stereocentre is found."""
    start = heavy_start(full)
    mirrored = start * torch.tensor([1.0, 1.0, -1.0])
    _, checks = checked(tmp_path, full, start, mirrored)
    assert checks["stereochemistry"].values.tolist() == [0, 1]
    assert checks["stereochemistry"].worst == "C2"
    assert checks["bond_lengths"].overall == 0
    assert checks["planarity"].overall == 0


def test_a_puckered_benzene_is_broken(tmp_path, full):
    """One atom of the ring 0.6 Å out of its plane."""
    start = heavy_start(full)
    normal = torch.linalg.cross(start[7] - start[6], start[8] - start[6])
    bent = start.clone()
    bent[9] += 0.6 * normal / normal.norm()
    _, checks = checked(tmp_path, full, bent)
    assert checks["planarity"].overall == 2
    assert "C" in checks["planarity"].worst


def test_strain_grows_with_a_twisted_amide(tmp_path, full):
    """A turn by 90° about C-N costs more than the limit of odd or near it."""
    start = heavy_start(full)
    axis = start[5] - start[3]
    axis = axis / axis.norm()
    side = start[6:] - start[5]
    along = (side @ axis)[:, None] * axis
    turned = start.clone()
    turned[6:] = start[5] + along + torch.linalg.cross(axis.expand_as(side), side)
    _, checks = checked(tmp_path, full, start, turned)
    assert float(checks["strain"].values[1]) > 5
    assert checks["bond_lengths"].overall == 0


def test_without_bond_orders_shape_is_judged_against_the_start(tmp_path, full):
    """Lengths still are; planes, stereochemistry and strain say why they are not."""
    start = heavy_start(full)
    frames = torch.stack([start, stretched(start, 2, 1, 1.3)])
    path = write_run(tmp_path, frames, full)
    path.with_suffix(".sdf").unlink()
    result = check_stability(open_trajectory(path))
    checks = {x.name: x for x in result.checks}
    assert checks["bond_lengths"].verdicts.tolist() == [0, 2]
    reasons = dict(result.not_judged)
    assert {"Planarity", "Stereochemistry", "Strain"} <= set(reasons)
    assert "bond orders unknown" in reasons["Strain"]


def test_coordinates_that_are_no_numbers_are_broken():
    """Whatever the limits are."""
    check = Measured(
        name="x",
        label="X",
        unit="",
        values=torch.tensor([0.0, math.nan]).double(),
        at_start=0.0,
        odd=1.0,
    )
    assert check.verdicts.tolist() == [0, 2]
    assert check.worst_snapshot == 1


def test_a_reference_adds_the_papers_metrics(tmp_path, full):
    """Against itself: Stability 100, Matching 0."""
    start = heavy_start(full)
    opened = open_trajectory(write_run(tmp_path, start.repeat(2, 1, 1), full))
    found = check_stability(opened, opened.loaded).agreement
    assert found.stability.tolist() == [100, 100]
    assert found.matching.tolist() == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("factor", [0.6, 0.72, 0.9, 1.0, 1.2, 1.3, 1.6])
def test_verdicts_are_those_of_posebusters(tmp_path, full, factor):
    """Bonds, angles and planes of a pulled-out oxygen, by its own functions."""
    geometry = pytest.importorskip("posebusters.modules.distance_geometry")
    flatness = pytest.importorskip("posebusters.modules.flatness")
    from rdkit import Chem

    frame = stretched(heavy_start(full), 4, 3, factor)
    _, checks = checked(tmp_path, full, frame)
    posed = Chem.RemoveHs(full)
    posed.GetConformer().SetPositions(frame.double().numpy())
    theirs = geometry.check_geometry(
        posed,
        threshold_bad_bond_length=0.25,
        threshold_bad_angle=0.25,
        threshold_clash=0.3,
    )["results"]
    flat = flatness.check_flatness(posed, threshold_flatness=0.25)["results"]
    assert (checks["bond_lengths"].overall == 0) == theirs["bond_lengths_within_bounds"]
    assert (checks["bond_angles"].overall == 0) == theirs["bond_angles_within_bounds"]
    assert (checks["planarity"].overall == 0) == flat["flatness_passes"]


def test_leaving_the_pocket_is_found(shared, tmp_path):
    """Pulled out by 12 Å: contacts lost, pose odd; pushed into the wall: a clash."""
    from rdkit import Chem

    folder = shared / "data" / "example"
    ligand = Chem.MolFromMolFile(str(folder / "ligand_13v.sdf"), removeHs=False)
    start = heavy_start(ligand)
    protein = folder / "nik.pdb"
    path = write_run(tmp_path, start[None], ligand, protein=protein)
    around = open_trajectory(path).around
    heavy = around.at(0)[around.heavy]
    out = start.mean(dim=0) - heavy.mean(dim=0)
    out = out / out.norm()
    wall = heavy[torch.cdist(start, heavy).argmin() % len(heavy)]
    frames = [start, start + 60 * out, start + (wall - start[0])]
    path = write_run(tmp_path, torch.stack(frames), ligand, protein=protein)
    checks = {x.name: x for x in check_stability(open_trajectory(path)).checks}
    assert checks["contacts_kept"].verdicts.tolist()[:2] == [0, 2]
    assert checks["pose_rmsd"].verdicts.tolist()[:2] == [0, 1]
    assert checks["protein_clashes"].verdicts.tolist() == [0, 0, 2]
    assert " and " in checks["protein_clashes"].worst
