"""One small complex for all tests; skipped where the extra is not installed."""

import pytest

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.md.amber import require_md
from tests.md.tiny import Tiny, write_tiny

pytest.importorskip("openmm", reason="the extra md is not installed")
try:
    require_md()
except NeuralMDError as error:
    pytest.skip(f"the extra md is not whole: {error.message}", allow_module_level=True)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Tiny:
    """As `tests.md.tiny` has it."""
    return write_tiny(tmp_path_factory.mktemp("tiny"))
