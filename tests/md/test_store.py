"""A simulation in MISATO's layout is read back as what it was."""

import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.md.files import Wanted, forget_work, is_done, md_files
from neuralmd_cli.md.manifest import read_manifest
from neuralmd_cli.md.prepare import Preparation
from neuralmd_cli.md.session import Settings
from neuralmd_cli.md.store import Group, append, check_store, stored_names
from neuralmd_cli.misato import read
from tests.holding import held_elsewhere

HOW = Preparation(solvent="implicit", charges="gasteiger")
SETTINGS = Settings(ns=4e-4, interval_ps=0.04, equilibration_ps=0.04, heating_ps=0.04)


@pytest.fixture(scope="module")
def stored(tiny, tmp_path_factory):
    """A store with the tiny complex, its trajectory beside it."""
    folder = tmp_path_factory.mktemp("store")
    wanted = Wanted(
        output=folder / "ref.dcd",
        store=folder / "set.hdf5",
        name="TINY",
        with_protein=True,
    )
    run = md_files(tiny.inputs, HOW, SETTINGS, wanted, platform="Reference")
    return folder, run


def test_all_datasets_are_there_with_the_types_of_the_layout(stored, shared):
    """Names, dtypes and number of axes are those of our other MD sets."""
    folder, _ = stored
    path = shared / "data" / "md" / "droplet_4ps.hdf5"
    with h5py.File(folder / "set.hdf5") as ours, h5py.File(path) as theirs:
        ours, theirs = ours["TINY"], theirs["BRD4"]
        assert set(ours) == set(theirs)
        for name in theirs:
            assert ours[name].dtype == theirs[name].dtype, name
            assert ours[name].ndim == theirs[name].ndim, name
        assert set(theirs.attrs) - {"pocket_cutoff_A"} <= set(ours.attrs)


def test_it_reads_back(stored):
    """Residues, ligand, spacing and positions are those of the simulation."""
    folder, run = stored
    reading = read(folder / "set.hdf5", "TINY")
    recording = reading.recording
    assert reading.missing == ()
    assert reading.incomplete_residues == 0
    assert recording.backbone.shape == (10, 5, 3, 3)
    assert recording.spacing_ps == pytest.approx(0.04)
    assert recording.atomic_numbers.tolist().count(6) == 6
    solute = run.simulation.positions
    n_ligand = run.simulation.prepared.built.n_ligand
    first = solute[0, -n_ligand:][:7]
    assert (recording.positions[0] - first).abs().max() < 2e-3
    assert recording.ligand_rmsds[0] == pytest.approx(0, abs=1e-3)


def test_an_interaction_energy_is_that_of_touching_molecules(stored):
    """Attractive, some kcal/mol; the buried surface is positive."""
    folder, _ = stored
    with h5py.File(folder / "set.hdf5") as file:
        group = file["TINY"]
        energies = group["frames_interaction_energy"][:]
        areas = group["frames_bSASA"][:]
    assert (energies > -60).all()
    assert energies.mean() < 0
    assert (areas > 20).all()


def test_data_verify_and_inspect_take_it(stored):
    """And `data prepare` makes a compact store of it."""
    folder, _ = stored
    store = str(folder / "set.hdf5")
    for words in (["verify", store], ["inspect", store]):
        result = CliRunner().invoke(app, ["data", *words])
        assert result.exit_code == 0, result.output
    assert "TINY" in result.output


def test_a_run_stopped_after_its_group_was_added_is_done(stored, tiny):
    """The same command finds it, and clears up; another's group is not taken for it."""
    folder, _ = stored
    wanted = Wanted(store=folder / "set.hdf5", name="TINY")
    assert is_done(tiny.inputs, HOW, SETTINGS, wanted)
    assert not is_done(tiny.inputs, HOW, replace(SETTINGS, seed=7), wanted)
    assert not is_done(tiny.inputs, HOW, SETTINGS, replace(wanted, name="OTHER"))
    wanted.work.mkdir()
    forget_work(wanted)
    assert not wanted.work.exists()


def test_a_taken_or_bad_name_is_refused(stored):
    """Before hours of computing."""
    folder, _ = stored
    with pytest.raises(InputError, match="holds TINY already"):
        check_store(folder / "set.hdf5", "TINY")
    with pytest.raises(InputError, match="cannot be the name"):
        check_store(folder / "set.hdf5", "A/B")


def test_a_table_says_what_is_wrong_with_it(tmp_path):
    """An unknown column, no protein, a name twice."""
    table = tmp_path / "t.csv"
    for text, message in (
        ("protein,colour\na.pdb,red\n", "'colour' is not known"),
        ("name,protein\nA,\n", "line 2 names no protein"),
        ("name,protein\nA,a.pdb\na,b.pdb\n", "A is there more than once"),
        ("name,protein\n", "holds no complexes"),
    ):
        table.write_text(text)
        with pytest.raises(InputError, match=message):
            read_manifest(table)
    table.write_text(
        "protein,ligand,charges\nx/p.pdb,x/l.sdf,\ny/p.pdb,y/l.sdf,gasteiger\n"
    )
    rows = read_manifest(table)
    assert [x.name for x in rows] == ["X", "Y"]
    assert rows[1].options[-2:] == ("--charges", "gasteiger")


def one_group(value: float) -> Group:
    """As small as a group can be."""
    coordinates = np.full((1, 1, 3), value)
    return Group(datasets={"trajectory_coordinates": coordinates}, attributes={})


def test_adding_waits_for_another_process_and_loses_nothing(tmp_path):
    """A cluster runs many `md --store` with one store, which end at any time."""
    store = tmp_path / "set.hdf5"
    append(store, {"A": one_group(1.0)})
    with held_elsewhere(store) as other:
        freed = threading.Timer(0.5, other.kill)
        began = time.monotonic()
        freed.start()
        append(store, {"B": one_group(2.0)})
        assert time.monotonic() - began > 0.4
    with h5py.File(store) as file:
        found = {x: file[x]["trajectory_coordinates"][0, 0, 0] for x in file}
    assert found == {"A": 1.0, "B": 2.0}
    assert [x.name for x in tmp_path.iterdir()] == ["set.hdf5"]


def test_adding_to_a_store_that_is_never_let_go_ends_with_a_message(
    tmp_path, monkeypatch
):
    """Nobody waits for ever, and what is there stays as it is."""
    store = tmp_path / "set.hdf5"
    append(store, {"A": one_group(1.0)})
    before = store.read_bytes()
    monkeypatch.setattr("neuralmd_cli.md.store._PATIENCE_S", 0.1)
    with (
        held_elsewhere(store),
        pytest.raises(OutputError, match="Another process is writing"),
    ):
        append(store, {"B": one_group(2.0)})
    assert store.read_bytes() == before


@pytest.mark.slow
def test_a_table_is_simulated_with_failures_listed(tiny, tmp_path):
    """One good, one bad: exit code 1, the bad one named; again, the good one stays."""
    table, store = tmp_path / "t.csv", tmp_path / "set.hdf5"
    table.write_text(
        "name,protein,ligand\n"
        f"GOOD,{tiny.protein},{tiny.ligand}\nBAD,{tiny.ligand},{tiny.ligand}\n"
    )
    words = ["md", "--manifest", str(table), "--store", str(store), "--jobs", "2"]
    words += ["--ns", "0.0002", "--interval-ps", "0.04", "--equilibration-ps", "0.04"]
    words += ["--solvent", "implicit", "--charges", "gasteiger", "--platform", "CPU"]
    first = CliRunner().invoke(app, [*words, "--json"])
    assert first.exit_code == 1, first.output
    facts = json.loads(first.stdout)["complexes"]
    assert facts["GOOD"] is None
    assert "not a protein" in facts["BAD"]
    again = CliRunner().invoke(app, words)
    assert "1 of 2 complexes" in again.stdout
    assert "GOOD: there already" in again.stderr
    assert not list(store.with_name("set.hdf5.parts").glob("*.hdf5"))


@pytest.mark.slow
def test_a_prepared_set_is_simulated_elsewhere_without_building(tiny, tmp_path):
    """Prepared, moved with its files to another folder, and gone on with as it is."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    for file in (tiny.protein, tiny.ligand):
        shutil.copy(file, here)
    (here / "t.csv").write_text(
        f"name,protein,ligand\nTINY,{tiny.protein.name},{tiny.ligand.name}\n"
    )

    def command(folder: Path) -> list[str]:
        words = ["md", "--manifest", str(folder / "t.csv"), "--keep-work"]
        words += ["--store", str(folder / "set.hdf5"), "--ns", "0.0002"]
        words += ["--interval-ps", "0.04", "--equilibration-ps", "0.04"]
        return [*words, *"--solvent implicit --charges gasteiger".split()]

    built = CliRunner().invoke(app, [*command(here), "--prepare-only"])
    assert built.exit_code == 0, built.output
    assert "set.hdf5.parts: 1 of 1 complexes of t.csv are ready" in built.stdout
    assert not (here / "set.hdf5").exists()
    work = Path("set.hdf5.parts") / "TINY.hdf5.TINY.work"
    topologies = list((here / work).glob("*.prmtop"))
    before = {x.name: x.stat().st_mtime_ns for x in topologies}
    assert before
    here.rename(there)
    done = CliRunner().invoke(app, [*command(there), "--platform", "CPU"])
    assert done.exit_code == 0, done.output
    assert stored_names(there / "set.hdf5") == ["TINY"]
    after = {x: (there / work / x).stat().st_mtime_ns for x in before}
    assert after == before
