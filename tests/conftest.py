"""Fixtures shared by all tests."""

import os
from collections.abc import Iterator
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


@pytest.fixture(autouse=True, scope="session")
def untrained_models_may_run() -> Iterator[dict[str, float]]:
    """Models in tests are untrained, and their ligands fly apart: let them.

    Numbers that are none, and jumps, still end a rollout. Gives the real limits.
    """
    from neuralmd_cli import sanity

    lenient = {"STRETCHED": 1e9, "SQUEEZED": -1.0, "IN_ONE_PLACE": -1.0, "FAR": 1e9}
    real = {name: getattr(sanity, name) for name in lenient}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in lenient.items():
            patch.setattr(sanity, name, value)
        yield real
