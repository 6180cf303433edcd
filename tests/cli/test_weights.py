"""`neuralmd weights` says where weights are, what they are, and if they are intact."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuralmd_cli.cli.main import app
from tests.published import FLAGS, published_state, write_published
from tests.weights.conftest import (  # fixtures
    cache,
    metadata,
    original,
    publish,
    sending,
    server,
    tensors,
)

__all__ = ["cache", "metadata", "original", "publish", "server", "tensors"]

ENTRY = """
[[weights]]
name = "{0.name}"
model = "{0.model}"
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


def test_list_never_cuts_a_name_short():
    """The names of this version can be copied from a narrow terminal."""
    shown = run("list").stdout.split()
    assert "neuralmd-ode-misato1000-published" in shown


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


def test_import_converts_and_says_what_it_made(tmp_path):
    """The file can be inspected; notes go to stderr, --quiet silences the rest."""
    state = published_state(refined=True)
    model, flags = write_published(tmp_path, state, FLAGS.format(0))
    output = tmp_path / "mine.safetensors"
    given = ["import", str(model), "-o", str(output), "--hyperparameters", str(flags)]
    result = run(*given)
    assert result.exit_code == 0
    assert "euler steps of 400 ps, one unit of its time is 8000 ps" in result.stdout
    assert "Note: The velocity refinement network was left out" in result.stderr
    assert run(*given, "--quiet").stdout == ""
    info = json.loads(run("info", str(output), "--json").stdout)
    assert info["config"]["time_convention"] == "published"
    assert info["name"] == "mine"
    by_hand = ["--step", "1", "--scaling", "2", "--velocity-refinement", "0.5"]
    assert run(*given, *by_hand, "--name", "theirs").exit_code == 0
    info = json.loads(run("info", str(output), "--json").stdout)
    assert info["config"]["step_ps"] == 80
    assert info["config"]["ps_per_time_unit"] == 160
    assert info["config"]["velocity_refinement"] == 0.5
    assert info["name"] == "theirs"


def test_import_names_the_option_of_what_is_missing(tmp_path):
    """Exit code 1, message and hint."""
    model, _ = write_published(tmp_path, published_state())
    output = str(tmp_path / "a.safetensors")
    given = ["import", str(model), "-o", output, "--scaling", "100"]
    asked = run(*given)
    assert asked.exit_code == 1
    assert "neuralmd-ode, gnnmd, denoisingld" in asked.stderr
    assert "Hint: Say which it is with --model" in asked.stderr
    result = run(*given, "--model", "neuralmd-ode")
    assert result.exit_code == 1
    assert "Error: Nothing gives NeuralMD_step_size" in result.stderr
    assert "--step" in result.stderr


@pytest.fixture
def theirs(original, monkeypatch):
    """The registry that `neuralmd` reads: one checkpoint of others, hash unknown."""
    made = original(known=False)
    monkeypatch.setattr(
        "neuralmd_cli.weights.registry.load_registry", lambda: made.registry
    )
    monkeypatch.setattr(
        "neuralmd_cli.weights.fetch.load_registry", lambda: made.registry
    )
    return made


def test_weights_of_others_in_list_fetch_info_and_verify(theirs, server, cache):
    """Where they come from, and their hash once it is pinned."""
    (row,) = json.loads(run("list", "--json").stdout)
    assert (row["where"], row["sha256"]) == ("remote", None)
    assert row["original"] == f"{server.url}/{theirs.entry.original}"
    assert run("verify").stdout.startswith("There are no weights on this machine")
    fetched = run("fetch", "tiny-published")
    path = cache / "tiny-published.safetensors"
    assert fetched.stdout == f"{path}\n"
    assert "no SHA-256 is registered for model.pth" in fetched.stderr
    (row,) = json.loads(run("list", "--json").stdout)
    pins = json.loads((cache / "seen.json").read_text())["tiny-published"]
    assert (row["where"], row["sha256"]) == ("cached", pins["model.pth"])
    assert "tiny-published" in run("list").stdout
    info = json.loads(run("info", "tiny-published", "--json").stdout)
    assert info["training_data"]["model.pth"] == pins["model.pth"]
    assert run("verify").stdout == "tiny-published: ok\n"
    path.write_bytes(path.read_bytes() + b"x")
    assert run("verify", "tiny-published").exit_code == 1


def test_simulate_fetches_on_first_use(theirs, server, tmp_path):
    """By name, from nothing to a trajectory; the second run needs no server."""
    nik = Path(__file__).resolve().parents[2] / "examples" / "nik"
    given = [
        *("simulate", "--protein", str(nik / "nik.pdb"), "--quiet"),
        *("--ligand", str(nik / "ligand_13v.sdf"), "--ns", "0.8"),
        *("--weights", "tiny-published", "-o", str(tmp_path / "out.dcd")),
    ]
    for _ in range(2):
        result = CliRunner().invoke(app, given)
        assert result.exit_code == 0, result.output
        assert server.requests == 2
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["model"]["name"] == "tiny-published"
    assert record["dynamics"]["time_convention"] == "published"
    assert record["dynamics"]["step_ps"] == 400
    assert record["dynamics"]["v0"] == "zero"
