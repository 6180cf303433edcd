"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data, beside the repository or where the user says."""
    beside = Path(__file__).resolve().parents[1].parent / "shared"
    path = Path(os.environ.get("NEURALMD_SHARED", beside))
    if not path.is_dir():
        pytest.skip(f"no shared data at {path}")
    return path
