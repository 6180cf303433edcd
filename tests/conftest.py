import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The data folder beside the checkout; NEURALMD_SHARED names another place."""
    default = Path(__file__).resolve().parents[1].parent / "shared"
    folder = Path(os.environ.get("NEURALMD_SHARED", default))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}")
    return folder
