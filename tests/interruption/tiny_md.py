"""Molecular dynamics of a tiny complex on OpenMM's Reference platform.

OpenMM's minimisation is not the same to the last bit each time, so every run begins
with one minimised state, made once. From there on Reference is: the same bytes.

    python -m tests.interruption.tiny_md FOLDER    makes inputs and that state
"""

import shutil
import sys
from pathlib import Path

from neuralmd_cli.md.files import Wanted, forget_work, is_done, md_files
from neuralmd_cli.md.outcome import Progress
from neuralmd_cli.md.prepare import Inputs, Preparation
from neuralmd_cli.md.session import Settings, simulate_md
from tests.md.tiny import write_tiny

HOW = Preparation(solvent="implicit", charges="gasteiger")
SETTINGS = Settings(
    ns=2e-3, interval_ps=0.02, equilibration_ps=0.04, heating_ps=0.04, seed=3
)
FAST = {"platform": "Reference", "keep_seconds": 0.1}


class Enough(BaseException):
    """There is a state to begin with."""


def prepare(folder: Path) -> None:
    """Inputs and a work folder that has passed minimisation."""

    def stop(progress: Progress) -> None:
        if progress.done_ps > 0.02:
            raise Enough

    try:
        simulate_md(
            write_tiny(folder).inputs,
            HOW,
            SETTINGS,
            folder / "begun",
            platform="Reference",
            keep_seconds=0.0,
            on_progress=stop,
        )
    except Enough:
        return
    raise RuntimeError("it ended before it could be stopped")


def wanted_in(out: Path, *, store: bool) -> Wanted:
    """A trajectory, or a group of a store."""
    if store:
        return Wanted(store=out / "set.hdf5", name="TINY")
    return Wanted(output=out / "run.dcd")


def begin(folder: Path, out: Path, *, store: bool = False) -> None:
    """Put that state where a run keeps its own, if there is none."""
    work = wanted_in(out, store=store).work
    if (work / "progress.json").exists():
        return
    # Else it would begin with a minimisation of its own.
    shutil.rmtree(work, ignore_errors=True)
    half = out / "half-copied"
    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(folder / "begun", half)
    half.rename(work)


def run(folder: Path, out: Path, *, store: bool = False) -> None:
    """From that state, or from where a run was stopped, to the files."""
    inputs = Inputs(protein=folder / "tiny.pdb", ligand=folder / "phenol.sdf")
    wanted = wanted_in(out, store=store)
    if is_done(inputs, HOW, SETTINGS, wanted):
        forget_work(wanted)
        return
    begin(folder, out, store=store)
    md_files(inputs, HOW, SETTINGS, wanted, **FAST)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]))
