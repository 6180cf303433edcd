"""Fixtures of the tests of screens."""

from pathlib import Path

import pytest

from tests.screen.poses import write_poses, write_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> str:
    """A small checkpoint that draws random numbers."""
    folder = tmp_path_factory.mktemp("weights")
    return str(write_weights(folder / "toy.safetensors"))


@pytest.fixture(scope="session")
def six(tmp_path_factory) -> Path:
    """An SDF of six poses."""
    return write_poses(tmp_path_factory.mktemp("poses") / "six.sdf", 6)
