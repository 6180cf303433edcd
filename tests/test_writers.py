import os
import subprocess
import sys
import warnings
from pathlib import Path

import gemmi
import mdtraj
import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.errors import OutputError
from neuralmd_cli.topology import complex_topology, ligand_topology
from neuralmd_cli.writers import (
    atomic_path,
    trajectory_file,
    write_ligand_sdf,
    write_topology_pdb,
    write_trajectory,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import MDAnalysis

pytestmark = [
    pytest.mark.filterwarnings("ignore:DCDReader currently makes:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:MDAnalysis"),
]

TOLERANCE = {".dcd": 1e-5, ".xtc": 0.0051}
INTERVAL = 80.0
PROTEIN = """\
ATOM      1  N   ALA A  -5       1.000   2.000  13.500  1.00 20.00           N
ATOM      2  CA AALA A  -5       2.000   2.000  13.500  0.40 20.00           C
ATOM      3  CA BALA A  -5       2.500   2.000  13.500  0.60 20.00           C
ATOM      4  C   ALA A  -5       3.000   2.000  13.500  1.00 20.00           C
ATOM      5  N   SER A  27       4.000   2.000  13.500  1.00 20.00           N
ATOM      6  N   GLY A  27A      5.000   2.000  13.500  1.00 20.00           N
HETATM    7 ZN    ZN L   1       6.000   2.000  13.500  1.00 20.00          ZN
"""


@pytest.fixture
def molecule() -> Chem.Mol:
    molecule = Chem.AddHs(Chem.MolFromSmiles("Clc1ccc(C#CCO)cc1C(=O)[O-]"))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    return molecule


@pytest.fixture
def protein() -> gemmi.Structure:
    """Residues -5, 27 and 27A of chain A, a zinc in chain L, alternative CA atoms."""
    return gemmi.read_pdb_string(PROTEIN)


def frames_of(molecule: Chem.Mol, n_frames: int) -> torch.Tensor:
    start = torch.tensor(molecule.GetConformer().GetPositions())
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(n_frames, *start.shape, generator=generator)
    return start + 0.3 * noise


def universe(n_atoms: int, path: Path) -> "MDAnalysis.Universe":
    made = MDAnalysis.Universe.empty(n_atoms, trajectory=False)
    return made.load_new(str(path))


@pytest.mark.parametrize("suffix", [".dcd", ".xtc"])
def test_mdtraj_reads_positions_back(molecule, tmp_path, suffix):
    """Positions survive the way to a file and back, to its precision, in nm."""
    frames, topology = (
        frames_of(molecule, 7),
        ligand_topology(molecule, with_hydrogens=True),
    )
    path = tmp_path / f"traj{suffix}"
    write_trajectory(path, frames, INTERVAL * torch.arange(7), topology)
    write_topology_pdb(path.with_suffix(".pdb"), frames[0], topology)
    back = mdtraj.load(str(path), top=str(path.with_suffix(".pdb")))
    np.testing.assert_allclose(10 * back.xyz, frames, atol=TOLERANCE[suffix])
    assert back.unitcell_lengths is None
    if suffix == ".xtc":
        np.testing.assert_allclose(back.time, INTERVAL * np.arange(7))


@pytest.mark.parametrize("suffix", [".dcd", ".xtc"])
@pytest.mark.parametrize(
    ("first", "interval", "n"), [(0, 80, 7), (160, 80, 3), (40, 80, 5), (0, 0.5, 4)]
)
def test_mdanalysis_reads_positions_and_times(
    molecule, tmp_path, suffix, first, interval, n
):
    """MDAnalysis finds the times in ps, the interval, and no unit cell."""
    frames, topology = (
        frames_of(molecule, n),
        ligand_topology(molecule, with_hydrogens=True),
    )
    path = tmp_path / f"traj{suffix}"
    times = first + interval * torch.arange(n, dtype=torch.double)
    write_trajectory(path, frames, times, topology)
    back = universe(frames.shape[1], path)
    assert back.trajectory.dt == pytest.approx(interval)
    assert [step.time for step in back.trajectory] == pytest.approx(times.tolist())
    assert back.dimensions is None
    for step, frame in zip(back.trajectory, frames, strict=True):
        np.testing.assert_allclose(step.positions, frame, atol=TOLERANCE[suffix])


@pytest.mark.parametrize("suffix", [".dcd", ".xtc"])
def test_long_trajectories_are_written_in_pieces(
    molecule, tmp_path, suffix, monkeypatch
):
    """Frames written a few at a time make the same file as all at once."""
    frames, topology = (
        frames_of(molecule, 23),
        ligand_topology(molecule, with_hydrogens=True),
    )
    whole, pieces = tmp_path / f"whole{suffix}", tmp_path / f"pieces{suffix}"
    times = INTERVAL * torch.arange(23)
    write_trajectory(whole, frames, times, topology)
    monkeypatch.setattr("neuralmd_cli.writers._VALUES_AT_ONCE", 200)
    write_trajectory(pieces, frames, times, topology)
    assert whole.read_bytes() == pieces.read_bytes()


def test_protein_stands_still_before_the_ligand(molecule, protein, tmp_path):
    """Ligand positions alone suffice; the protein is repeated in every frame."""
    frames = frames_of(molecule, 4)
    topology = complex_topology(protein, ligand_topology(molecule, with_hydrogens=True))
    write_trajectory(tmp_path / "t.dcd", frames, INTERVAL * torch.arange(4), topology)
    write_topology_pdb(tmp_path / "t.pdb", frames[0], topology)
    back = mdtraj.load(str(tmp_path / "t.dcd"), top=str(tmp_path / "t.pdb"))
    still = 10 * back.xyz[:, :6]
    assert np.abs(still - still[0]).max() == 0
    assert still[0, :, 0] == pytest.approx([1, 2.5, 3, 4, 5, 6])
    np.testing.assert_allclose(10 * back.xyz[:, 6:], frames, atol=1e-5)


def test_times_a_dcd_cannot_hold_are_refused(molecule, tmp_path):
    """Uneven times need a format that stores each; nothing is left behind."""
    topology = ligand_topology(molecule, with_hydrogens=True)
    times = torch.tensor([0.0, 80.0, 100.0])
    with pytest.raises(OutputError, match="evenly spaced") as caught:
        write_trajectory(tmp_path / "t.dcd", frames_of(molecule, 3), times, topology)
    assert ".xtc" in caught.value.hint
    write_trajectory(tmp_path / "t.xtc", frames_of(molecule, 3), times, topology)
    assert [x.name for x in tmp_path.iterdir()] == ["t.xtc"]


@pytest.mark.parametrize("name", ["traj.trr", "traj"])
def test_other_suffixes_are_refused(molecule, tmp_path, name):
    """Only DCD and XTC are written."""
    topology = ligand_topology(molecule, with_hydrogens=True)
    with pytest.raises(OutputError, match="names no trajectory format"):
        write_trajectory(
            tmp_path / name, frames_of(molecule, 1), torch.zeros(1), topology
        )


@pytest.mark.parametrize("smiles", ["C", "CCCCO"])
@pytest.mark.parametrize("suffix", [".dcd", ".xtc"])
def test_a_file_whose_last_bytes_found_no_space_is_none(
    tmp_path, suffix, smiles, monkeypatch
):
    """C libraries lose what is in their buffers when they close, without a word."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(molecule, randomSeed=1)
    topology = ligand_topology(molecule, with_hydrogens=True)
    path, frames = tmp_path / f"t{suffix}", frames_of(molecule, 50)
    with trajectory_file(path, topology) as write:
        for k in range(0, 50, 10):
            write(torch.arange(k, k + 10.0), frames[k : k + 10])
    whole = path.read_bytes()
    name = {".dcd": "DCDTrajectoryFile", ".xtc": "XTCTrajectoryFile"}[suffix]

    class Full(getattr(mdtraj.formats, name)):
        lost = 0

        def __exit__(self, *why):
            super().__exit__(*why)
            os.truncate(
                next(tmp_path.glob(".neuralmd-*.part*")), len(whole) - self.lost
            )

    monkeypatch.setattr(f"mdtraj.formats.{name}", Full)
    for Full.lost in (1, len(whole) // 100, len(whole) // 2):
        with pytest.raises(OutputError, match="no space is left"):
            write_trajectory(path, frames, torch.arange(50.0), topology)
        assert path.read_bytes() == whole
        assert os.listdir(tmp_path) == [path.name]


def test_a_full_disk_is_not_told_on_stdout(molecule, tmp_path, monkeypatch, capfd):
    """There results go; mdtraj's C code prints there, then fails at failing."""

    class Full(mdtraj.formats.DCDTrajectoryFile):
        def write(self, frames):
            os.write(1, b"dcdplugin) error during write")
            raise TypeError

    monkeypatch.setattr("mdtraj.formats.DCDTrajectoryFile", Full)
    topology = ligand_topology(molecule, with_hydrogens=True)
    with pytest.raises(OutputError, match="no space is left"):
        write_trajectory(
            tmp_path / "t.dcd", frames_of(molecule, 2), torch.arange(2.0), topology
        )
    os.write(1, b"after")
    assert capfd.readouterr() == ("after", "")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("suffix", [".dcd", ".xtc"])
def test_not_a_number_leaves_the_old_file(molecule, tmp_path, suffix):
    """A coordinate that is no number is refused, and an older file stays whole."""
    path = tmp_path / f"t{suffix}"
    path.write_text("old")
    frames = frames_of(molecule, 5)
    frames[3, 2, 1] = float("nan")
    topology = ligand_topology(molecule, with_hydrogens=True)
    with pytest.raises(OutputError, match="frame 3 has a coordinate"):
        write_trajectory(path, frames, torch.arange(5.0), topology)
    assert [x.name for x in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


def test_equal_trajectories_make_equal_files(molecule, tmp_path):
    """No clock and no stray memory in a DCD file."""
    topology = ligand_topology(molecule, with_hydrogens=True)
    for name in ("a.dcd", "b.dcd"):
        write_trajectory(
            tmp_path / name, frames_of(molecule, 2), torch.arange(2.0), topology
        )
    head = (tmp_path / "a.dcd").read_bytes()
    assert head == (tmp_path / "b.dcd").read_bytes()
    assert b"neuralmd" in head[:260]


def test_pdb_holds_bonds_elements_and_charges(molecule, tmp_path):
    """mdtraj and MDAnalysis find each bond once, Cl as chlorine, O- as charged."""
    topology = ligand_topology(molecule, with_hydrogens=True)
    path = tmp_path / "t.pdb"
    write_topology_pdb(path, frames_of(molecule, 1)[0], topology)
    wanted = {
        tuple(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx())))
        for b in molecule.GetBonds()
    }
    read = mdtraj.load_topology(str(path))
    assert {tuple(sorted((a.index, b.index))) for a, b in read.bonds} == wanted
    assert read.n_bonds == len(wanted)
    symbols = [atom.GetSymbol() for atom in molecule.GetAtoms()]
    assert [atom.element.symbol for atom in read.atoms] == symbols
    other = MDAnalysis.Universe(str(path))
    assert {tuple(sorted(map(int, b.indices))) for b in other.bonds} == wanted
    assert list(other.atoms.elements) == symbols
    assert sorted(map(int, other.atoms.formalcharges))[0] == -1


def test_pdb_keeps_residue_numbers_and_the_ligands_bonds(molecule, protein, tmp_path):
    """-5 stays -5, 27A stays 27A, and CONECT names the ligand's serials."""
    ligand = ligand_topology(molecule, with_hydrogens=False)
    heavy = torch.tensor([a.GetAtomicNum() > 1 for a in molecule.GetAtoms()])
    path = tmp_path / "t.pdb"
    write_topology_pdb(
        path, frames_of(molecule, 1)[0, heavy], complex_topology(protein, ligand)
    )
    read = gemmi.read_structure(str(path))
    numbers = [str(r.seqid) for chain in read[0] for r in chain]
    assert numbers == ["-5", "27", "27A", "1", "1"]
    assert [chain.name for chain in read[0]] == ["A", "L", "X"]
    topology = mdtraj.load_topology(str(path), standard_names=False)
    bonds = [b for b in topology.bonds if b[0].residue.name == "LIG"]
    heavy_bonds = Chem.RemoveAllHs(molecule).GetNumBonds()
    assert len(bonds) == heavy_bonds
    assert all(b[1].residue.name == "LIG" for b in bonds)


def test_coordinates_a_pdb_cannot_hold_are_refused(molecule, tmp_path):
    """Eight columns end at 9999 Å."""
    topology = ligand_topology(molecule, with_hydrogens=True)
    with pytest.raises(OutputError, match="outside -999 to 9999"):
        write_topology_pdb(
            tmp_path / "t.pdb", frames_of(molecule, 1)[0] + 9999, topology
        )


@pytest.mark.parametrize("hydrogens", [True, False])
def test_sdf_keeps_bond_orders_and_charges(molecule, tmp_path, hydrogens):
    """The molecule read back is the same molecule at the new positions."""
    frame = frames_of(molecule, 1)[0]
    if not hydrogens:
        frame = frame[[a.GetAtomicNum() > 1 for a in molecule.GetAtoms()]]
    path = tmp_path / "t.sdf"
    write_ligand_sdf(path, molecule, frame)
    read = next(iter(Chem.SDMolSupplier(str(path), removeHs=False)))
    assert Chem.MolToSmiles(Chem.RemoveHs(read)) == Chem.MolToSmiles(
        Chem.RemoveHs(molecule)
    )
    np.testing.assert_allclose(read.GetConformer().GetPositions(), frame, atol=6e-5)


def test_missing_directory_is_named(molecule, tmp_path):
    """The message says which directory is not there."""
    path = tmp_path / "nowhere" / "t.sdf"
    with pytest.raises(OutputError, match=r"t\.sdf cannot be written") as caught:
        write_ligand_sdf(path, molecule, frames_of(molecule, 1)[0])
    assert "nowhere" in caught.value.hint


def test_a_directory_is_no_file(tmp_path):
    """A directory in the way is said to be one."""
    with (
        pytest.raises(OutputError, match="is a directory"),
        atomic_path(tmp_path),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_directory_is_named(tmp_path):
    """A directory one may not write to is named."""
    tmp_path.chmod(0o500)
    with (
        pytest.raises(OutputError, match="Permission denied"),
        atomic_path(tmp_path / "x"),
    ):
        pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_interrupted_writing_leaves_nothing(tmp_path, error):
    """Whatever ends the writing, no half-written file stays behind."""

    def write_half() -> None:
        with atomic_path(tmp_path / "x.txt") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises((error, OutputError)):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_written_over(tmp_path):
    """No number of kills fills a folder with hidden files."""
    path = tmp_path / "x.txt"
    killed = (
        "import os, pathlib, sys\n"
        "from neuralmd_cli.writers import atomic_path\n"
        "with atomic_path(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half')\n"
        "    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", killed, str(path)], check=False)
    assert list(tmp_path.iterdir())
    assert not path.exists()
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_another_process_writing_the_same_file_is_named(tmp_path):
    """The second ends with a message; what the first writes is not touched."""
    path = tmp_path / "x.txt"
    second = (
        "import pathlib, sys\n"
        "from neuralmd_cli.errors import OutputError\n"
        "from neuralmd_cli.writers import atomic_path\n"
        "try:\n"
        "    with atomic_path(pathlib.Path(sys.argv[1])) as temporary:\n"
        "        temporary.write_text('second')\n"
        "except OutputError as error:\n"
        "    print(error.message)\n"
    )
    with atomic_path(path) as temporary:
        temporary.write_text("first")
        command = [sys.executable, "-c", second, str(path)]
        said = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "Another process is writing" in said.stdout
    assert path.read_text() == "first"
