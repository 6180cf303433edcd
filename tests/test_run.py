"""A run from files to files: what it writes is whole, right and repeatable."""

import errno
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import MDAnalysis
import mdtraj
import numpy as np
import pytest
import torch
from rdkit import Chem

from neuralmd_cli import writers
from neuralmd_cli.errors import InputError, OutputError, SimulationError
from neuralmd_cli.run import simulate_complex, simulate_files, write_run
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from tests.toy import toy_model

EXAMPLE = Path(__file__).parents[1] / "examples" / "nik"
PROTEIN, LIGAND = EXAMPLE / "nik.pdb", EXAMPLE / "ligand_13v.sdf"
OURS = {
    "friction_per_ps": 0.025,
    "tether_per_ps2": 0.025**2 / 4,
    "thermal_speed": 0.005,
    "trained_elements": (6, 7, 8),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> str:
    """A small checkpoint of the right kind."""
    return checkpoint(tmp_path_factory.mktemp("weights") / "toy.safetensors")


def checkpoint(path: Path, **options) -> str:
    model = toy_model(**(OURS | options)).float()
    metadata = CheckpointMetadata(
        name="toy", model="neuralmd-ode", config=model.config.to_dict()
    )
    save_checkpoint(path, model.state_dict(), metadata)
    return str(path)


def run(output: Path, weights: str, **options):
    options = {"ns": 0.8, **options}
    return simulate_files(PROTEIN, LIGAND, output=output, weights=weights, **options)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("suffix", ["dcd", "xtc"])
@pytest.mark.parametrize("hydrogens", [False, True])
@pytest.mark.parametrize("with_protein", [False, True])
def test_other_programs_read_what_a_run_writes(
    tmp_path, weights, suffix, hydrogens, with_protein
):
    """mdtraj and MDAnalysis agree with the run on atoms, times and positions."""
    output = tmp_path / f"traj.{suffix}"
    run(output, weights, hydrogens=hydrogens, with_protein=with_protein)
    top = tmp_path / "traj.pdb"
    read = mdtraj.load(str(output), top=str(top))
    assert read.n_frames == 10
    assert read.unitcell_lengths is None
    ligand = [a.index for a in read.topology.atoms if a.residue.name == "LIG"]
    assert len(ligand) == (49 if hydrogens else 27)
    assert (read.n_atoms > len(ligand)) == with_protein
    heavy = [i for i in ligand if read.topology.atom(i).element.symbol != "H"]
    kept = simulate_complex(PROTEIN, LIGAND, weights=weights, ns=0.8)
    expected = kept.trajectories[0].positions.numpy()
    np.testing.assert_allclose(10 * read.xyz[:, heavy], expected, atol=6e-3)
    universe = MDAnalysis.Universe(str(top), str(output))
    times = [frame.time for frame in universe.trajectory]
    np.testing.assert_allclose(times, [80.0 * k for k in range(1, 11)], rtol=1e-6)


def test_the_ligand_file_keeps_the_molecule(tmp_path, weights):
    """The SDF is the ligand that went in: same molecule, same pose."""
    run(tmp_path / "traj.dcd", weights, hydrogens=True)
    (before,) = Chem.SDMolSupplier(str(LIGAND), removeHs=False)
    (after,) = Chem.SDMolSupplier(str(tmp_path / "traj.sdf"), removeHs=False)
    assert Chem.MolToSmiles(after) == Chem.MolToSmiles(before)
    np.testing.assert_allclose(
        after.GetConformer().GetPositions(),
        before.GetConformer().GetPositions(),
        atol=1e-3,
    )


def test_the_record_says_what_happened(tmp_path, weights):
    """Inputs and weights by hash, settings, speed, results, files."""
    run(tmp_path / "traj.dcd", weights, seed=7, v0="thermal", command=["x", "y"])
    record = json.loads((tmp_path / "traj.json").read_text())
    assert record["schema"] == 3
    assert record["command"] == ["x", "y"]
    assert record["inputs"]["protein"]["sha256"] == digest(PROTEIN)
    assert record["inputs"]["ligand"]["sha256"] == digest(LIGAND)
    assert record["model"]["sha256"] == digest(Path(weights))
    assert record["dynamics"]["v0"] == "thermal"
    assert record["seed"] == 7
    assert record["snapshots"] == 10
    assert record["system"]["ligand_heavy_atoms"] == 27
    assert record["system"]["residues"] == 318
    assert record["speed"]["snapshots_per_s"] > 0
    assert set(record["outputs"]) == {x.name for x in tmp_path.iterdir()}
    assert set(record["outputs_sha256"]) == set(record["outputs"]) - {"traj.json"}
    for name, sha256 in record["outputs_sha256"].items():
        assert sha256 == digest(tmp_path / name)
    assert (tmp_path / record["inputs"]["protein"]["path"]).samefile(PROTEIN)
    assert record["versions"]["torch"] == torch.__version__
    assert record["written"] == {"with_protein": False, "hydrogens": False}
    assert set(record["selection"].values()) == {None}
    assert set(record["timings_s"]) == {"read", "load", "rollout", "analyse", "write"}


def test_the_same_run_writes_the_same_bytes(tmp_path, weights):
    """Trajectory, topology and ligand; another seed writes another trajectory."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        run(tmp_path / name / "traj.dcd", weights, v0="thermal", seed=seed)
    for file in ("traj.dcd", "traj.pdb", "traj.sdf"):
        assert digest(tmp_path / "a" / file) == digest(tmp_path / "b" / file)
    assert digest(tmp_path / "a" / "traj.dcd") != digest(tmp_path / "c" / "traj.dcd")


@pytest.mark.parametrize("block", [1, 3, 10])
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("dcd", {}),
        ("xtc", {"replicas": 2}),
        ("dcd", {"replicas": 2, "hydrogens": True, "with_protein": True}),
    ],
)
def test_a_run_written_as_it_goes_is_the_run_that_was_kept(
    tmp_path, weights, monkeypatch, block, suffix, options
):
    """The same bytes and numbers, however many snapshots are in memory at once."""
    chosen = {"weights": weights, "ns": 0.8, "v0": "thermal", "seed": 3}
    replicas = options.get("replicas", 1)
    how = {k: v for k, v in options.items() if k != "replicas"}
    kept = simulate_complex(PROTEIN, LIGAND, replicas=replicas, **chosen)
    for name in ("kept", "streamed"):
        (tmp_path / name).mkdir()
    whole = write_run(kept, tmp_path / "kept" / f"run.{suffix}", **how)
    for module in ("simulation", "trajectory"):
        monkeypatch.setattr(f"neuralmd_cli.{module}.BLOCK", block)
    output = tmp_path / "streamed" / f"run.{suffix}"
    streamed = simulate_files(PROTEIN, LIGAND, output=output, **options, **chosen)
    assert streamed.trajectories == []
    assert streamed.record.outputs_sha256 == whole.record.outputs_sha256
    for here, there in zip(streamed.checks, kept.checks, strict=True):
        assert [x.name for x in here] == [x.name for x in there]
        assert [x.meaning for x in here] == [x.meaning for x in there]
        values = [x.value for x in there]
        assert [x.value for x in here] == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize("suffix", ["dcd", "xtc"])
def test_a_full_disk_while_it_runs_is_one_message(
    tmp_path, weights, monkeypatch, suffix
):
    """It names the file by the user's name for it; nothing is left behind."""
    write, calls = getattr(writers, f"_write_{suffix}"), []

    def full(*given):
        calls.append(given)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "no space is left")
        write(*given)

    monkeypatch.setattr(writers, f"_write_{suffix}", full)
    monkeypatch.setattr("neuralmd_cli.simulation.BLOCK", 2)
    with pytest.raises(OutputError, match="no space is left") as caught:
        run(tmp_path / f"traj.{suffix}", weights)
    assert caught.value.message.startswith(f"{tmp_path / f'traj.{suffix}'} cannot")
    assert list(tmp_path.iterdir()) == []


def test_replicas_get_a_file_each(tmp_path, weights):
    """Numbered from 1, each different, one topology and one record."""
    result = run(tmp_path / "traj.xtc", weights, replicas=3, v0="thermal")
    names = {x.name for x in tmp_path.iterdir()}
    numbered = {f"traj_r{k}.xtc" for k in (1, 2, 3)}
    assert names == numbered | {"traj.pdb", "traj.sdf", "traj.json"}
    assert len({digest(tmp_path / x) for x in numbered}) == 3
    assert len(result.record.results) == 3


def test_replicas_without_a_draw_are_pointed_out(tmp_path, weights):
    """Three runs of a deterministic model are one."""
    result = run(tmp_path / "traj.dcd", weights, replicas=2, v0="zero")
    assert any("replicas are the same" in x for x in result.record.warnings)


def test_elements_the_weights_never_saw_are_pointed_out(tmp_path):
    """By symbol."""
    path = checkpoint(tmp_path / "toy.safetensors", trained_elements=(6, 7))
    result = run(tmp_path / "traj.dcd", path)
    assert any("has O," in x for x in result.record.warnings)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"v0": "learned"}, "--v0 learned: these weights have no network"),
        ({"ns": 0.01}, "would be none"),
    ],
)
def test_impossible_requests_are_refused(tmp_path, weights, options, message):
    """And nothing is written."""
    with pytest.raises(InputError, match=message):
        run(tmp_path / "traj.dcd", weights, **options)
    assert not list(tmp_path.iterdir())


def test_thermal_velocities_need_a_thermal_speed(tmp_path):
    """A checkpoint that states none cannot draw any."""
    path = checkpoint(tmp_path / "toy.safetensors", thermal_speed=0.0)
    with pytest.raises(InputError, match="state no thermal speed"):
        run(tmp_path / "traj.dcd", path, v0="thermal")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("traj.trr", "names no trajectory format"),
        ("missing/traj.dcd", "is not a folder"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_the_work(
    tmp_path, weights, name, message
):
    """Suffix and folder."""
    with pytest.raises(OutputError, match=message):
        run(tmp_path / name, weights)


def test_a_run_never_writes_over_its_input(tmp_path, weights):
    """traj.pdb as input and traj.dcd as output would collide."""
    protein = tmp_path / "traj.pdb"
    protein.write_bytes(PROTEIN.read_bytes())
    with pytest.raises(OutputError, match="over its own input"):
        simulate_files(
            protein, LIGAND, output=tmp_path / "traj.dcd", ns=0.8, weights=weights
        )
    assert digest(protein) == digest(PROTEIN)


@pytest.mark.parametrize("suffix", [".pdb", ".sdf", ".json"])
def test_a_run_never_writes_over_files_of_others(tmp_path, weights, suffix):
    """They only share the name of the output; the output itself, and what an earlier
    run wrote, may be replaced."""
    theirs = tmp_path / f"traj{suffix}"
    theirs.write_text("precious")
    with pytest.raises(OutputError, match="comes from no earlier run"):
        run(tmp_path / "traj.dcd", weights)
    assert theirs.read_text() == "precious"
    theirs.unlink()
    (tmp_path / "traj.dcd").write_text("an older trajectory")
    run(tmp_path / "traj.dcd", weights)
    run(tmp_path / "traj.dcd", weights, ns=0.4)
    assert json.loads((tmp_path / "traj.json").read_text())["snapshots"] == 5


def test_any_letter_may_be_in_a_name(tmp_path, weights):
    """In the folder's and the file's."""
    folder = tmp_path / "Ligand é ß"
    folder.mkdir()
    run(folder / "日本 [1].xtc", weights)
    assert {x.suffix for x in folder.iterdir()} == {".xtc", ".pdb", ".sdf", ".json"}


def test_hydrogens_that_were_added_are_said(tmp_path, weights):
    """A ligand file without them gets all that its bonding asks for."""
    (molecule,) = Chem.SDMolSupplier(str(LIGAND))
    bare = tmp_path / "bare.sdf"
    with Chem.SDWriter(str(bare)) as writer:
        writer.write(molecule)
    result = simulate_files(
        PROTEIN,
        bare,
        output=tmp_path / "traj.dcd",
        ns=0.4,
        weights=weights,
        hydrogens=True,
    )
    assert any(x.startswith("22 hydrogens of the") for x in result.record.notes)
    (after,) = Chem.SDMolSupplier(str(tmp_path / "traj.sdf"), removeHs=False)
    assert after.GetNumAtoms() == 49
    result = run(tmp_path / "whole.dcd", weights, hydrogens=True)
    assert not any("hydrogens" in x for x in result.record.notes)


def test_an_adaptive_solver_states_no_step(tmp_path, weights):
    """dopri5 does not use the checkpoint's step."""
    result = run(tmp_path / "traj.dcd", weights, ns=0.08, solver="dopri5")
    assert "step_ps" not in result.record.dynamics


def test_a_run_that_breaks_down_writes_nothing(tmp_path):
    """No half-written file, no temporary one, and what was there stays."""
    old = tmp_path / "traj.dcd"
    old.write_text("precious")
    model = toy_model().float()
    config = replace(
        model.config,
        binding_net=replace(model.config.binding_net, force_scale=1e12),
    )
    with torch.no_grad():
        metadata = CheckpointMetadata(
            name="wild", model="neuralmd-ode", config=config.to_dict()
        )
    path = tmp_path / "wild.safetensors"
    save_checkpoint(path, model.state_dict(), metadata)
    with pytest.raises(SimulationError, match="broke down"):
        run(tmp_path / "traj.dcd", str(path))
    assert {x.name for x in tmp_path.iterdir()} == {"traj.dcd", "wild.safetensors"}
    assert old.read_text() == "precious"


def test_a_failed_write_leaves_what_was_there(tmp_path, weights, monkeypatch):
    """A disk that fills up while writing: old results stay, no leftovers."""
    (tmp_path / "traj.dcd").write_text("precious")

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("neuralmd_cli.ligand_files.write_ligand_sdf", full)
    with pytest.raises(OutputError, match="No space left"):
        run(tmp_path / "traj.dcd", weights)
    assert [x.name for x in tmp_path.iterdir()] == ["traj.dcd"]
    assert (tmp_path / "traj.dcd").read_text() == "precious"
