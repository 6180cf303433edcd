"""`neuralmd weights` says where weights are, what they are, and if they are intact."""

import json

import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from tests.weights.conftest import (  # fixtures
    cache,
    metadata,
    publish,
    sending,
    server,
    tensors,
)

__all__ = ["cache", "metadata", "publish", "server", "tensors"]

ENTRY = """
[[weights]]
name = "{0.name}"
file = "{0.file}"
sha256 = "{0.sha256}"
size = {0.size}
description = "{0.description}"
card = "{0.card}"
default = true
bundled = {1}
"""


@pytest.fixture
def registered(publish, monkeypatch):
    """Make the registry that `neuralmd` reads; bundled or not."""

    def make(bundled):
        published = publish(bundled)
        folder = published.registry.folder
        text = ENTRY.format(published.entry, str(bundled).lower())
        (folder / "registry.toml").write_text(text)
        monkeypatch.setattr("neuralmd_cli.weights.registry.weights_dir", lambda: folder)
        return published

    return make


def run(*arguments):
    return CliRunner().invoke(app, ["weights", *arguments])


def test_list_says_where_each_file_is(registered, server, cache):
    """Remote, then cached; the default is marked."""
    published = registered(False)
    assert "tiny-ode (default)" in run("list").stdout
    (row,) = json.loads(run("list", "--json").stdout)
    assert (row["name"], row["where"], row["default"]) == ("tiny-ode", "remote", True)
    assert row["size_bytes"] == published.entry.size
    server.answer = sending(published.content)
    fetched = run("fetch", "tiny-ode", "--weights-url", server.url)
    assert fetched.stdout == f"{cache / 'tiny.safetensors'}\n"
    assert fetched.stderr == ""
    (row,) = json.loads(run("list", "--json").stdout)
    assert row["where"] == "cached"


def test_list_and_verify_work_without_any_entry(tmp_path, monkeypatch):
    """A version that publishes nothing says so."""
    (tmp_path / "registry.toml").write_text("")
    monkeypatch.setattr("neuralmd_cli.weights.registry.weights_dir", lambda: tmp_path)
    assert "No weights are published" in run("list").stdout
    assert json.loads(run("list", "--json").stdout) == []
    assert "no weights on this machine" in run("verify").stdout
    assert json.loads(run("verify", "--json").stdout) == []


def test_fetch_of_bundled_weights_prints_their_path(registered):
    """There is nothing to download."""
    published = registered(True)
    path = published.registry.folder / "tiny.safetensors"
    assert run("fetch", "tiny-ode").stdout == f"{path}\n"


def test_fetch_names_what_is_wrong(registered):
    """Unknown name, no address: exit code 1 with message and hint."""
    registered(False)
    unknown = run("fetch", "tiny")
    assert unknown.exit_code == 1
    assert "Error: There are no weights named tiny" in unknown.stderr
    remote = run("fetch", "tiny-ode")
    assert remote.exit_code == 1
    assert "Hint: Set NEURALMD_WEIGHTS_URL" in remote.stderr


def test_info_shows_all_a_checkpoint_says(registered, metadata):
    """The same by name and by path; nested config as dotted keys."""
    published = registered(True)
    path = published.registry.folder / "tiny.safetensors"
    by_name = json.loads(run("info", "tiny-ode", "--json").stdout)
    assert by_name == json.loads(run("info", str(path), "--json").stdout)
    assert by_name["config"] == metadata.config
    assert by_name["training_data"] == metadata.training_data
    assert by_name["metrics"] == {"validation_rmsd": 0.5}
    assert by_name["sha256"] == published.entry.sha256
    assert by_name["parameters"] == 17
    lines = run("info", "tiny-ode").stdout.splitlines()
    assert "config.time_convention: consistent" in lines
    assert "units: Å, ps, amu" in lines


def test_info_of_what_is_no_checkpoint_fails(tmp_path):
    """A message, not a traceback."""
    path = tmp_path / "a.safetensors"
    path.write_text("text")
    result = run("info", str(path))
    assert result.exit_code == 1
    assert "not a whole safetensors file" in result.stderr


def test_verify_finds_a_changed_file(registered):
    """Exit code 0 while intact and 1 after a change, also for programs."""
    published = registered(True)
    good = run("verify")
    assert (good.exit_code, good.stdout) == (0, "tiny-ode: ok\n")
    path = published.registry.folder / "tiny.safetensors"
    path.write_bytes(published.content + b"x")
    bad = run("verify", "tiny-ode")
    assert bad.exit_code == 1
    assert "bytes instead of" in bad.stdout
    result = run("verify", "--json")
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)
    assert (row["name"], row["path"]) == ("tiny-ode", str(path))
    assert "bytes instead of" in row["problem"]


def test_verify_of_remote_weights_fails_only_when_named(registered):
    """Without names, what is not on this machine is left out."""
    registered(False)
    assert run("verify").exit_code == 0
    named = run("verify", "tiny-ode")
    assert named.exit_code == 1
    assert "not on this machine" in named.stdout
