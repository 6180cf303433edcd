"""`neuralmd data fetch`: the file on stdout, what it cost on stderr."""

import hashlib
import json
import sys
from dataclasses import replace

import h5py
import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from neuralmd_cli.dataset.fetching.source import MISATO
from tests.dataset.conftest import hurried, remote_ids, remote_path, server  # fixtures

__all__ = ["hurried", "remote_path", "server"]

IDS = remote_ids()


def run(*arguments):
    return CliRunner().invoke(app, ["data", "fetch", *arguments])


def test_complexes_are_fetched_into_a_file_named_after_them(server, tmp_path):
    """The second time nothing is read."""
    result = run(IDS[0], "--url", server.url)
    assert (result.exit_code, result.stdout) == (0, f"{IDS[0]}.hdf5\n")
    assert "MB" in result.stderr
    assert "1 complexes, besides 0" in result.stderr
    with h5py.File(tmp_path / f"{IDS[0]}.hdf5") as file:
        assert list(file) == [IDS[0]]
    again = run(IDS[0], "--url", server.url)
    assert "nothing was read" in again.stderr


def test_json_says_what_it_cost(server, monkeypatch, tmp_path):
    """With the address from the environment."""
    monkeypatch.setenv("NEURALMD_DATA_URL", server.url)
    result = run(",".join(IDS[:2]), "-o", "two.hdf5", "--json", "--quiet")
    assert result.stderr == ""
    content = json.loads(result.stdout)
    assert content["path"] == "two.hdf5"
    assert (content["complexes"], content["kept"]) == (2, 0)
    assert content["bytes_read"] == server.n_bytes
    assert content["requests"] == server.requests


def test_a_list_of_ones_own_is_fetched(server, tmp_path):
    """From a file; --part takes some of it."""
    path = tmp_path / "mine.toml"
    path.write_text(f'train = ["{IDS[0]}"]\ntest = ["{IDS[4]}"]\n')
    result = run(str(path), "--part", "test", "--url", server.url, "--quiet")
    assert (result.stdout, result.stderr) == ("mine-test.hdf5\n", "")
    with h5py.File(tmp_path / "mine-test.hdf5") as file:
        assert list(file) == [IDS[4]]


def test_misato_all_is_the_whole_file(server, remote_path, tmp_path, monkeypatch):
    """Compared with its MD5; h5py is not needed."""
    content = remote_path.read_bytes()
    known = replace(MISATO, size=len(content), md5=hashlib.md5(content).hexdigest())
    monkeypatch.setattr("neuralmd_cli.dataset.fetching.fetch.MISATO", known)
    result = run("misato-all", "--url", server.url)
    assert (result.exit_code, result.stdout) == (0, "MD.hdf5\n")
    assert "Comparing the MD5" in result.stderr
    assert (tmp_path / "MD.hdf5").read_bytes() == content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["9ZZZ"], "9ZZZ is neither a split nor in MISATO"),
        (["1A30"], "the ligand is a peptide"),
        (["4G3E", "--url", "http://127.0.0.1:1/x"], "failed"),
    ],
)
def test_a_mistake_is_a_message_and_exit_code_1(arguments, message):
    """No traceback, nothing on stdout."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert "Hint:" in result.stderr


def test_the_extra_that_is_missing_is_named(server, monkeypatch):
    """h5py comes with neuralmd[data]."""
    monkeypatch.setitem(sys.modules, "h5py", None)
    result = run(IDS[0], "--url", server.url)
    assert result.exit_code == 1
    assert 'pip install "neuralmd[data]"' in result.stderr
