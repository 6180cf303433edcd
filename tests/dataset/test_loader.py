"""Batches: the right tensors in the right place, the same for the same seed."""

from dataclasses import replace

import gemmi
import pytest
import torch
from rdkit import Chem
from torch.testing import assert_close

from neuralmd_cli.complex import RESIDUE_NAMES, collate
from neuralmd_cli.dataset.loader import LoaderConfig, loader, window
from neuralmd_cli.dataset.prepare import prepare
from neuralmd_cli.dataset.recordings import open_recordings
from neuralmd_cli.structure.prepare import prepare as prepare_structure
from tests.dataset.synthetic import write_complex

PAIRS = ("BRD4", "JAK2", "THROMBIN", "UROKINASE")
PLAIN = LoaderConfig(batch_complexes=2, shuffle=False)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A store of five complexes, one in another spacing."""
    folder = tmp_path_factory.mktemp("store")
    for k in range(5):
        attributes = {"spacing_ps": 4.0} if k == 4 else {}
        write_complex(folder / "MD.hdf5", f"{k}ABC", seed=k, attributes=attributes)
    prepare(folder / "MD.hdf5", folder / "md.h5")
    return open_recordings(folder / "md.h5")


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """A store of our own MD."""
    path = tmp_path_factory.mktemp("real") / "md.h5"
    prepare(shared / "data" / "md" / "droplet_4ps.hdf5", path, names=PAIRS)
    return open_recordings(path)


def batches(recordings, config):
    return list(loader(recordings, recordings.names, config))


def same(first, second):
    assert first.names == second.names
    assert torch.equal(first.starts, second.starts)
    assert torch.equal(first.trajectory, second.trajectory)


def test_a_batch_is_its_complexes_end_to_end(recordings):
    """Batch equals single, for the complexes and for the trajectories."""
    found = batches(recordings, PLAIN)
    assert [x.names for x in found] == [("0ABC", "1ABC"), ("2ABC", "3ABC"), ("4ABC",)]
    for batch in found:
        singles = [window(recordings.read(x)) for x in batch.names]
        expected = collate([x.complex for x in singles])
        for field, value in vars(expected).items():
            ours = getattr(batch.batch, field)
            assert torch.equal(torch.as_tensor(ours), torch.as_tensor(value)), field
        together = torch.cat([x.trajectory for x in singles], dim=1)
        assert torch.equal(batch.trajectory, together)
        assert torch.equal(batch.trajectory[0], batch.batch.positions)
    assert found[2].spacings_ps.tolist() == [4.0]


@pytest.mark.parametrize("superposition", ["none", "pocket"])
@pytest.mark.parametrize("centring", ["initial", "trajectory"])
def test_the_origin_takes_nothing_else_away(recordings, centring, superposition):
    """Windows put back by their origin are the recording, whatever was asked for."""
    config = replace(PLAIN, centring=centring, superposition=superposition, frames=10)
    for batch in batches(recordings, config):
        for k, (name, start) in enumerate(
            zip(batch.names, batch.starts.tolist(), strict=True)
        ):
            rows = batch.batch.atom_complex == k
            back = batch.trajectory[:, rows] + batch.origins[k]
            raw = recordings.read(name, superposition).positions[start : start + 10]
            assert_close(back, raw, atol=1e-4, rtol=0)


def test_centred_on_the_start_or_on_the_whole_trajectory(recordings):
    """Initial: ligand and backbone of the first snapshot. Trajectory: all atoms."""
    recording = recordings.read("0ABC")
    first = window(recording).complex
    assert_close(first.centre(), torch.zeros(3), atol=1e-5, rtol=0)
    whole = window(recording, centring="trajectory")
    assert_close(whole.origin, recording.centres.mean(dim=0), atol=1e-4, rtol=0)


def test_the_initial_centre_knows_nothing_of_the_future(recordings):
    """Other later snapshots, the same start."""
    recording = recordings.read("0ABC")
    later = recording.positions.clone()
    later[1:] += 3.0
    changed = window(replace(recording, positions=later))
    assert torch.equal(changed.origin, window(recording).origin)
    assert torch.equal(
        changed.complex.ligand.positions, window(recording).complex.ligand.positions
    )


def test_superposed_windows_fit_the_rigid_protein(recordings):
    """The drift of the complex takes the raw ligand off it, not the superposed one."""
    for name in recordings.names:
        raw, still = (recordings.read(name, x) for x in ("none", "pocket"))
        near = [
            torch.cdist(x.positions[-1], x.obstacle_positions[0]).min()
            for x in (raw, still)
        ]
        start = torch.cdist(raw.positions[0], raw.obstacle_positions[0]).min()
        assert abs(near[1] - start) < 0.5


def test_the_seed_decides_and_the_global_one_does_not(recordings):
    """Same seed, same batches; passes differ; torch's own generator is left alone."""
    config = LoaderConfig(batch_complexes=2, frames=20, seed=3)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, second = (loader(recordings, recordings.names, config) for _ in range(2))
    passes = [list(first), list(first)]
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    for ours, theirs in zip([*passes[0], *passes[1]], [*second, *second], strict=True):
        same(ours, theirs)
    orders = {tuple(n for x in found for n in x.names) for found in passes}
    starts = {tuple(k for x in found for k in x.starts.tolist()) for found in passes}
    assert len(orders) == len(starts) == 2
    assert sorted(next(iter(orders))) == list(recordings.names)


def test_reading_ahead_changes_nothing(recordings):
    """One process more."""
    config = LoaderConfig(batch_complexes=2, frames=20, seed=3)
    ahead = batches(recordings, replace(config, workers=1))
    for ours, theirs in zip(ahead, batches(recordings, config), strict=True):
        same(ours, theirs)


def written_as_files(recording, molecule, folder):
    """Snapshot 0 as a PDB and an SDF file.

    The SDF is the ligand's own, with its own bonds, in the recorded place.
    """
    structure, model, chain = gemmi.Structure(), gemmi.Model(1), gemmi.Chain("A")
    rows = recording.backbone_rows
    names = {
        int(r): x
        for triple in rows
        for r, x in zip(triple, ("N", "CA", "C"), strict=True)
    }
    owner = torch.bucketize(
        torch.arange(len(recording.obstacle_numbers)),
        rows[:, 0].contiguous(),
        right=True,
    )
    for row, place in enumerate(recording.obstacle_positions[0].tolist()):
        number = int(owner[row])
        if len(chain) < number:
            residue = gemmi.Residue()
            kind = RESIDUE_NAMES[recording.residue_types[number - 1]]
            residue.name = {"CYX": "CYS", "HIE": "HIS"}.get(kind, kind)
            residue.seqid = gemmi.SeqId(str(number))
            chain.add_residue(residue)
        atom = gemmi.Atom()
        atom.element = gemmi.Element(int(recording.obstacle_numbers[row]))
        is_sulphur = atom.element.name == "S"
        atom.name = names.get(
            row, "SG" if is_sulphur else f"{atom.element.name}{row % 90}"
        )
        atom.pos = gemmi.Position(*place)
        chain[-1].add_atom(atom)
    model.add_chain(chain)
    structure.add_model(model)
    structure.write_pdb(str(folder / "protein.pdb"))
    molecule = Chem.RemoveHs(molecule)
    molecule.GetConformer().SetPositions(recording.positions[0].double().numpy())
    Chem.MolToMolFile(molecule, str(folder / "ligand.sdf"))


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_of_files_gives_the_same_tensors(shared, real, tmp_path, name):
    """What the loader gives of a stored complex, `simulate` gets of its PDB and SDF."""
    sdf = shared / "data" / "complexes" / name.lower() / "ligand.sdf"
    molecule = Chem.MolFromMolFile(str(sdf), removeHs=False)
    written_as_files(real.read(name), molecule, tmp_path)
    files = prepare_structure(tmp_path / "protein.pdb", tmp_path / "ligand.sdf").complex
    (batch,) = loader(real, [name], PLAIN)
    expected = collate([files.centred()[0]])
    for field in ("positions", "n", "ca", "c"):
        ours, theirs = getattr(batch.batch, field), getattr(expected, field)
        assert_close(ours, theirs, atol=1e-3, rtol=0, msg=field)
    for field in ("atomic_numbers", "masses", "residue_types", "segments"):
        assert torch.equal(getattr(batch.batch, field), getattr(expected, field)), field
    bonds = [
        {frozenset(pair) for pair in x.bonds.tolist()} for x in (batch.batch, expected)
    ]
    assert bonds[0] == bonds[1]
    obstacles = [real.read(name).complex_at(0).protein, files.protein]
    assert_close(*(x.obstacle_positions for x in obstacles), atol=1e-3, rtol=0)
    assert torch.equal(*(x.obstacle_numbers for x in obstacles))
