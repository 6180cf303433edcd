"""Time to make a report, and its size: the example's ligand wandering in its pocket.

    python benchmarks/report.py [--snapshots 100 10000] [--trajectories 1]

Prints a JSON object a line: snapshots of each trajectory, trajectories, seconds,
megabytes of the page, and how many snapshots were looked at. The motion is drawn at
random; what it costs to look at a snapshot does not depend on where the ligand is.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch

from neuralmd_cli.report.write import write_report
from neuralmd_cli.structure.prepare import prepare
from neuralmd_cli.topology import ligand_topology
from neuralmd_cli.writers import (
    write_ligand_sdf,
    write_topology_pdb,
    write_trajectory,
)

EXAMPLE = Path(__file__).parents[1] / "examples" / "nik"


def main() -> None:
    """Make a report of each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snapshots", type=int, nargs="+", default=[100, 10_000])
    parser.add_argument("--trajectories", type=int, default=1)
    options = parser.parse_args()
    for snapshots in options.snapshots:
        with tempfile.TemporaryDirectory() as folder:
            paths = trajectories(Path(folder), snapshots, options.trajectories)
            began, worked = time.perf_counter(), time.process_time()
            written = write_report(
                paths, Path(folder) / "report.html", protein=EXAMPLE / "nik.pdb"
            )
            answer = {
                "snapshots": snapshots,
                "trajectories": options.trajectories,
                "seconds": round(time.perf_counter() - began, 1),
                "cpu_seconds": round(time.process_time() - worked, 1),
                "megabytes": round(written.n_bytes / 1e6, 2),
                "looked_at": written.looked_at,
                "threads": torch.get_num_threads(),
            }
        print(json.dumps(answer), flush=True)


def trajectories(folder: Path, snapshots: int, n: int) -> list[Path]:
    """Files as `simulate` writes them: the ligand sways, and its atoms tremble."""
    prepared = prepare(EXAMPLE / "nik.pdb", EXAMPLE / "ligand_13v.sdf")
    topology = ligand_topology(prepared.molecule, with_hydrogens=False)
    start = prepared.complex.ligand.positions
    times = 80.0 * torch.arange(1, snapshots + 1)
    write_topology_pdb(folder / "run.pdb", start, topology)
    write_ligand_sdf(folder / "run.sdf", prepared.molecule, start)
    paths = []
    for k in range(1, n + 1):
        generator = torch.Generator().manual_seed(k)
        kicks = 0.1 * torch.randn(snapshots, 1, 3, generator=generator)
        sway = torch.zeros_like(kicks)
        for step in range(1, snapshots):
            sway[step] = 0.9 * sway[step - 1] + kicks[step]
        shake = 0.03 * torch.randn(snapshots, *start.shape, generator=generator)
        paths.append(folder / f"run_r{k}.dcd")
        write_trajectory(paths[-1], start + sway + shake, times, topology)
    return paths


if __name__ == "__main__":
    main()
