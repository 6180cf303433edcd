"""What goes into a store comes out of it, and damage is seen."""

import pickle

import h5py
import numpy as np
import pytest
import torch

from neuralmd_cli.dataset.entry import angstroms, entry_of, recording_of, whole_numbers
from neuralmd_cli.dataset.prepare import prepare
from neuralmd_cli.dataset.quality import measure
from neuralmd_cli.dataset.recordings import open_recordings
from neuralmd_cli.dataset.store import Store, is_store, write_part
from neuralmd_cli.dataset.survey import verify
from neuralmd_cli.errors import InputError
from neuralmd_cli.misato import read
from tests.dataset.synthetic import write_complex

RIGID = ("atomic_numbers", "bonds", "residue_types", "segments", "obstacle_numbers")
EXACT = (
    *RIGID,
    "backbone_rows",
    "interaction_energies",
    "ligand_rmsds",
    "distances",
    "buried_areas",
    "centres",
)


@pytest.fixture
def source(tmp_path):
    """Three complexes in MISATO's layout."""
    path = tmp_path / "MD.hdf5"
    for seed, name in enumerate(("3ABC", "1ABC", "2ABC")):
        write_complex(path, name, seed=seed)
    return path


@pytest.fixture
def store(source, tmp_path):
    """The same three, in a store."""
    prepare(source, tmp_path / "md.h5")
    return tmp_path / "md.h5"


@pytest.mark.parametrize("all_atom", [False, True])
def test_a_store_gives_what_its_source_gives(source, tmp_path, all_atom):
    """Coordinates to 0.0005 Å, all else exactly; the protein as far as it is kept."""
    prepare(source, tmp_path / "md.h5", all_atom=all_atom)
    ours, theirs = open_recordings(tmp_path / "md.h5"), open_recordings(source)
    assert ours.is_store
    assert not theirs.is_store
    assert ours.names == ("1ABC", "2ABC", "3ABC")
    for name in ours.names:
        a, b = ours.read(name), theirs.read(name)
        assert (a.spacing_ps, a.attributes) == (b.spacing_ps, b.attributes)
        for field in EXACT:
            assert torch.equal(getattr(a, field), getattr(b, field)), field
        kept = slice(None) if all_atom else slice(1)
        for field, frames in (
            ("positions", slice(None)),
            ("backbone", kept),
            ("obstacle_positions", kept),
        ):
            error = getattr(a, field) - getattr(b, field)[frames]
            assert error.abs().max() < 5.2e-4, field
        assert a.has_moving_protein == all_atom


@pytest.mark.parametrize("superposition", ["none", "pocket"])
def test_the_ligand_is_where_the_source_has_it(source, store, superposition):
    """Both kinds of file, as recorded and superposed."""
    ours, theirs = open_recordings(store), open_recordings(source)
    for name in ours.names:
        a, b = (x.read(name, superposition) for x in (ours, theirs))
        torch.testing.assert_close(a.positions, b.positions, atol=1e-3, rtol=0)
        torch.testing.assert_close(a.centres, b.centres, atol=1e-3, rtol=0)
        at_start = a.complex_at(0).protein.ca
        torch.testing.assert_close(
            at_start, b.complex_at(0).protein.ca, atol=1e-3, rtol=0
        )


def test_superposed_snapshots_keep_the_pocket_still(source):
    """The drift of the whole complex is gone, the ligand's place in it is not."""
    raw = open_recordings(source).read("1ABC")
    still = raw.superposed("pocket")
    assert (raw.backbone[-1] - raw.backbone[0]).norm(dim=-1).max() > 0.5
    assert (still.backbone[-1] - still.backbone[0]).norm(dim=-1).max() < 0.5
    for recording in (raw, still):
        inside = torch.cdist(recording.positions, recording.backbone[:, :, 1])
        torch.testing.assert_close(
            inside, torch.cdist(raw.positions, raw.backbone[:, :, 1]), atol=1e-3, rtol=0
        )


def test_coordinates_given_to_a_thousandth_come_back_bit_for_bit():
    """As our own data and PDB files give them."""
    rng = np.random.default_rng(0)
    exact = np.round(rng.uniform(-300, 300, (100, 50, 3)), 3).astype(np.float32)
    back = angstroms(whole_numbers(torch.from_numpy(exact)))
    assert torch.equal(back, torch.from_numpy(exact))


def test_an_entry_survives_writing_and_reading(source, tmp_path):
    """All arrays and facts, and so the hash."""
    reading = read(source, "1ABC")
    entry = entry_of(
        reading.recording, measure(reading), source="MD.hdf5", all_atom=True
    )
    write_part(tmp_path / "part.h5", entry)
    assert [x.name for x in tmp_path.glob("part*")] == ["part.h5"]
    with h5py.File(tmp_path / "part.h5") as file:
        assert file.attrs["sha256"] == entry.digest()
    again = recording_of(entry)
    assert torch.equal(
        again.interaction_energies, reading.recording.interaction_energies
    )
    assert entry.quality == measure(reading)


def test_values_the_source_lacks_stay_unknown(tmp_path):
    """No energies in, none out; not zeros."""
    write_complex(tmp_path / "MD.hdf5", frames_interaction_energy=None)
    prepare(tmp_path / "MD.hdf5", tmp_path / "md.h5")
    recording = open_recordings(tmp_path / "md.h5").read("1ABC")
    assert recording.interaction_energies is None
    assert recording.ligand_rmsds is not None
    assert not [x for x in verify(tmp_path / "md.h5") if x.problem]


def test_a_store_can_go_to_another_process(store):
    """Pickled while open."""
    recordings = open_recordings(store)
    recordings.read("1ABC")
    copy = pickle.loads(pickle.dumps(recordings))
    assert torch.equal(copy.read("2ABC").positions, recordings.read("2ABC").positions)


def damaged(store, change):
    with h5py.File(store, "a") as file:
        change(file)
    return {x.name: x.problem for x in verify(store)}


def test_verify_finds_one_changed_number(store):
    """A coordinate, an energy, a fact; the other entries stay good."""
    assert {x.problem for x in verify(store)} == {None}

    def change(file):
        file["complexes/1ABC/ligand_positions"][99, 2, 1] += 1
        facts = file["complexes/3ABC"].attrs["facts"]
        file["complexes/3ABC"].attrs["facts"] = facts.replace("80.0", "81.0")

    problems = damaged(store, change)
    assert problems["1ABC"].startswith("its SHA-256 is")
    assert problems["2ABC"] is None
    assert problems["3ABC"].startswith("its SHA-256 is")


def replaced(key, data):
    def change(file):
        del file[f"complexes/1ABC/{key}"]
        if data is not None:
            file[f"complexes/1ABC/{key}"] = data

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replaced("frames", None), "frames cannot be read"),
        (replaced("ligand_positions", np.zeros((100, 3, 3))), "is not of type int32"),
        (
            replaced("ligand_positions", np.zeros((99, 3, 3), dtype="<i4")),
            r"ligand_positions has shape \(99, 3, 3\), not \(100, 3, 3\)",
        ),
        (
            replaced("backbone_atoms", np.full((6, 3), 999, dtype="<i4")),
            "backbone_atoms names atoms that are not there",
        ),
        (
            lambda file: file["complexes/1ABC"].attrs.update(facts="no JSON"),
            "attribute facts cannot be read",
        ),
        (lambda file: file.pop("complexes/1ABC"), "lacks the group 1ABC"),
    ],
)
def test_damage_is_named(store, change, message):
    """By verify and on reading: file, complex and array."""
    problems = damaged(store, change)
    assert problems["2ABC"] is None
    with pytest.raises(InputError, match=message) as error:
        open_recordings(store).read("1ABC")
    assert error.value.message == problems["1ABC"]
    assert "complex 1ABC" in error.value.message


def test_entries_beside_the_manifest_are_seen(store):
    """A group somebody added by hand."""
    problems = damaged(store, lambda file: file.create_group("complexes/9XYZ"))
    assert problems["9XYZ"] == "it is not in the manifest"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.pop("manifest"), "lacks the group manifest"),
        (lambda file: file.attrs.update(version=7), "is a store of version 7"),
        (
            lambda file: file["manifest/sha256"].write_direct(
                np.array(["0" * 64] * 3, dtype=object)
            ),
            "the manifest is damaged",
        ),
    ],
)
def test_stores_that_cannot_be_trusted_are_refused(store, change, message):
    """No manifest, another version, a manifest that was changed."""
    with h5py.File(store, "a") as file:
        change(file)
    with pytest.raises(InputError, match=message):
        open_recordings(store)


def test_files_are_told_apart_by_content(source, store, tmp_path):
    """Whatever their names are; what is no store is said to be none."""
    assert is_store(store)
    assert not is_store(source)
    with pytest.raises(InputError, match="is not a store of neuralmd"):
        Store(source)
    with pytest.raises(InputError, match=r"no complex '9XYZ'"):
        open_recordings(store).read("9XYZ")
