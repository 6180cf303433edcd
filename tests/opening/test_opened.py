import json
import shutil

import pytest
import torch
from rdkit import Chem

from neuralmd_cli.errors import InputError
from neuralmd_cli.opening.opened import open_trajectory
from tests.scenes import SMILES, heavy_start, molecule, write_foreign, write_run


@pytest.fixture(scope="module")
def full():
    return molecule()


def smiles(opened):
    return Chem.MolToSmiles(opened.molecule)


def test_ours_opens_with_bond_orders_and_the_true_start(tmp_path, full):
    """No more arguments: the .sdf gives orders, the .pdb what was before snapshot 1."""
    start = heavy_start(full)
    opened = open_trajectory(write_run(tmp_path, start + torch.ones(4, 1, 3), full))
    assert smiles(opened) == Chem.CanonSmiles(SMILES)
    assert not opened.start_is_snapshot
    torch.testing.assert_close(opened.start, start, atol=1e-3, rtol=0)
    assert opened.around is None
    assert "no run record" in opened.around_missing


def test_every_thins_from_the_first_snapshot(tmp_path, full):
    """Snapshots 1, 4, 7 of seven."""
    frames = heavy_start(full) + torch.arange(7.0)[:, None, None]
    opened = open_trajectory(write_run(tmp_path, frames, full), every=3)
    assert opened.loaded.times.tolist() == pytest.approx([80, 320, 560])
    torch.testing.assert_close(opened.positions, frames[::3])


def test_hydrogens_of_a_foreign_file_settle_its_bond_orders(tmp_path, full):
    """The molecule comes back, stereocentre included, with its own hydrogens."""
    pytest.importorskip("MDAnalysis")
    positions = torch.tensor(full.GetConformer().GetPositions()).float()
    opened = open_trajectory(write_foreign(tmp_path, positions[None], full))
    assert smiles(opened) == Chem.CanonSmiles(SMILES)
    assert opened.start_is_snapshot
    _, places, source = opened.all_atoms()
    assert source == "of the trajectory"
    assert places.shape[1] == full.GetNumAtoms()


@pytest.mark.parametrize("given", ["smiles", "sdf"])
def test_bond_orders_can_be_given(tmp_path, full, given):
    """By SMILES or by an SDF whose atoms come in another order."""
    bare = tmp_path / "bare.dcd"
    path = write_run(tmp_path, heavy_start(full)[None], full)
    for suffix in (".dcd", ".pdb"):
        shutil.move(path.with_suffix(suffix), bare.with_suffix(suffix))
    assert open_trajectory(bare).molecule is None
    other = Chem.RemoveHs(full)
    order = list(reversed(range(other.GetNumAtoms())))
    sdf = tmp_path / "other.sdf"
    sdf.write_text(Chem.MolToMolBlock(Chem.RenumberAtoms(other, order)) + "$$$$\n")
    options = {"smiles": {"smiles": SMILES}, "sdf": {"ligand": sdf}}[given]
    assert smiles(open_trajectory(bare, **options)) == Chem.CanonSmiles(SMILES)


def test_another_molecule_is_refused(tmp_path, full):
    """An SDF and a SMILES of something else, and both at once."""
    path = write_run(tmp_path, heavy_start(full)[None], full)
    sdf = tmp_path / "other.sdf"
    sdf.write_text(Chem.MolToMolBlock(molecule("CCO")) + "$$$$\n")
    with pytest.raises(InputError, match=r"other.sdf is another molecule than LIG"):
        open_trajectory(path, ligand=sdf)
    with pytest.raises(InputError, match="the SMILES C2 O"):
        open_trajectory(path, smiles="CCO")
    with pytest.raises(InputError, match="both give the bond orders"):
        open_trajectory(path, ligand=sdf, smiles=SMILES)


def test_what_is_missing_is_said_when_it_is_needed(tmp_path, full):
    """Bond orders and the protein, each with the option that gives it."""
    path = write_run(tmp_path, heavy_start(full)[None], full)
    path.with_suffix(".sdf").unlink()
    opened = open_trajectory(path)
    with pytest.raises(InputError, match="needs the ligand's bond orders") as caught:
        opened.need_molecule("This")
    assert "--ligand" in caught.value.hint
    with pytest.raises(InputError, match="needs the protein") as caught:
        opened.need_around("This")
    assert "--protein" in caught.value.hint


@pytest.fixture
def nik(tmp_path, shared):
    """A run whose record names its protein, which lies beside it."""
    folder = shared / "data" / "example"
    protein = tmp_path / "nik.pdb"
    shutil.copy(folder / "nik.pdb", protein)
    ligand = Chem.MolFromMolFile(str(folder / "ligand_13v.sdf"), removeHs=False)
    path = write_run(tmp_path, heavy_start(ligand)[None], ligand, protein=protein)
    return path, protein


def test_the_record_leads_to_the_protein(nik):
    """The residues around the ligand, by their names in the file; itself among them."""
    opened = open_trajectory(nik[0])
    labels = {r.label for r in opened.around.residues}
    assert {"GLU:A:92", "LEU:A:124"} <= labels
    assert len(labels) < 100
    assert nik[1] in opened.inputs
    assert opened.around.positions.shape[0] == 1


def test_a_changed_protein_is_not_taken(nik):
    """Its hash decides, not its name; the message says so."""
    path, protein = nik
    protein.write_text(protein.read_text() + "REMARK\n")
    opened = open_trajectory(path)
    assert opened.around is None
    assert "not found unchanged" in opened.around_missing
    assert open_trajectory(path, protein=protein).around is not None


def test_a_record_of_another_run_is_not_followed(nik):
    """The record must list the trajectory among its outputs."""
    path, _ = nik
    record = path.with_suffix(".json")
    held = json.loads(record.read_text()) | {"outputs": ["else.dcd"]}
    record.write_text(json.dumps(held))
    assert "no run record" in open_trajectory(path).around_missing


def test_a_protein_elsewhere_is_refused(nik):
    """Coordinates that do not belong together."""
    path, protein = nik
    full = molecule("CCO")
    far = write_run(path.parent, heavy_start(full)[None] + 500, full, name="far")
    far.with_suffix(".pdb").write_text(
        "\n".join(
            line[:30] + f"{500.0:8.3f}{500.0 + k:8.3f}{500.0:8.3f}" + line[54:]
            if line.startswith("HETATM")
            else line
            for k, line in enumerate(far.with_suffix(".pdb").read_text().splitlines())
        )
    )
    with pytest.raises(InputError, match="is nowhere near it"):
        open_trajectory(far, protein=protein)


def test_a_moving_protein_is_followed(shared):
    """Another program's XTC: every snapshot has its own surroundings."""
    folder = shared / "data" / "trajectories"
    opened = open_trajectory(
        folder / "ht1b_lig_traj.xtc", top=folder / "ht1b_lig_top.pdb", every=100
    )
    around = opened.around
    assert around.positions.shape[:2] == (3, len(around.atom_names))
    nearest = [
        float(torch.cdist(opened.positions[k], around.at(k)[around.heavy]).min())
        for k in range(3)
    ]
    assert all(2.2 < x < 4 for x in nearest)
