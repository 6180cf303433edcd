"""Recordings in MISATO's layout become the complexes they hold."""

import h5py
import numpy as np
import pytest
import torch

from neuralmd_cli.complex import RESIDUE_NAMES
from neuralmd_cli.errors import InputError
from neuralmd_cli.misato import read_recording, recording_names


def write(path, **changes):
    """ALA-ASN and a two-carbon ligand, three snapshots."""
    ala = [(7, 24), (1, 1), (6, 14), (6, 4), (6, 3), (8, 30)]
    asn = [(7, 24), (6, 14), (6, 4), (6, 3), (8, 30), (7, 24), (6, 3), (8, 30)]
    ligand = [(6, 60), (1, 70), (6, 60)]
    atoms = ala + asn + ligand
    rng = np.random.default_rng(0)
    xyz = rng.normal(scale=5.0, size=(3, len(atoms), 3))
    xyz[:, -1] = xyz[:, -3] + [1.5, 0, 0]
    data = {
        "atoms_number": np.array([z for z, _ in atoms]),
        "atoms_type": np.array([t for _, t in atoms]),
        "atoms_residue": np.array([2] * len(ala) + [4] * len(asn) + [0] * 3),
        "molecules_begin_atom_index": np.array([0, len(ala) + len(asn)]),
        "trajectory_coordinates": xyz,
    } | changes
    with h5py.File(path, "w") as file:
        for key, value in data.items():
            if value is not None:
                file[f"1ABC/{key}"] = value
    return xyz


def test_a_group_becomes_a_recording(tmp_path):
    """Backbone by atom types, also where a side chain has them too; ligand heavy."""
    xyz = write(tmp_path / "a.hdf5")
    recording = read_recording(tmp_path / "a.hdf5", "1ABC")
    assert recording_names(tmp_path / "a.hdf5") == ["1ABC"]
    assert [RESIDUE_NAMES[k] for k in recording.residue_types] == ["ALA", "ASN"]
    rows = [[0, 2, 4], [6, 7, 12]]
    np.testing.assert_allclose(recording.backbone.numpy(), xyz[:, rows], rtol=1e-5)
    np.testing.assert_allclose(recording.positions.numpy(), xyz[:, [14, 16]], rtol=1e-5)
    assert recording.bonds.sort(dim=1).values.tolist() == [[0, 1]]
    assert recording.spacing_ps == 80.0
    assert recording.complex_at(2).ligand.masses.tolist() == pytest.approx([12.011] * 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trajectory_coordinates": None}, "1ABC lacks a dataset"),
        ({"trajectory_coordinates": np.zeros((3, 4, 3))}, "has 17 atoms, but"),
        (
            {"trajectory_coordinates": np.full((3, 17, 3), np.nan)},
            "coordinates that are not numbers",
        ),
        ({"molecules_begin_atom_index": np.array([0, 17])}, "no small-molecule ligand"),
        ({"atoms_type": np.zeros(17, dtype=int)}, "no residue with a complete"),
    ],
)
def test_damaged_groups_are_named(tmp_path, changes, message):
    """File, complex and what is wrong with it."""
    write(tmp_path / "a.hdf5", **changes)
    with pytest.raises(InputError, match=message) as error:
        read_recording(tmp_path / "a.hdf5", "1ABC")
    assert "a.hdf5" in error.value.message


def test_unknown_names_and_other_files_are_refused(tmp_path):
    """A name that is not there, and a file that is no HDF5."""
    write(tmp_path / "a.hdf5")
    with pytest.raises(InputError, match="no complex '9XYZ'"):
        read_recording(tmp_path / "a.hdf5", "9XYZ")
    (tmp_path / "b.hdf5").write_text("no")
    with pytest.raises(InputError, match="not a readable HDF5"):
        recording_names(tmp_path / "b.hdf5")


def test_every_recorded_residue_has_a_sound_backbone(shared):
    """N-CA and CA-C lengths of our MD, all complexes, first snapshot."""
    path = shared / "data" / "md" / "droplet_4ps.hdf5"
    for name in recording_names(path):
        n, ca, c = read_recording(path, name).backbone[0].unbind(dim=1)
        for length in ((n - ca).norm(dim=-1), (ca - c).norm(dim=-1)):
            assert 1.3 < length.min()
            assert length.max() < 1.75
        assert torch.isfinite(ca).all()
