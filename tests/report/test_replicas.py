"""Which trajectories a report is about."""

import json

import pytest
import torch

from neuralmd_cli.errors import InputError
from neuralmd_cli.report import replicas
from neuralmd_cli.report.replicas import Source, expanded, open_replicas
from tests.scenes import heavy_start, molecule, write_run


def test_the_name_of_a_run_means_its_replicas(tmp_path):
    """In the order of the record, and only while there is no such file."""
    names = [f"a_r{k}.dcd" for k in (1, 2, 10)]
    record = {"outputs": [*names, "a.pdb", "a.sdf", "a.json"]}
    (tmp_path / "a.json").write_text(json.dumps(record))
    assert expanded([tmp_path / "a.dcd"]) == [tmp_path / name for name in names]
    (tmp_path / "a.dcd").touch()
    assert expanded([tmp_path / "a.dcd"]) == [tmp_path / "a.dcd"]


def test_one_file_twice_or_too_many_are_refused(tmp_path):
    """Before any is opened."""
    with pytest.raises(InputError, match=r"a\.dcd is named twice"):
        expanded([tmp_path / "a.dcd", tmp_path / "b.dcd", tmp_path / "a.dcd"])
    with pytest.raises(InputError, match="21 trajectories are too many"):
        expanded([tmp_path / f"{k}.dcd" for k in range(21)])
    with pytest.raises(InputError, match="needs a trajectory"):
        expanded([])


def test_another_ligand_is_refused(tmp_path):
    """A report is about one ligand."""
    paths = []
    for name, smiles in (("a", "CCO"), ("b", "CCN")):
        full = molecule(smiles)
        paths.append(write_run(tmp_path, heavy_start(full)[None], full, name=name))
    with pytest.raises(InputError, match=r"b\.dcd has another ligand than a\.dcd"):
        open_replicas(paths, Source())


def test_long_trajectories_are_thinned_evenly(tmp_path, monkeypatch):
    """Looked at in few snapshots, the ligand's motion known in all."""
    monkeypatch.setattr(replicas, "MOST_LOOKED", 10)
    monkeypatch.setattr(replicas, "LEAST_LOOKED", 5)
    monkeypatch.setattr(replicas, "MOST_POINTS", 20)
    full = molecule("CCO")
    frames = heavy_start(full).repeat(45, 1, 1) + torch.arange(45.0)[:, None, None]
    (replica,) = open_replicas([write_run(tmp_path, frames, full)], Source())
    assert (replica.every, replica.every_point) == (5, 3)
    assert replica.whole.loaded.n_frames == 45
    assert torch.equal(replica.looked.positions, replica.whole.positions[::5])
