"""Throughput and memory of a screen of tiny poses, by number of poses and processes.

    python benchmarks/screen.py [--poses 500 2000] [--jobs 1 2] [--model frozen]

Prints JSON: for each number of poses and of processes, ligands per second (start-up
included), the peak memory of the process that keeps the results and of the largest one
that computes, and the ratio of the first two numbers of processes. The model `frozen`
costs nothing, so this is the cost of all that is around a model: reading, judging,
writing, ranking. Poses are a ring of seven heavy atoms in the pocket of examples/nik.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rdkit import Chem

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "nik"
RING = "c1cnc(N)nc1"


def ring() -> Chem.Mol:
    """The aminopyrimidine of the example's ligand, where it lies."""
    whole = Chem.MolFromMolFile(str(EXAMPLE / "ligand_13v.sdf"))
    keep = set(whole.GetSubstructMatch(Chem.MolFromSmarts(RING)))
    cut = Chem.RWMol(whole)
    for index in sorted(set(range(whole.GetNumAtoms())) - keep, reverse=True):
        cut.RemoveAtom(index)
    molecule = cut.GetMol()
    Chem.SanitizeMol(molecule)
    return molecule


def write_poses(path: Path, count: int) -> None:
    """So many poses within 0.1 Å of each other."""
    generator = np.random.default_rng(0)
    molecule = ring()
    start = molecule.GetConformer().GetPositions()
    with Chem.SDWriter(str(path)) as writer:
        for k in range(count):
            shift = generator.uniform(-0.05, 0.05, size=3)
            molecule.GetConformer().SetPositions(start + shift)
            molecule.SetProp("_Name", f"pose {k}")
            writer.write(molecule)


def screen(poses: Path, output: Path, jobs: int, model: str, ns: float) -> dict:
    """One run of the command; its speed and memory."""
    options = ["--protein", EXAMPLE / "nik.pdb", "--ligands", poses, "--output", output]
    options += ["--jobs", jobs, "--model", model, "--ns", ns, "--quiet"]
    command = [sys.executable, "-m", "neuralmd_cli", "screen", *map(str, options)]
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT)
    seconds = time.perf_counter() - started
    record = json.loads((output / "screen.json").read_text())
    cost = record["cost"]
    return {
        "poses": record["ligands"],
        "jobs": jobs,
        "seconds": round(seconds, 2),
        "ligands_per_s": round(record["results"] / seconds, 2),
        "peak_memory_mb_of_the_parent": cost["peak_memory_mb_of_the_end"],
        "peak_memory_mb_of_a_worker": cost["peak_memory_mb_of_a_worker"],
        "page_mb": round((output / "index.html").stat().st_size / 1e6, 2),
    }


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--poses", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--model", default="frozen")
    parser.add_argument("--ns", type=float, default=0.8)
    arguments = parser.parse_args()
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for count in arguments.poses:
            poses = Path(folder) / f"{count}.sdf"
            write_poses(poses, count)
            for jobs in arguments.jobs:
                output = Path(folder) / f"{count}_{jobs}"
                runs.append(screen(poses, output, jobs, arguments.model, arguments.ns))
    last = runs[-len(arguments.jobs) :]
    answer = {
        "machine": {
            "processor": platform.processor(),
            "python": sys.version.split()[0],
        },
        "model": arguments.model,
        "ns": arguments.ns,
        "runs": runs,
    }
    if len(last) > 1:
        answer["speed_of_second_jobs_over_first"] = round(
            last[1]["ligands_per_s"] / last[0]["ligands_per_s"], 2
        )
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
