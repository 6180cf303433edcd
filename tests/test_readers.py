import gc
import os
import struct
import warnings
from pathlib import Path

import gemmi
import mdtraj
import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.errors import InputError
from neuralmd_cli.readers import read_trajectory
from neuralmd_cli.topology import complex_topology, ligand_topology
from neuralmd_cli.writers import write_topology_pdb, write_trajectory

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import MDAnalysis

FRAMES = 6
TIMES = 80.0 * torch.arange(FRAMES, dtype=torch.double)


@pytest.fixture
def molecule() -> Chem.Mol:
    molecule = Chem.AddHs(Chem.MolFromSmiles("Clc1ccccc1O"))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    return molecule


@pytest.fixture
def frames(molecule) -> torch.Tensor:
    start = torch.tensor(molecule.GetConformer().GetPositions())
    generator = torch.Generator().manual_seed(0)
    return start + 0.3 * torch.randn(FRAMES, *start.shape, generator=generator)


@pytest.fixture
def protein() -> gemmi.Structure:
    """Four glycines, a haem-like cofactor, a water and a zinc."""
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    contents = [("GLY", ("N", "CA", "C", "O"))] * 4
    contents += [("HEM", ("C1", "C2")), ("HOH", ("O",)), ("ZN", ("ZN",))]
    chain = gemmi.Chain("A")
    for number, (name, atoms) in enumerate(contents, start=1):
        residue = gemmi.Residue()
        residue.name, residue.seqid = name, gemmi.SeqId(str(number))
        for index, atom_name in enumerate(atoms):
            atom = gemmi.Atom()
            atom.name = atom_name
            atom.element = gemmi.Element("Zn" if name == "ZN" else atom_name[0])
            atom.pos = gemmi.Position(4 * number, 1.4 * index, 12)
            residue.add_atom(atom)
        chain.add_residue(residue)
    structure[0].add_chain(chain)
    return structure


@pytest.fixture
def written(molecule, frames, tmp_path):
    """Writes the ligand's trajectory and topology, and gives the trajectory's path."""

    def write(suffix: str = ".dcd", protein: gemmi.Structure | None = None) -> Path:
        topology = ligand_topology(molecule, with_hydrogens=True)
        if protein is not None:
            topology = complex_topology(protein, topology)
        path = tmp_path / f"traj{suffix}"
        write_trajectory(path, frames, TIMES, topology)
        write_topology_pdb(path.with_suffix(".pdb"), frames[0], topology)
        return path

    return write


@pytest.mark.parametrize("suffix", [".dcd", ".xtc"])
def test_our_own_files_come_back(written, molecule, frames, suffix):
    """Times, positions, names, elements and bonds survive write and read."""
    read = read_trajectory(written(suffix))
    torch.testing.assert_close(read.times, TIMES, rtol=1e-6, atol=0)
    assert (read.positions - frames).abs().max() < 0.0051
    numbers = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    assert read.atomic_numbers.tolist() == numbers
    assert int(read.heavy.sum()) == molecule.GetNumHeavyAtoms()
    bonds = {frozenset(b) for b in read.bonds.tolist()}
    assert bonds == {
        frozenset((b.GetBeginAtomIdx(), b.GetEndAtomIdx())) for b in molecule.GetBonds()
    }
    assert read.atom_names[0] == "CL1"
    assert read.ligand == "LIG:L:1"
    assert read.notes == ()


@pytest.mark.parametrize("suffix", [".dcd", ".xtc"])
@pytest.mark.parametrize("name", ["é ß/[1] 日本", "UPPER"])
def test_files_may_have_any_name(tmp_path, molecule, frames, suffix, name):
    """Spaces, brackets, letters of any language, suffixes in capitals."""
    path = tmp_path / f"{name}{suffix.upper() if name == 'UPPER' else suffix}"
    path.parent.mkdir(exist_ok=True)
    topology = ligand_topology(molecule, with_hydrogens=True)
    write_trajectory(path, frames, TIMES, topology)
    write_topology_pdb(path.with_suffix(".pdb"), frames[0], topology)
    read = read_trajectory(path)
    assert (read.positions - frames).abs().max() < 0.0051
    assert {x.suffix for x in path.parent.iterdir()} == {path.suffix, ".pdb"}


def test_protein_and_cofactor_stand_around_the_ligand(written, protein, frames):
    """Our topology names its ligand, so a cofactor causes no doubt."""
    read = read_trajectory(written(".dcd", protein))
    assert read.ligand == "LIG:L:1"
    assert (read.positions - frames).abs().max() < 1e-5
    assert read.ca_positions.shape == (FRAMES, 4, 3)
    assert read.other_numbers.tolist() == [7, 6, 6, 8] * 4 + [6, 6, 8, 30]
    assert read.other_positions[-1].tolist() == pytest.approx([28, 0, 12])


def without_remark(path: Path) -> Path:
    lines = path.with_suffix(".pdb").read_text().splitlines()
    foreign = path.with_name("foreign.pdb")
    foreign.write_text("\n".join(x for x in lines if not x.startswith("REMARK")))
    return foreign


def test_one_candidate_is_the_ligand(written):
    """In a foreign file the only non-polymer is taken."""
    path = written()
    assert read_trajectory(path, without_remark(path)).ligand == "LIG:L:1"


def test_several_candidates_are_listed(written, protein):
    """Cofactor and ligand: the user says which; water and zinc are not offered."""
    path = written(".dcd", protein)
    with pytest.raises(InputError, match="several candidates") as caught:
        read_trajectory(path, without_remark(path))
    assert "HEM:A:5, LIG:L:1." in caught.value.message
    assert "--ligand-residue" in caught.value.hint
    for wanted in ("HEM", "HEM:A", "HEM:A:5"):
        chosen = read_trajectory(path, without_remark(path), wanted)
        assert chosen.ligand == "HEM:A:5"


def test_residue_that_is_not_there_is_refused(written, protein):
    """The message lists what could have been meant."""
    with pytest.raises(InputError, match=r"has no residue XYZ\. Candidates: HEM:A:5"):
        read_trajectory(written(".dcd", protein), None, "XYZ")


def test_name_of_several_residues_is_refused(written, protein):
    """GLY is there four times; which one is for the user to say."""
    with pytest.raises(InputError, match=r"4 times residue GLY.*GLY \(4 times\)"):
        read_trajectory(written(".dcd", protein), None, "GLY")


def test_file_of_nothing_but_polymer_is_refused(written, protein, tmp_path):
    """No ligand, no guess."""
    path = written(".dcd", protein)
    top = mdtraj.load(str(path.with_suffix(".pdb")))
    only = top.atom_slice(top.topology.select("resname GLY"))
    only.save_pdb(str(tmp_path / "gly.pdb"))
    with pytest.raises(InputError, match="no residue that could be the ligand"):
        read_trajectory(tmp_path / "gly.pdb")


def test_missing_topology_says_how_to_name_one(written):
    """Without traj.pdb beside traj.dcd the hint is --top."""
    path = written()
    path.with_suffix(".pdb").unlink()
    with pytest.raises(InputError, match=r"no traj\.pdb beside") as caught:
        read_trajectory(path)
    assert "--top" in caught.value.hint


def test_missing_trajectory_is_named(tmp_path):
    """The file that is not there is named."""
    with pytest.raises(InputError, match=r"no\.dcd does not exist"):
        read_trajectory(tmp_path / "no.dcd")


def test_unknown_format_is_refused(tmp_path):
    """A suffix that names no format is said to."""
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match=r"a\.txt: \.txt is no trajectory format"):
        read_trajectory(tmp_path / "a.txt")


@pytest.mark.parametrize("suffix", [".dcd", ".xtc"])
def test_other_atom_count_names_both_files(written, protein, suffix):
    """Ligand-only frames with the topology of the complex: both counts are told."""
    complex_pdb = written(suffix, protein).with_suffix(".pdb")
    top = complex_pdb.rename(complex_pdb.with_name("complex.pdb"))
    path = written(suffix)
    with pytest.raises(
        InputError, match=rf"traj{suffix} has 13 atoms.*complex\.pdb has 33"
    ):
        read_trajectory(path, top)


@pytest.mark.parametrize("suffix", [".dcd", ".xtc"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.55, 0.97])
def test_files_cut_off_anywhere_are_refused(written, suffix, kept):
    """Half a trajectory is never taken for a whole one."""
    path = written(suffix)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(InputError, match=rf"traj{suffix}"):
        read_trajectory(path)


@pytest.mark.parametrize("suffix", [".dcd", ".xtc", ".nc"])
def test_files_of_something_else_are_refused(written, suffix):
    """Text under a trajectory's name is said to be damaged."""
    path = written().with_suffix(suffix)
    path.write_text("this is no trajectory " * 50)
    with pytest.raises(InputError, match="damaged or cut off"):
        read_trajectory(path)


# mdtraj leaves a damaged file open
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_damaged_topology_is_named(written):
    """A topology that is no PDB file is named as such."""
    path = written()
    path.with_suffix(".pdb").write_text("ATOM   nonsense\n")
    with pytest.raises(InputError, match=r"traj\.pdb cannot be read as a topology"):
        read_trajectory(path)
    gc.collect()


@pytest.mark.filterwarnings("ignore:Warning. The 'netCDF4'")
def test_netcdf_brings_its_times(written, tmp_path):
    """An Amber NetCDF file is read with its own times, in ps."""
    path = written(".xtc")
    whole = mdtraj.load(str(path), top=str(path.with_suffix(".pdb")))
    whole.save_netcdf(str(tmp_path / "traj.nc"))
    read = read_trajectory(tmp_path / "traj.nc")
    torch.testing.assert_close(read.times, TIMES, rtol=1e-6, atol=0)
    assert (read.positions - 10 * torch.from_numpy(whole.xyz)).abs().max() < 1e-4


def test_models_of_a_pdb_file_are_frames(written, tmp_path):
    """A multi-model PDB is its own topology; that it has no times is noted."""
    path = written()
    whole = mdtraj.load(str(path), top=str(path.with_suffix(".pdb")))
    whole.save_pdb(str(tmp_path / "models.pdb"))
    read = read_trajectory(tmp_path / "models.pdb")
    assert read.positions.shape == (FRAMES, 13, 3)
    assert any("holds no times" in note for note in read.notes)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("charmm", [True, False])
def test_dcd_headers_of_other_programs_are_understood(written, order, charmm):
    """Either byte order, step as float (CHARMM) or double (X-PLOR): same times."""
    from neuralmd_cli.frame_headers import dcd_times

    head = struct.pack(order + "i4s3i", 84, b"CORD", FRAMES, 1000, 500) + bytes(24)
    delta = struct.pack(order + ("f" if charmm else "d"), 0.002 / 0.04888821)
    head += delta + bytes(40 - len(delta))
    head += struct.pack(order + "2i", 24 if charmm else 0, 84)
    path = written()
    path.write_bytes(head)
    frames, first, interval = dcd_times(path)
    assert (frames, first, interval) == (FRAMES, pytest.approx(2), pytest.approx(1))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_dcd_written_by_mdanalysis_brings_its_times(written, frames, tmp_path):
    """A foreign DCD file's times come from its header."""
    path = written()
    other = MDAnalysis.Universe(str(path.with_suffix(".pdb")), str(path))
    copy = tmp_path / "copy.dcd"
    with MDAnalysis.Writer(str(copy), other.atoms.n_atoms, dt=25.0) as writer:
        for _ in other.trajectory:
            writer.write(other.atoms)
    read = read_trajectory(copy, path.with_suffix(".pdb"))
    assert np.diff(read.times.numpy()) == pytest.approx(25.0)
    assert (read.positions - frames).abs().max() < 1e-5


def test_reading_keeps_stdout_clean(written, capfd):
    """mdtraj's DCD reader talks on C's stdout, where our JSON goes."""
    path = written()
    read_trajectory(path)
    os.write(1, b"kept")
    assert capfd.readouterr().out == "kept"


def test_real_trajectory_of_a_receptor(shared):
    """5-HT1B with its ligand: 302 residues, 43 heavy atoms, replicas joined."""
    folder = shared / "data" / "trajectories"
    read = read_trajectory(folder / "ht1b_lig_traj.xtc", folder / "ht1b_lig_top.pdb")
    assert read.ligand == "LIG:G:1"
    assert read.positions.shape == (250, 79, 3)
    assert int(read.heavy.sum()) == 43
    assert read.ca_positions.shape == (250, 302, 3)
    assert len(read.bonds) == 86
    assert any("times do not always grow" in note for note in read.notes)
