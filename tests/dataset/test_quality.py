"""What is odd about a complex is measured and flagged, and what is not is not."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neuralmd_cli.dataset.quality import known_bad, measure
from neuralmd_cli.dataset.survey import inspect
from neuralmd_cli.misato import read, recording_names
from tests.dataset.synthetic import LIGAND_BEGIN, complex_data, write_complex


def measured(tmp_path, move=lambda xyz: None, name="1ABC", **changes):
    xyz = complex_data()["trajectory_coordinates"].copy()
    move(xyz)
    changes = {"trajectory_coordinates": xyz} | changes
    write_complex(tmp_path / "MD.hdf5", name, **changes)
    return measure(read(tmp_path / "MD.hdf5", name))


def test_a_sound_complex_has_no_flags(tmp_path):
    """Counts are those of the file; the whole complex drifts, the pocket does not."""
    quality = measured(tmp_path)
    assert (quality.atoms, quality.residues, quality.molecules) == (34, 6, 1)
    assert (quality.ligand_heavy_atoms, quality.elements) == (3, "C2O")
    assert (quality.snapshots, quality.spacing_ps) == (100, 80.0)
    assert quality.chain_breaks == quality.incomplete_residues == 0
    assert quality.drift > 0.5 > quality.protein_rmsd
    assert quality.ligand_rmsd <= quality.ligand_rmsd_max < 0.5
    assert quality.touching_start == 1.0
    assert quality.missing == quality.flags == ()


def test_tumbling_is_drift_and_not_motion(tmp_path):
    """A quarter turn of everything: rotation and drift, no RMSD of the ligand."""

    def tumble(xyz):
        angles = np.linspace(0, 90, len(xyz))[:, None]
        turns = Rotation.from_euler("z", angles, degrees=True)
        xyz[:] = xyz @ turns.as_matrix().transpose(0, 2, 1)

    still, turned = measured(tmp_path), measured(tmp_path, tumble, "2ABC")
    assert turned.rotation_degrees == pytest.approx(90, abs=2)
    assert turned.drift > 20
    assert turned.ligand_rmsd == pytest.approx(still.ligand_rmsd, abs=0.01)
    assert turned.flags == ()


def test_a_ligand_that_jumps_is_flagged(tmp_path):
    """Away in snapshots 34 to 43, as the protein of 1HVJ is from its ligand."""

    def jump(xyz):
        xyz[34:44, :LIGAND_BEGIN] -= 60.0

    quality = measured(tmp_path, jump)
    assert quality.ligand_jumps == (34, 44)
    assert quality.protein_jumps == ()
    assert quality.flags == ("ligand jumps before snapshots 34, 44",)


def test_a_part_of_the_protein_that_jumps_is_flagged(tmp_path):
    """The last two residues, put on another side of the box."""

    def jump(xyz):
        xyz[50:, 20:LIGAND_BEGIN, 2] += 70.0

    quality = measured(tmp_path, jump)
    assert quality.protein_jumps == (50,)
    assert "protein jumps before snapshot 50" in quality.flags


def test_a_ligand_off_the_protein_is_flagged(tmp_path):
    """Nearest atoms 12 Å apart at the start."""

    def unbind(xyz):
        xyz[:, LIGAND_BEGIN:, 2] += 12.0

    quality = measured(tmp_path, unbind)
    assert quality.touching_start == 0.0
    assert quality.nearest_start > 12
    assert quality.flags[0].startswith("unbound start: 0% of the ligand's atoms")


def test_gaps_and_missing_atoms_of_the_backbone_are_told_apart(tmp_path):
    """A wide C-N distance is a chain break; a residue without C is incomplete."""

    def gap(xyz):
        xyz[:, 15:LIGAND_BEGIN, 0] += 5.0

    assert measured(tmp_path, gap).chain_breaks == 1
    begins = np.array([0, 15, LIGAND_BEGIN])
    quality = measured(tmp_path, gap, "2ABC", molecules_begin_atom_index=begins)
    assert (quality.chain_breaks, quality.molecules) == (0, 2)
    types = complex_data()["atoms_type"].copy()
    types[3] = 4
    quality = measured(tmp_path, name="3ABC", atoms_type=types)
    assert quality.flags == ("broken backbone: 1 residue without N-CA-C",)


def test_known_entries_are_flagged_in_any_case_but_only_in_misato(tmp_path):
    """By id; an own trajectory of the same name is none of MISATO's."""
    assert set(known_bad()) == {"1HVJ", "1P1N", "2BMV", "3LK1", "4E4A", "3DEJ"}
    assert known_bad()["1HVJ"].endswith("(snapshot 34 to 43)")
    assert known_bad()["1P1N"].endswith("(snapshot 19)")
    assert measured(tmp_path, name="1p1n").flags[0].startswith("known: the protein")
    write_complex(tmp_path / "own.hdf5", "1P1N", attributes={"spacing_ps": 4.0})
    assert measure(read(tmp_path / "own.hdf5", "1P1N")).flags == ()


def test_missing_datasets_are_listed(tmp_path):
    """Training can do without them, so they are no flag."""
    quality = measured(tmp_path, frames_bSASA=None)
    assert quality.missing == ("frames_bSASA",)
    assert quality.flags == ()


def test_our_own_trajectories_are_sound(shared):
    """No flags; the ligand's RMSD agrees with what the file states of it."""
    path = shared / "data" / "md" / "droplet_4ps.hdf5"
    for row in inspect(path):
        assert row.quality.flags == ()
        stated = read(path, row.name).recording.ligand_rmsds.mean()
        assert row.quality.ligand_rmsd == pytest.approx(float(stated), abs=0.15)
    assert len(recording_names(path)) == 18
