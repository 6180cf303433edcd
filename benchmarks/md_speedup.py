"""ns/day of `neuralmd md` against `neuralmd simulate`, and how far they agree.

    python benchmarks/md_speedup.py --protein P.pdb --ligand L.sdf \
        [--seconds 60] [--ns 0.1 --interval-ps 4] [--platform CPU] [--charges gasteiger]

One complex, one machine. Times the dynamics of a box of water (as MISATO) and of a
droplet, after minimisation, for about `--seconds` each, and `simulate` for 8 ns with
its default weights. With `--ns`, it also runs the droplet for so long and scores
`simulate` from the same start by `neuralmd compare`, beside a frozen ligand. Prints
JSON; the paper's number for GROMACS stands beside ours.
"""

import argparse
import contextlib
import json
import os
import platform as host
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from neuralmd_cli.md import dynamics
from neuralmd_cli.md.outcome import Progress
from neuralmd_cli.md.prepare import Inputs, Preparation
from neuralmd_cli.md.session import Settings, simulate_md

PAPER_HOURS_PER_NS = 0.28
"""GROMACS, as the paper states it: 1 GPU, 16 cores, 64,000 atoms, 2 fs."""


class _EnoughError(Exception):
    """The speed is known."""


def md_speed(inputs: Inputs, how: Preparation, place: str, seconds: float) -> float:
    """ns/day of the dynamics alone, the first quarter of the time left out."""
    marks: list[tuple[float, float]] = []
    # Enough to begin with; what it leaves makes no step slower.
    dynamics.MINIMISATION_ITERATIONS = 50

    def watch(progress: Progress) -> None:
        marks.append((time.monotonic(), progress.done_ps))
        if marks[-1][0] - marks[0][0] > seconds:
            raise _EnoughError

    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.suppress(_EnoughError),
    ):
        simulate_md(
            inputs,
            how,
            Settings(ns=1000, interval_ps=1000),
            Path(folder) / "work",
            platform=place,
            on_progress=watch,
        )
    begin = next(x for x in marks if x[0] - marks[0][0] >= seconds / 4)
    spent, done = marks[-1][0] - begin[0], marks[-1][1] - begin[1]
    return round(done / 1000 / spent * 86400, 3)


def neuralmd(*words: str) -> str:
    """A command of neuralmd, its own output on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "neuralmd_cli", *words],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout


def simulate_speed(files: list[str], folder: Path) -> float:
    """ns/day of the rollout of 8 ns, the second of two runs."""
    output = str(folder / "sim.dcd")
    for _ in range(2):
        record = json.loads(neuralmd("simulate", *files, "-o", output, "--json"))
    return round(float(record["speed"]["ns_per_s"]) * 86400, 1)


def agreement(
    files: list[str], folder: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    """`compare` of simulate, and of a frozen ligand, to the droplet."""
    length = ["--ns", str(arguments.ns), "--interval-ps", str(arguments.interval_ps)]
    reference = str(folder / "md.dcd")
    neuralmd(
        *("md", *files, *length, "--solvent", "droplet", "-o", reference, "--quiet"),
        *("--charges", arguments.charges, "--platform", arguments.platform),
    )
    found = {}
    for name, options in (("simulate", []), ("frozen", ["--model", "frozen"])):
        output = str(folder / f"{name}.dcd")
        neuralmd("simulate", *files, *length, *options, "-o", output, "-q")
        found[name] = json.loads(neuralmd("compare", output, reference, "--json"))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protein", type=Path, required=True)
    parser.add_argument("--ligand", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--platform", default="auto")
    parser.add_argument("--charges", default="gasteiger")
    parser.add_argument("--ns", type=float)
    parser.add_argument("--interval-ps", type=float, default=4)
    parser.add_argument("--solvents", default="droplet,explicit")
    arguments = parser.parse_args()
    inputs = Inputs(protein=arguments.protein, ligand=arguments.ligand)
    files = ["--protein", str(arguments.protein), "--ligand", str(arguments.ligand)]
    speeds: dict[str, Any] = {}
    for solvent in arguments.solvents.split(","):
        how = Preparation(solvent=solvent, charges=arguments.charges)
        speeds[f"md {solvent}"] = md_speed(
            inputs, how, arguments.platform, arguments.seconds
        )
    with tempfile.TemporaryDirectory() as folder:
        speeds["simulate"] = simulate_speed(files, Path(folder))
        accuracy = None
        if arguments.ns is not None:
            accuracy = agreement(files, Path(folder), arguments)
    result = {
        "ns_per_day": speeds
        | {"GROMACS, the paper": round(24 / PAPER_HOURS_PER_NS, 1)},
        "speed_up": {
            k: round(speeds["simulate"] / v, 1)
            for k, v in speeds.items()
            if k != "simulate"
        },
        "compare": accuracy,
        "platform": arguments.platform,
        "machine": f"{host.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}",
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
