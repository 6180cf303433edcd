"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
import torch

# The systems are small: a second thread gains little, and waits on a busy machine.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of goldens and real structures, where a checkout has it."""
    default = Path(__file__).resolve().parents[1].parent / "shared"
    path = Path(os.environ.get("NEURALMD_SHARED", default))
    if not (path / "FACTS.md").is_file():
        pytest.skip("the shared data folder is not here")
    return path
