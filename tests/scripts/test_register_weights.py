"""The registry that scripts/register_weights.py writes is one neuralmd reads."""

import runpy
from pathlib import Path

import pytest
import torch

from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from neuralmd_cli.weights.fetch import resolve
from neuralmd_cli.weights.registry import load_registry

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "register_weights.py"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A weights folder with the committed comment, three checkpoints and a card."""
    (tmp_path / "registry.toml").write_text("# What this is.\n")
    (tmp_path / "card.md").write_text("# Card\n")
    kinds = {"one": "neuralmd-ode", "two": "neuralmd-ode", "other": "neuralmd-sde"}
    for number, (name, kind) in enumerate(kinds.items()):
        save_checkpoint(
            tmp_path / f"{name}.safetensors",
            {"x": torch.full((2,), float(number))},
            CheckpointMetadata(name=name, model=kind, config={}),
        )
    return tmp_path


@pytest.fixture
def register(monkeypatch):
    """Run the script; return what it would exit with."""

    def run(path, name, *more):
        options = ["--name", name, "--card", "card.md", "--description", 'A "quoted" Å']
        monkeypatch.setattr("sys.argv", ["script", str(path), *options, *more])
        try:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        except SystemExit as end:
            return end.code
        return None

    return run


def test_entries_are_appended_and_replaced(folder, register):
    """The last default of a model is its default; the comment on top stays."""
    for file, name, *more in [
        ("one", "a", "--default"),
        ("two", "b", "--default"),
        ("one", "b", "--default"),
        ("two", "c", "--remote"),
        ("other", "d", "--default"),
    ]:
        assert register(folder / f"{file}.safetensors", name, *more) is None
    registry = load_registry(folder)
    assert [x.name for x in registry.entries] == ["a", "b", "c", "d"]
    assert registry.default().name == "b"
    assert registry.default("neuralmd-sde").name == "d"
    assert registry.default().description == 'A "quoted" Å'
    assert [x.bundled for x in registry.entries] == [True, True, False, True]
    assert resolve(registry=registry) == folder / "one.safetensors"
    assert (folder / "registry.toml").read_text().startswith("# What this is.\n")


def test_what_cannot_be_registered_leaves_the_registry(folder, register):
    """No card, or no checkpoint."""
    (folder / "bad.safetensors").write_text("bad")
    assert "not a whole" in register(folder / "bad.safetensors", "a")
    (folder / "card.md").unlink()
    assert "no model card" in register(folder / "one.safetensors", "a")
    assert (folder / "registry.toml").read_text() == "# What this is.\n"
