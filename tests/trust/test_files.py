"""Files that lie about what is in them are refused before memory pays for it."""

import gzip
import json
import os
import pickle
import struct
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from neuralmd_cli.dataset.store import Store
from neuralmd_cli.errors import InputError, WeightsError
from neuralmd_cli.input_files import json_value, toml_tables, unzipped
from neuralmd_cli.misato import read
from neuralmd_cli.structure.protein import read_protein
from neuralmd_cli.weights.checkpoint import load_checkpoint
from neuralmd_cli.weights.pickles import read_state
from neuralmd_cli.weights.registry import load_registry
from tests.dataset.synthetic import write_complex
from tests.fuzz.seeds import checkpoints, complexes, stores


@pytest.fixture
def recording(tmp_path) -> Path:
    """A file in MISATO's layout."""
    path = tmp_path / "md.hdf5"
    write_complex(path)
    return path


def swap(path: Path, name: str, make) -> None:
    """Put something else in the place of a member."""
    with h5py.File(path, "r+") as file:
        del file[name]
        make(file, name)


@pytest.mark.parametrize("name", ["1ABC", "1ABC/trajectory_coordinates"])
@pytest.mark.parametrize("link", ["external", "soft", "loop"])
def test_links_of_hdf5_are_not_followed(recording, tmp_path, name, link):
    """Neither to another file, though it would do, nor within the file."""
    other = tmp_path / "other.hdf5"
    write_complex(other)
    links = {
        "external": h5py.ExternalLink(str(other), f"/{name}"),
        "soft": h5py.SoftLink(f"/{name}2"),
        "loop": h5py.SoftLink(f"/{name}"),
    }
    swap(recording, name, lambda file, at: file.__setitem__(at, links[link]))
    with pytest.raises(InputError, match="is a link to"):
        read(recording, "1ABC")


def test_numbers_in_another_file_are_not_read(recording):
    """HDF5 may take a dataset's bytes from any file, and map other files' datasets."""
    name = "1ABC/atoms_type"

    def outside(file, at):
        file.create_dataset(at, (34,), "i8", external=[("/etc/passwd", 0, 9999)])

    swap(recording, name, outside)
    with pytest.raises(InputError, match="names another file"):
        read(recording, "1ABC")

    def mapped(file, at):
        layout = h5py.VirtualLayout((34,), "i8")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (34,))
        file.create_virtual_dataset(at, layout)

    swap(recording, name, mapped)
    with pytest.raises(InputError, match="names another file"):
        read(recording, "1ABC")


@pytest.mark.parametrize("name", ["atoms_number", "trajectory_coordinates"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_shape_that_no_memory_holds_is_refused(recording, name, packed):
    """Never written at all, or of zeros packed a thousandfold."""
    shape = (10**8,) if name == "atoms_number" else (3 * 10**5, 34, 3)

    def huge(file, at):
        if packed:
            fill = np.zeros(shape, dtype="i1" if len(shape) == 1 else "f4")
            file.create_dataset(at, data=fill, compression="gzip")
        else:
            kind = "i8" if len(shape) == 1 else "f8"
            file.create_dataset(at, (2**40, *shape[1:]), kind, chunks=True)

    swap(recording, f"1ABC/{name}", huge)
    tracemalloc.start()
    with pytest.raises(InputError, match="MB, but only"):
        read(recording, "1ABC")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_a_store_with_links_is_refused(tmp_path):
    """By the loader's own fast way of reading as well."""
    path = tmp_path / "store.h5"
    path.write_bytes(stores()[0]["store.h5"])
    name = "complexes/1ABC/ligand_positions"
    target = h5py.SoftLink("/complexes/2ABC/ligand_positions")
    swap(path, name, lambda file, at: file.__setitem__(at, target))
    with Store(path) as store, pytest.raises(InputError, match="is a link"):
        store.entry("1ABC")


@pytest.mark.parametrize("length", [10 * 2**30, 2**63 - 1, 2**64 - 1])
def test_a_safetensors_header_of_ten_gigabytes_is_refused(tmp_path, length):
    """Its length is only claimed."""
    path = tmp_path / "x.safetensors"
    data = checkpoints()[0]["model.safetensors"]
    path.write_bytes(struct.pack("<Q", length) + data[8:])
    tracemalloc.start()
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        load_checkpoint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


class Runs:
    def __reduce__(self):
        return os.system, ("touch was-run",)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_runs_nothing(tmp_path, monkeypatch, protocol):
    """Neither as weights nor on import."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pth"
    path.write_bytes(pickle.dumps({"binding_model": Runs()}, protocol=protocol))
    for reader in (read_state, load_checkpoint):
        with pytest.raises(WeightsError):
            reader(path)
    assert os.listdir(tmp_path) == ["model.pth"]


@pytest.mark.parametrize("file", ["../x", "/etc/x", "a/b", ".."])
def test_a_registry_leads_out_of_no_folder(tmp_path, file):
    """File names in it are plain."""
    entry = {"name": "x", "model": "neuralmd-ode", "file": file, "size": 1}
    rest = {"description": "x", "card": "x.md", "sha256": "0" * 64}
    lines = [f"{k} = {json.dumps(v)}" for k, v in (entry | rest).items()]
    text = "[[weights]]\n" + "\n".join(lines)
    (tmp_path / "registry.toml").write_text(text)
    with pytest.raises(WeightsError, match="registry cannot be used"):
        load_registry(tmp_path)


def test_a_gzip_bomb_is_refused(tmp_path):
    """A hundred kilobytes that unpack to a hundred megabytes, with a bound of ten."""
    data = gzip.compress(b"\n" * 100_000_000, 1)
    with pytest.raises(InputError, match="unpacks to more"):
        unzipped(data, tmp_path / "x.pdb.gz", most=10_000_000)
    parts = gzip.compress(b"a") + gzip.compress(b"b") + b"\0" * 512
    assert unzipped(parts, tmp_path / "x") == b"ab"


def test_a_bomb_of_a_structure_is_read_in_bounded_memory(tmp_path):
    """The real file in front of much nothing."""
    path = tmp_path / "x.pdb.gz"
    text = complexes()[0]["protein.pdb"]
    path.write_bytes(gzip.compress(text + b"\n" * 40_000_000, 1))
    assert read_protein(path).protein.n_residues > 10


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_deep_nesting_is_an_error_not_a_crash(depth):
    """JSON and TOML alike."""
    texts = "[" * depth + "]" * depth, "x = " + "[" * depth + "]" * depth
    for read_text, text in zip((json_value, toml_tables), texts, strict=True):
        problem = ""
        try:
            read_text(text)
        except ValueError as error:
            problem = str(error)
        assert "deep" in problem or depth < 100_000
