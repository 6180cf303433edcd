"""Recordings in MISATO's layout become the complexes they hold."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from neuralmd_cli.complex import RESIDUE_NAMES
from neuralmd_cli.errors import InputError
from neuralmd_cli.misato import read, read_atoms, read_recording, recording_names
from neuralmd_cli.misato_topology import backbone_atoms
from tests.dataset.synthetic import GLY, LIGAND_BEGIN, N_ATOMS, write_complex

SHORT = {"spacing_ps": 4.0}


def write_asparagine(path):
    """ALA-ASN and a two-carbon ligand, three snapshots; ASN has N and C twice."""
    ala = [(7, 24), (1, 1), (6, 14), (6, 4), (6, 3), (8, 30)]
    asn = [(7, 24), (6, 14), (6, 4), (6, 3), (8, 30), (7, 24), (6, 3), (8, 30)]
    ligand = [(6, 60), (1, 70), (6, 60)]
    atoms = ala + asn + ligand
    xyz = np.random.default_rng(0).normal(scale=5.0, size=(3, len(atoms), 3))
    xyz[:, -1] = xyz[:, -3] + [1.5, 0, 0]
    for n, ca, c in ([0, 2, 4], [6, 7, 12]):
        xyz[:, n], xyz[:, c] = xyz[:, ca] + [1.46, 0, 0], xyz[:, ca] + [0, 1.53, 0]
    write_complex(
        path,
        attributes=SHORT,
        frames=3,
        atoms_number=np.array([z for z, _ in atoms]),
        atoms_element=None,
        atoms_type=np.array([t for _, t in atoms]),
        atoms_residue=np.array([2] * len(ala) + [4] * len(asn) + [0] * 3),
        molecules_begin_atom_index=np.array([0, len(ala) + len(asn)]),
        trajectory_coordinates=xyz,
    )
    return xyz


def test_a_group_becomes_a_recording(tmp_path):
    """Backbone by atom types, also where a side chain has them too; ligand heavy."""
    xyz = write_asparagine(tmp_path / "a.hdf5")
    recording = read_recording(tmp_path / "a.hdf5", "1ABC")
    assert recording_names(tmp_path / "a.hdf5") == ["1ABC"]
    assert [RESIDUE_NAMES[k] for k in recording.residue_types] == ["ALA", "ASN"]
    rows = [[0, 2, 4], [6, 7, 12]]
    np.testing.assert_allclose(recording.backbone.numpy(), xyz[:, rows], rtol=1e-5)
    np.testing.assert_allclose(recording.positions.numpy(), xyz[:, [14, 16]], rtol=1e-5)
    assert recording.bonds.sort(dim=1).values.tolist() == [[0, 1]]
    assert recording.complex_at(2).ligand.masses.tolist() == pytest.approx([12.011] * 2)


def test_values_per_snapshot_and_centres_are_kept(tmp_path):
    """frames_* as in the file; the centre is the mean of all atoms, hydrogens too."""
    data = write_complex(tmp_path / "a.hdf5")
    recording = read_recording(tmp_path / "a.hdf5", "1ABC")
    assert recording.spacing_ps == 80.0
    pairs = {
        "frames_interaction_energy": recording.interaction_energies,
        "frames_rmsd_ligand": recording.ligand_rmsds,
        "frames_distance": recording.distances,
        "frames_bSASA": recording.buried_areas,
    }
    for name, values in pairs.items():
        np.testing.assert_allclose(values.numpy(), data[name], rtol=1e-6)
    centres = data["trajectory_coordinates"].mean(axis=1)
    np.testing.assert_allclose(recording.centres.numpy(), centres, rtol=1e-6)


@pytest.mark.parametrize("chunks", [(7, 10, 1), (100, 34, 3), (3, 34, 3)])
def test_chunks_and_number_types_do_not_matter(tmp_path, chunks, monkeypatch):
    """float32 in any chunks, read in any blocks, gives what float64 gives."""
    data = write_complex(tmp_path / "a.hdf5")
    expected = read_recording(tmp_path / "a.hdf5", "1ABC")
    write_complex(tmp_path / "b.hdf5", trajectory_coordinates=None)
    with h5py.File(tmp_path / "b.hdf5", "a") as file:
        file["1ABC"].create_dataset(
            "trajectory_coordinates",
            data=data["trajectory_coordinates"].astype(np.float32),
            chunks=chunks,
            compression="gzip",
        )
    monkeypatch.setattr("neuralmd_cli.misato.BLOCK_BYTES", 3000)
    found = read_recording(tmp_path / "b.hdf5", "1ABC")
    assert torch.equal(found.positions, expected.positions)
    assert torch.equal(found.backbone, expected.backbone)
    torch.testing.assert_close(found.centres, expected.centres)


def test_the_carbon_of_a_cap_is_not_its_neighbours(tmp_path):
    """An ACE between two molecules: its C, typed as a backbone C, belongs to no one."""
    data = write_complex(tmp_path / "plain.hdf5")
    at = 3 * len(GLY)
    ace = [(6, 3, 1, [500.0, 0, 0]), (8, 30, 1, [501.2, 0, 0])]
    changed = {
        "atoms_number": np.insert(data["atoms_number"], at, [z for z, *_ in ace]),
        "atoms_type": np.insert(data["atoms_type"], at, [t for _, t, *_ in ace]),
        "atoms_residue": np.insert(data["atoms_residue"], at, [1, 1]),
        "atoms_element": None,
        "molecules_begin_atom_index": np.array([0, at, LIGAND_BEGIN + 2]),
        "trajectory_coordinates": np.insert(
            data["trajectory_coordinates"],
            [at] * 2,
            np.array([x for *_, x in ace])[None],
            axis=1,
        ),
    }
    write_complex(tmp_path / "capped.hdf5", **changed)
    plain = read(tmp_path / "plain.hdf5", "1ABC")
    capped = read(tmp_path / "capped.hdf5", "1ABC")
    assert torch.equal(capped.recording.backbone, plain.recording.backbone)
    assert capped.incomplete_residues == 0


def test_residues_without_a_sound_backbone_are_left_out_and_counted(tmp_path):
    """One lacks its C, of one N is far away."""
    types = write_complex(tmp_path / "ok.hdf5")["atoms_type"].copy()
    types[3] = 4
    xyz = write_complex(tmp_path / "ok.hdf5", "2ABC")["trajectory_coordinates"].copy()
    xyz[:, 10] += 8.0
    write_complex(tmp_path / "a.hdf5", atoms_type=types, trajectory_coordinates=xyz)
    reading = read(tmp_path / "a.hdf5", "1ABC")
    assert reading.incomplete_residues == 2
    assert len(reading.recording.residue_types) == 4


@pytest.mark.parametrize("residue", [0, 3, 5])
def test_a_residue_without_ca_is_counted(tmp_path, residue):
    """Also between neighbours of its own kind; the one before may be lost with it.

    Its C then seems to be the next residue's, which the distance gives away.
    """
    types = write_complex(tmp_path / "ok.hdf5")["atoms_type"].copy()
    types[len(GLY) * residue + 2] = 4
    write_complex(tmp_path / "a.hdf5", atoms_type=types)
    reading = read(tmp_path / "a.hdf5", "1ABC")
    assert reading.incomplete_residues in (1, 2)
    assert len(reading.recording.residue_types) + reading.incomplete_residues == 6


def test_no_residue_of_the_samples_lacks_anything(shared):
    """MISATO's own structures, 4,700 residues: nothing is taken for a gap."""
    folder = shared / "data" / "misato_schema"
    residues = 0
    for file in ("sample_11GS_noH.hdf5", "sample_inference_from_pdb.hdf5"):
        for name in recording_names(folder / file):
            atoms = read_atoms(folder / file, name)
            whole = replace(atoms, begins=np.append(atoms.begins, atoms.n_atoms))
            rows, lost = backbone_atoms(whole, name)
            assert lost == 0, name
            residues += len(rows)
    assert residues > 4000


def without_hydrogens(data):
    keep = data["atoms_number"] > 1
    return {
        key: value[:, keep] if value.ndim == 3 else value[keep]
        for key, value in data.items()
        if key.startswith(("atoms", "traj"))
    } | {"molecules_begin_atom_index": np.array([0, keep[:LIGAND_BEGIN].sum()])}


def test_files_without_hydrogens_are_read(tmp_path):
    """A variant MISATO's own scripts make."""
    data = write_complex(tmp_path / "a.hdf5")
    write_complex(tmp_path / "b.hdf5", **without_hydrogens(data))
    a = read_recording(tmp_path / "a.hdf5", "1ABC")
    b = read_recording(tmp_path / "b.hdf5", "1ABC")
    assert torch.equal(a.positions, b.positions)
    assert torch.equal(a.backbone, b.backbone)


def test_own_files_may_have_any_number_of_snapshots(tmp_path):
    """With the attribute that says how far apart they are; without, MISATO's 100."""
    write_complex(tmp_path / "a.hdf5", frames=7, attributes={"spacing_ps": 4.0})
    assert read_recording(tmp_path / "a.hdf5", "1ABC").n_frames == 7
    write_complex(tmp_path / "b.hdf5", frames=99)
    with pytest.raises(InputError, match="trajectory_coordinates holds 99 snapshots"):
        read_recording(tmp_path / "b.hdf5", "1ABC")


def coordinates(**spoilt):
    """100 snapshots, with some numbers replaced."""
    xyz = np.random.default_rng(0).normal(20, 5, (100, N_ATOMS, 3))
    for key, value in spoilt.items():
        xyz[tuple(map(int, key.split("_")[1:]))] = value
    return xyz


DAMAGE = {
    "no coordinates": (
        {"trajectory_coordinates": None},
        "1ABC lacks the dataset trajectory_coordinates",
    ),
    "structure only": (
        {
            "trajectory_coordinates": None,
            "atoms_coordinates_ref": np.zeros((N_ATOMS, 3)),
        },
        "it holds a structure only",
    ),
    "no types": ({"atoms_type": None}, "1ABC lacks the dataset atoms_type"),
    "no begins": (
        {"molecules_begin_atom_index": None},
        "lacks the dataset molecules_begin_atom_index",
    ),
    "other atoms": (
        {"trajectory_coordinates": np.zeros((100, 4, 3))},
        r"has 34 atoms, but trajectory_coordinates has shape \(100, 4, 3\)",
    ),
    "short types": (
        {"atoms_type": np.ones(5, dtype=int)},
        r"atoms_type has shape \(5,\), not shape \(34,\)",
    ),
    "real residues": (
        {"atoms_residue": np.ones(N_ATOMS)},
        "atoms_residue holds float64, not whole numbers",
    ),
    "whole coordinates": (
        {"trajectory_coordinates": np.ones((100, N_ATOMS, 3), dtype=int)},
        "trajectory_coordinates holds int64, not real",
    ),
    "nan": (
        {"trajectory_coordinates": coordinates(at_57_3=np.nan)},
        r"trajectory_coordinates are not numbers \(snapshot 57, atom 3\)",
    ),
    "far": (
        {"trajectory_coordinates": coordinates(at_9_3=3e6)},
        r"trajectory_coordinates go beyond 100000 Å \(snapshot 9\)",
    ),
    "never written": (
        {"trajectory_coordinates": coordinates(at_42=0.0)},
        r"trajectory_coordinates are zero for many atoms \(snapshot 42\)",
    ),
    "other places": (
        {"trajectory_coordinates": coordinates()},
        "trajectory_coordinates do not fit the atoms",
    ),
    "nan energy": (
        {"frames_interaction_energy": np.append(np.ones(99), np.nan)},
        r"frames_interaction_energy is not a number \(snapshot 99\)",
    ),
    "short energies": (
        {"frames_distance": np.ones(7)},
        r"frames_distance has shape \(7,\)",
    ),
    "protein only": (
        {"molecules_begin_atom_index": np.array([0, N_ATOMS])},
        "molecules_begin_atom_index leaves no atoms",
    ),
    "index out of range": (
        {"molecules_begin_atom_index": np.array([0, 99])},
        "molecules_begin_atom_index holds 99, but the complex has 34 atoms",
    ),
    "negative index": (
        {"molecules_begin_atom_index": np.array([-1, 5])},
        "molecules_begin_atom_index holds -1",
    ),
    "falling index": (
        {"molecules_begin_atom_index": np.array([30, 3])},
        "molecules_begin_atom_index does not grow",
    ),
    "peptide": (
        {
            "molecules_begin_atom_index": np.array([0, 25]),
            "atoms_residue": np.full(N_ATOMS, 10),
        },
        r"made of amino acids \(GLY\)",
    ),
    "early ligand": (
        {"molecules_begin_atom_index": np.array([0, 25])},
        "the ligand begins at atom 25, but atom 25 has the residue code 10",
    ),
    "unknown residue": (
        {"atoms_residue": np.append(np.full(33, 23), 0)},
        "atoms_residue holds the unknown code 23 at atom 0, and at 32 more",
    ),
    "unknown type": (
        {"atoms_type": np.append(np.full(33, 24), 111)},
        "atoms_type holds the unknown code 111 at atom 33",
    ),
    "unknown element": (
        {"atoms_number": np.append(np.full(33, 6), 0), "atoms_element": None},
        "atoms_number holds the unknown code 0 at atom 33",
    ),
    "elements that differ": (
        {"atoms_element": np.full(N_ATOMS, 2)},
        "atoms_element holds the code 2 at atom 0, where atoms_number has the element",
    ),
    "no Amber types": (
        {"atoms_type": np.full(N_ATOMS, 60)},
        "no residue with a complete backbone",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_groups_are_named(tmp_path, case):
    """File, complex, dataset and what is wrong with it; and a remedy."""
    changes, message = DAMAGE[case]
    write_complex(tmp_path / "a.hdf5", **changes)
    with pytest.raises(InputError, match=message) as error:
        read_recording(tmp_path / "a.hdf5", "1ABC")
    assert error.value.message.startswith("a.hdf5: complex 1ABC")
    assert error.value.hint


@pytest.mark.parametrize("spacing", [0.0, -4.0, np.nan, "four"])
def test_a_spacing_that_is_no_time_is_refused(tmp_path, spacing):
    """The attribute is named."""
    write_complex(tmp_path / "a.hdf5", attributes={"spacing_ps": spacing})
    with pytest.raises(InputError, match="the attribute spacing_ps is"):
        read_recording(tmp_path / "a.hdf5", "1ABC")


def test_a_damaged_chunk_is_named(tmp_path):
    """Bytes that cannot be unpacked: the dataset and the library's reason."""
    path = tmp_path / "a.hdf5"
    xyz = write_complex(path)["trajectory_coordinates"]
    with h5py.File(path, "a") as file:
        del file["1ABC/trajectory_coordinates"]
        dataset = file["1ABC"].create_dataset(
            "trajectory_coordinates",
            data=xyz,
            chunks=(10, N_ATOMS, 3),
            compression="gzip",
        )
        dataset.id.write_direct_chunk((30, 0, 0), b"no deflate stream")
    with pytest.raises(InputError, match="trajectory_coordinates cannot be read"):
        read_recording(path, "1ABC")


def test_names_and_kinds_that_are_not_there_are_refused(tmp_path):
    """An unknown complex, and a dataset where a group should be."""
    path = tmp_path / "a.hdf5"
    write_complex(path)
    with h5py.File(path, "a") as file:
        file["2ABC"] = np.zeros(3)
    with pytest.raises(InputError, match="no complex '9XYZ'"):
        read_recording(path, "9XYZ")
    with pytest.raises(InputError, match="2ABC is not a group"):
        read_recording(path, "2ABC")


def test_files_that_are_no_hdf5_are_refused(tmp_path):
    """Missing, empty, text, a folder, cut short."""
    whole = tmp_path / "whole.hdf5"
    write_complex(whole)
    (tmp_path / "text.hdf5").write_text("<html>not found</html>")
    (tmp_path / "empty.hdf5").touch()
    (tmp_path / "cut.hdf5").write_bytes(whole.read_bytes()[:30_000])
    for name, message in {
        "missing.hdf5": "no such file",
        "empty.hdf5": "the file is empty",
        "text.hdf5": "not a readable HDF5 file",
        "cut.hdf5": "an HDF5 file that is cut short",
    }.items():
        with pytest.raises(InputError, match=message):
            recording_names(tmp_path / name)
    with pytest.raises(InputError, match="this is a folder"):
        recording_names(tmp_path)


def test_every_recorded_residue_has_a_sound_backbone(shared):
    """N-CA and CA-C lengths of our MD, all complexes, first snapshot; none left out."""
    path = shared / "data" / "md" / "droplet_4ps.hdf5"
    for name in recording_names(path):
        reading = read(path, name)
        assert reading.incomplete_residues == 0
        n, ca, c = reading.recording.backbone[0].unbind(dim=1)
        for length in ((n - ca).norm(dim=-1), (ca - c).norm(dim=-1)):
            assert 1.3 < length.min()
            assert length.max() < 1.75
        assert torch.isfinite(ca).all()


def test_sample_files_of_the_schema_are_structures_only(shared):
    """MISATO's public samples, lower-case ids and 31,000 atoms included."""
    folder = shared / "data" / "misato_schema"
    for file in ("sample_11GS_noH.hdf5", "sample_inference_from_pdb.hdf5"):
        for name in recording_names(folder / file):
            with pytest.raises(InputError, match="it holds a structure only"):
                read_recording(folder / file, name)
