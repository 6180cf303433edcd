"""How long a user waits: for help, and for the first snapshot of a simulation.

    python benchmarks/startup.py [--weights NAME|PATH] [--repeats 5]

Prints JSON: medians in seconds, from before the process starts, the interpreter's own
start included. The simulation is one snapshot (0.08 ns) of the bundled NIK complex;
`first_snapshot` ends when it is computed, `simulate` when the process has ended.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = (sys.executable, "-m", "neuralmd_cli")
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "nik"
FIRST_SNAPSHOT = """
import sys, time
from pathlib import Path
import neuralmd_cli.cli.main
from neuralmd_cli.run import simulate_files
folder, output, weights = sys.argv[1:]
simulate_files(
    Path(folder, "nik.pdb"),
    Path(folder, "ligand_13v.sdf"),
    output=Path(output),
    ns=0.08,
    device="cpu",
    weights=weights or None,
    on_snapshot=lambda done: print(time.time()),
)
"""


def run(*arguments: str) -> tuple[float, str]:
    """Seconds a command took from outside, and what it printed."""
    started = time.perf_counter()
    done = subprocess.run(
        [*COMMAND, *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return time.perf_counter() - started, done.stdout


def simulate(output: Path, weights: str | None) -> tuple[float, float]:
    """Seconds of a whole one-snapshot simulation, and to its first snapshot."""
    started = time.time()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            FIRST_SNAPSHOT,
            str(EXAMPLE),
            str(output),
            weights or "",
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return time.time() - started, float(done.stdout) - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", help="default: the bundled ones")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    repeats = range(options.repeats)
    run("--help")  # fills the disk cache
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "first.dcd"
        simulations = [simulate(output, options.weights) for _ in repeats]
    whole, first = zip(*simulations, strict=True)
    seconds = {
        "help": [run("--help")[0] for _ in repeats],
        "simulate_help": [run("simulate", "--help")[0] for _ in repeats],
        "first_snapshot": first,
        "simulate": whole,
    }
    medians = {k: round(statistics.median(v), 3) for k, v in seconds.items()}
    print(json.dumps({"repeats": options.repeats, "median_s": medians}, indent=2))


if __name__ == "__main__":
    main()
