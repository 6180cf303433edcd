"""A user's simulation becomes the recording it is, whatever its box has done to it."""

import gemmi
import mdtraj
import numpy as np
import pytest
import torch

from neuralmd_cli.dataset.own.system import OwnFiles
from neuralmd_cli.dataset.own.trajectory import read_own
from neuralmd_cli.errors import InputError
from tests.dataset.own_md import HEAVY, RESIDUES, own_md, write_ligand

# mdtraj would like to have it for what the tests write.
pytestmark = pytest.mark.filterwarnings("ignore:.*netCDF4.*:UserWarning")


@pytest.fixture
def md(tmp_path):
    """Twelve frames in a cube."""
    found = own_md(tmp_path)
    found.wrapped.save_xtc(str(tmp_path / "run.xtc"))
    return found


def read(folder, **changes):
    files = {"protein": "top.pdb", "trajectory": "run.xtc", "ligand": "ligand.sdf"}
    named = {k: folder / changes.pop(k, v) for k, v in files.items()}
    top = changes.pop("top", None)
    top = None if top is None else folder / top
    return read_own(OwnFiles(**named, top=top), name="MINE", **changes)


def distances(ligand, ca):
    return torch.cdist(torch.as_tensor(ligand).double(), torch.as_tensor(ca).double())


@pytest.mark.parametrize("suffix", ["xtc", "trr", "nc", "dcd", "pdb"])
@pytest.mark.parametrize("angles", [90.0, 109.4712])
def test_what_the_box_has_cut_is_whole_again(tmp_path, suffix, angles):
    """Cube and truncated octahedron, in every format: all distances are the truth's."""
    # A PDB file has one box for all its models.
    md = own_md(tmp_path, angles=angles, swelling=0.0 if suffix == "pdb" else 0.01)
    md.wrapped.save(str(tmp_path / f"run.{suffix}"))
    spacing = 5.0 if suffix in ("dcd", "pdb") else None
    own = read(tmp_path, trajectory=f"run.{suffix}", top="top.pdb", spacing_ps=spacing)
    recording = own.reading.recording
    truth = distances(md.ligand[:, [2, 1, 0]], md.ca)  # the SDF has O first
    found = distances(recording.positions, recording.backbone[:, :, 1])
    torch.testing.assert_close(found, truth, atol=0.03, rtol=0)
    assert recording.spacing_ps == 5.0
    steps = recording.centres.diff(dim=0).norm(dim=1)
    assert steps.max() < 20  # it drifts, and does not jump by the box
    (told,) = [x for x in own.notes if x.startswith("Periodic box")]
    assert "made whole in" in told


def test_only_protein_and_ligand_are_kept(md):
    """Heavy atoms of glycine and ligand; no water, no salt; centres with hydrogens."""
    reading = read(md.folder).reading
    recording = reading.recording
    assert recording.atomic_numbers.tolist() == [8, 6, 6]
    assert sorted(map(sorted, recording.bonds.tolist())) == [[0, 1], [1, 2]]
    assert recording.obstacle_positions.shape == (12, HEAVY, 3)
    assert recording.segments.tolist() == [0] * RESIDUES + [1] * RESIDUES
    assert (reading.n_atoms, reading.n_molecules) == (RESIDUES * 10 + 4, 2)
    mean = md.truth[:, : reading.n_atoms].mean(axis=1)
    torch.testing.assert_close(
        recording.centres.diff(dim=0).norm(dim=1).double(),
        torch.tensor(np.linalg.norm(np.diff(mean, axis=0), axis=1)),
        atol=0.02,
        rtol=0,
    )
    assert recording.attributes["smiles"] == "CCO"


def test_what_is_whole_is_not_touched(tmp_path):
    """With a box and without: coordinates as in the file, to the last bit."""
    md = own_md(tmp_path)
    whole = md.wrapped
    whole.xyz = md.truth.astype(np.float32) / 10
    whole.unitcell_lengths = np.full((12, 3), 40.0)
    whole.save_netcdf(str(tmp_path / "run.nc"))
    whole.unitcell_vectors = None
    whole.save_netcdf(str(tmp_path / "free.nc"))
    saved = mdtraj.load(str(tmp_path / "free.nc"), top=str(tmp_path / "top.pdb"))
    for name in ("run.nc", "free.nc"):
        recording = read(tmp_path, trajectory=name).reading.recording
        ours = recording.positions.numpy()
        begin = RESIDUES * 10
        theirs = saved.xyz[:, [begin + 3, begin + 2, begin]] * np.float32(10)
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
        assert "periodic" not in recording.attributes or "nothing" in str(
            recording.attributes["periodic"]
        )


def test_a_cut_without_a_cell_is_refused(tmp_path):
    """Nothing says how to mend it; the frame and the bond are named."""
    md = own_md(tmp_path)
    md.wrapped.unitcell_vectors = None
    md.wrapped.save_xtc(str(tmp_path / "run.xtc"))
    with pytest.raises(InputError, match=r"in pieces in frame \d+ .* no unit cell"):
        read(tmp_path)


def test_the_first_frames_may_be_left_out(md):
    """A part of the file, counted from 1."""
    part = read(md.folder, frames=(3, 7)).reading.recording
    whole = read(md.folder).reading.recording
    assert part.n_frames == 5
    torch.testing.assert_close(
        distances(part.positions, part.backbone[:, :, 1]),
        distances(whole.positions, whole.backbone[:, :, 1])[2:7],
        atol=1e-4,
        rtol=0,
    )
    assert part.attributes["frames"] == "3-7"


def test_a_protein_file_without_hydrogens_or_numbers_will_do(md):
    """Another file of the same protein: other numbers, no chain names, no water."""
    structure = gemmi.read_structure(str(md.folder / "top.pdb"))
    structure.setup_entities()
    structure.remove_ligands_and_waters()
    structure.remove_hydrogens()
    for chain in structure[0]:
        for residue in chain:
            residue.seqid.num += 100
    structure.write_pdb(str(md.folder / "crystal.pdb"))
    ours = read(md.folder, protein="crystal.pdb", top="top.pdb").reading.recording
    theirs = read(md.folder).reading.recording
    assert torch.equal(ours.backbone, theirs.backbone)
    assert torch.equal(ours.residue_types, theirs.residue_types)


def renamed(md, name, old, new):
    text = (md.folder / "top.pdb").read_text().replace(old, new)
    (md.folder / name).write_text(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("CA  GLY B   3", "CX  GLY B   3", "atom CX of B:3 GLY is not in the traj"),
        ("GLY B   3", "TRP B   3", "1 of 12 residues are not in the trajectory: B:3"),
    ],
)
def test_a_protein_that_was_not_simulated_is_named(md, old, new, message):
    """Residue and atom."""
    renamed(md, "other.pdb", old, new)
    with pytest.raises(InputError, match=message):
        read(md.folder, protein="other.pdb", top="top.pdb")


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("NCC", r"no residue with the heavy atoms C2 N; it has LIG:L:1 \(C2 O\)"),
        ("COC", "not bonded as the ligand file says"),
    ],
)
def test_another_ligand_is_refused(md, smiles, message):
    """Other elements; the same elements in another order."""
    write_ligand(md.folder / "other.sdf", smiles)
    with pytest.raises(InputError, match=message):
        read(md.folder, ligand="other.sdf")


def test_other_elements_of_a_named_residue_are_said(md):
    """And a residue that is not there."""
    write_ligand(md.folder / "other.sdf", "NCC")
    with pytest.raises(InputError, match="LIG:L:1 has the heavy atoms C2 O, .* C2 N"):
        read(md.folder, ligand="other.sdf", ligand_residue="LIG")
    with pytest.raises(InputError, match="no residue XYZ"):
        read(md.folder, ligand_residue="XYZ")


def test_frames_that_are_no_numbers_are_named(md):
    """The frame, counted from 1."""
    md.wrapped.xyz[4, 7] = np.nan
    md.wrapped.save_netcdf(str(md.folder / "bad.nc"))
    with pytest.raises(InputError, match="coordinates in frame 5 are not numbers"):
        read(md.folder, trajectory="bad.nc")


def test_a_trajectory_without_times_needs_the_spacing(md):
    """mdtraj's DCD files hold none, whatever their header says."""
    md.wrapped.save_dcd(str(md.folder / "run.dcd"))
    with pytest.raises(InputError, match="does not say when its frames are") as caught:
        read(md.folder, trajectory="run.dcd")
    assert "--spacing-ps" in caught.value.hint


def test_a_topology_of_other_size_is_refused(md):
    """Both numbers are said."""
    md.wrapped.atom_slice(range(64)).save_xtc(str(md.folder / "dry.xtc"))
    with pytest.raises(InputError, match="dry.xtc has 64 atoms per frame, top.pdb"):
        read(md.folder, trajectory="dry.xtc")
