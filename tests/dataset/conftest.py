"""A small file in MISATO's layout, and a web server that has it."""

import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmarks.range_server import FileServer, serving
from neuralmd_cli.dataset.splits import official, peptides

N_COMPLEXES, N_ATOMS, N_FRAMES = 20, 300, 100


def remote_ids() -> list[str]:
    """Complexes that are in MISATO and have small molecules for ligands."""
    return [x for x in official("train") if x not in peptides()][:N_COMPLEXES]


def write_complex(
    file: h5py.File, name: str, seed: int, *, gzip: bool = True, atoms: int = N_ATOMS
) -> None:
    """One group as MISATO's writer makes it, with an extra dataset."""
    rng = np.random.default_rng(seed)
    group = file.create_group(name)
    group.attrs["seed"] = seed
    packed = {"compression": "gzip"} if gzip else {}
    moved = rng.normal(size=(N_FRAMES, atoms, 3)).astype(np.float32)
    group.create_dataset("atoms_type", data=rng.integers(1, 110, atoms), **packed)
    group.create_dataset("atoms_number", data=rng.integers(1, 9, atoms), **packed)
    group.create_dataset("atoms_residue", data=np.zeros(atoms, int), **packed)
    group.create_dataset("trajectory_coordinates", data=moved.astype(float), **packed)
    group.create_dataset("feature_atoms_adaptability", data=rng.normal(size=100_000))
    group.create_dataset("molecules_begin_atom_index", data=[0, atoms - 20])
    group.create_dataset("frames_rmsd_ligand", data=rng.normal(size=N_FRAMES))


@pytest.fixture(scope="session")
def remote_path(tmp_path_factory) -> Path:
    """Twenty complexes; not to be changed."""
    path = tmp_path_factory.mktemp("remote") / "MD.hdf5"
    with h5py.File(path, "w") as file:
        for seed, name in enumerate(remote_ids()):
            write_complex(file, name, seed)
    return path


@pytest.fixture
def server(remote_path) -> Iterator[FileServer]:
    """The file on loopback."""
    with serving(remote_path) as state:
        yield state


@pytest.fixture(autouse=True)
def hurried(monkeypatch, tmp_path) -> None:
    """No waiting between tries, no address but what a test gives, own folder."""
    monkeypatch.setattr("neuralmd_cli.dataset.fetching.host.BACKOFF_S", 0.001)
    monkeypatch.delenv("NEURALMD_DATA_URL", raising=False)
    monkeypatch.chdir(tmp_path)


def left_in(folder: Path) -> list[str]:
    """Everything in a folder, hidden or not."""
    return sorted(os.listdir(folder))
