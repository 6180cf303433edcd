"""What needs no extra runs where only the locked run-time packages are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NIK = ROOT / "examples" / "nik"

ONLY_THE_LOCK = """
import importlib.abc, importlib.metadata, re, sys
plain = lambda name: re.sub(r"[-_.]+", "-", name).lower()
locked = {plain(x) for x in sys.argv.pop(1).split(",")} | {"neuralmd"}
owners = importlib.metadata.packages_distributions()
hidden = {m for m, of in owners.items() if locked.isdisjoint(map(plain, of))}
assert "h5py" in hidden or "h5py" not in owners

class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
from neuralmd_cli.__main__ import main
main()
"""


def neuralmd(*words: str | Path) -> subprocess.CompletedProcess:
    """Run a command that can import no package but those of requirements.lock."""
    lock = (ROOT / "requirements.lock").read_text()
    locked = ",".join(re.findall(r"^([\w.-]+)==", lock, flags=re.MULTILINE))
    return subprocess.run(
        [sys.executable, "-c", ONLY_THE_LOCK, locked, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def trajectory(tmp_path_factory):
    """A run of the example, as `make demo` makes it but shorter."""
    path = tmp_path_factory.mktemp("bare") / "nik.dcd"
    protein, ligand = NIK / "nik.pdb", NIK / "ligand_13v.sdf"
    done = neuralmd(
        "simulate", "--protein", protein, "--ligand", ligand, "--ns", "0.4", "-o", path
    )
    assert done.returncode == 0, done.stderr
    return path


@pytest.mark.parametrize("name", ["rmsf", "torsions", "cluster"])
def test_what_needs_no_extra_runs_without_any(trajectory, name):
    """A fresh `make demo` has the lock alone: it once failed for want of h5py."""
    done = neuralmd(name, trajectory, "--json")
    assert done.returncode == 0, done.stderr


def test_what_needs_an_extra_names_it(tmp_path):
    done = neuralmd("data", "inspect", tmp_path / "set.hdf5")
    assert done.returncode == 1
    assert 'pip install "neuralmd[data]"' in done.stderr
    assert "Traceback" not in done.stderr
