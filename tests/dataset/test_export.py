"""What is written of an entry is the entry, for us and for other programs."""

import gemmi
import h5py
import mdtraj
import pytest
import torch
from rdkit import Chem

from neuralmd_cli.dataset.export import export
from neuralmd_cli.dataset.own.add import add, place_for
from neuralmd_cli.dataset.own.system import OwnFiles
from neuralmd_cli.dataset.own.trajectory import read_own
from neuralmd_cli.dataset.prepare import prepare
from neuralmd_cli.dataset.recordings import open_recordings
from neuralmd_cli.dataset.survey import verify
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.readers import read_trajectory
from neuralmd_cli.structure.prepare import prepare as prepare_structure
from tests.dataset.synthetic import write_complex


@pytest.fixture(scope="module")
def recorded(shared):
    """Our own recordings, in MISATO's layout."""
    return shared / "data" / "md" / "droplet_10ps.hdf5"


def bonds(recording):
    return sorted(tuple(sorted(x)) for x in recording.bonds.tolist())


def added(folder, name, store, suffix="dcd"):
    files = OwnFiles(
        protein=folder / f"{name}.pdb",
        trajectory=folder / f"{name}.{suffix}",
        ligand=folder / f"{name}.sdf",
    )
    place = place_for(store, name)
    add(place, read_own(files, name=name).reading, source=files.trajectory.name)
    return open_recordings(store).read(name)


@pytest.mark.parametrize(("suffix", "precision"), [("dcd", 6e-4), ("xtc", 6e-3)])
def test_an_entry_comes_back_from_its_files(recorded, tmp_path, suffix, precision):
    """Export, then add: places to the file's precision, all else exactly."""
    export(recorded, "mcl1", tmp_path / "out", trajectory_format=suffix)
    theirs = open_recordings(recorded).read("MCL1")
    ours = added(tmp_path / "out", "MCL1", tmp_path / "own.h5", suffix)
    for field in ("atomic_numbers", "residue_types", "segments", "obstacle_numbers"):
        assert torch.equal(getattr(ours, field), getattr(theirs, field)), field
    assert bonds(ours) == bonds(theirs)
    assert ours.spacing_ps == theirs.spacing_ps
    for field in ("positions", "backbone", "obstacle_positions"):
        error = (
            getattr(ours, field) - getattr(theirs, field)[: len(getattr(ours, field))]
        )
        assert error.abs().max() < precision, field
    smiles = [Chem.CanonSmiles(x.attributes["smiles"]) for x in (ours, theirs)]
    assert smiles[0] == smiles[1]
    assert [x.problem for x in verify(tmp_path / "own.h5")] == [None]


def test_of_a_compact_store_the_protein_stands_still(recorded, tmp_path):
    """All its heavy atoms are there; the ligand is where the pocket has it."""
    prepare(recorded, tmp_path / "md.h5", names=["BRD4"])
    done = export(tmp_path / "md.h5", "BRD4", tmp_path / "out")
    assert done.notes[0].startswith("Of the protein the store keeps snapshot 0")
    trajectory = mdtraj.load(str(done.files[2]), top=str(done.files[0]))
    recording = open_recordings(recorded).read("BRD4", "pocket")
    n = recording.n_atoms
    xyz = torch.from_numpy(trajectory.xyz * 10)
    assert (xyz[:, :-n] == xyz[:1, :-n]).all()
    torch.testing.assert_close(xyz[:, -n:], recording.positions, atol=2e-3, rtol=0)
    with pytest.raises(InputError, match="only snapshot 0 of the protein is kept"):
        export(tmp_path / "md.h5", "BRD4", tmp_path / "x", superposition="none")


def test_structure_files_give_the_complex_of_the_store(recorded, tmp_path):
    """The same tensors as the recording's first snapshot, as `simulate` reads them."""
    done = export(recorded, "BRD4", tmp_path)
    prepared = prepare_structure(*done.files[:2])
    ours, theirs = (
        prepared.complex,
        open_recordings(recorded).read("BRD4").complex_at(0),
    )
    assert not prepared.warnings
    for part in ("ligand", "protein"):
        for field, value in vars(getattr(theirs, part)).items():
            found = getattr(getattr(ours, part), field)
            if field == "bonds":
                found, value = (
                    x.sort(dim=1).values.unique(dim=0) for x in (found, value)
                )
            torch.testing.assert_close(found, value, atol=6e-4, rtol=0)


def test_a_trajectory_finds_its_ligand_and_times(recorded, tmp_path):
    """As `rmsf` and `compare` read it, without a word on topology or ligand."""
    done = export(recorded, "BRD4", tmp_path)
    loaded = read_trajectory(done.files[2])
    assert loaded.ligand == "LIG:L:1"
    assert loaded.timed
    assert loaded.times[:3].tolist() == pytest.approx([0, 10, 20])
    assert loaded.ca_positions.shape[1] == 55
    assert not loaded.notes


def without_smiles(source, name, path):
    with h5py.File(source) as old, h5py.File(path, "w") as new:
        old.copy(name, new)
        del new[name].attrs["smiles"]


def test_bond_orders_are_perceived_where_the_file_has_hydrogens(recorded, tmp_path):
    """MISATO's layout without a SMILES: the carboxylate comes out as one."""
    without_smiles(recorded, "MCL1", tmp_path / "MD.hdf5")
    done = export(tmp_path / "MD.hdf5", "MCL1", tmp_path / "out")
    assert any("are perceived" in x for x in done.notes)
    molecule = Chem.MolFromMolFile(str(done.files[1]))
    truth = open_recordings(recorded).read("MCL1").attributes["smiles"]
    assert Chem.MolToSmiles(molecule) == Chem.CanonSmiles(str(truth))


def test_unknown_bond_orders_are_said_and_can_be_given(recorded, tmp_path):
    """A store has no hydrogens: single bonds and a warning in the file, or --smiles."""
    truth = open_recordings(recorded).read("MCL1").attributes["smiles"]
    without_smiles(recorded, "MCL1", tmp_path / "MD.hdf5")
    prepare(tmp_path / "MD.hdf5", tmp_path / "md.h5")
    done = export(tmp_path / "md.h5", "MCL1", tmp_path / "out")
    assert any("not known and all written as single" in x for x in done.notes)
    assert "bond orders are not known" in done.files[1].read_text()
    export(tmp_path / "md.h5", "MCL1", tmp_path / "out", smiles=truth, replace=True)
    molecule = Chem.MolFromMolFile(str(done.files[1]))
    assert Chem.MolToSmiles(molecule) == Chem.CanonSmiles(str(truth))
    with pytest.raises(InputError, match="the SMILES"):
        export(tmp_path / "md.h5", "MCL1", tmp_path / "x", smiles="CCO")


def test_files_are_not_written_over_unasked(tmp_path):
    """Nor is half an export left behind."""
    write_complex(tmp_path / "MD.hdf5")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1ABC.sdf").write_text("mine")
    with pytest.raises(OutputError, match=r"out holds 1ABC.sdf already"):
        export(tmp_path / "MD.hdf5", "1ABC", tmp_path / "out")
    with pytest.raises(OutputError, match="cannot be made a folder"):
        export(tmp_path / "MD.hdf5", "1ABC", tmp_path / "no" / "out")
    with pytest.raises(InputError, match="there is no complex '9XYZ'"):
        export(tmp_path / "MD.hdf5", "9XYZ", tmp_path / "out")
    assert (tmp_path / "out" / "1ABC.sdf").read_text() == "mine"
    assert [x.name for x in (tmp_path / "out").iterdir()] == ["1ABC.sdf"]


def test_every_atom_has_a_place_in_the_pdb(recorded, tmp_path):
    """One name per residue, the ligand last, no residue number twice in a chain."""
    done = export(recorded, "BRD4", tmp_path)
    structure = gemmi.read_structure(str(done.files[0]))
    recording = open_recordings(recorded).read("BRD4")
    total = recording.n_atoms + len(recording.obstacle_numbers)
    assert structure[0].count_atom_sites() == total
    for chain in structure[0]:
        assert len({x.seqid.num for x in chain}) == len(chain)
        for residue in chain:
            assert len({x.name for x in residue}) == len(residue)
    assert structure[0][-1][-1].name == "LIG"
