"""Thermal motion of neuralmd-sde weights: against our MD, and on real complexes.

    python scripts/score_fluctuation.py WEIGHTS --shared ../shared --md EPHX2 BTK
    python scripts/score_fluctuation.py WEIGHTS --shared ../shared --complexes

`--md`: per recording, the RMSF of heavy atoms in MD, and of the model from the first
snapshot on, over the same time and over 8 ns; and how the two correlate over atoms.
The model forgets within some 0.3 ns, so in a short run it has not swung out yet.
`--complexes`: `--ns` of each folder at 300 K: what happened to bonds, how far atoms
went, how they swung, whether a frame clashed.
"""

import argparse
import time
from pathlib import Path

import torch
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.analysis.validity import CLASH_SHARE
from neuralmd_cli.complex import Complex
from neuralmd_cli.graph import distances
from neuralmd_cli.misato import read_recording
from neuralmd_cli.models.system import System
from neuralmd_cli.simulation import simulate, snapshot_times
from neuralmd_cli.structure.prepare import prepare
from neuralmd_cli.weights.model import load_model

REPLICAS = 4
NS, INTERVAL_PS = 8.0, 80.0
DISCARDED_NS = 0.4
"""Before it, the model is still on its way from the start."""


def run(
    system: System,
    complex_: Complex,
    ns: float,
    interval: float,
    replicas: int = REPLICAS,
) -> Tensor:
    """Positions [replicas, frames, atoms, 3], Å."""
    found = simulate(
        complex_,
        system,
        times=snapshot_times(ns, interval),
        replicas=replicas,
        device=torch.device("cpu"),
    )
    return torch.stack([x.positions for x in found])


def rmsf(positions: Tensor) -> Tensor:
    """Per atom [atoms], Å, of positions [replicas, frames, atoms, 3]."""
    about = positions - positions.mean(dim=1, keepdim=True)
    return about.square().sum(dim=-1).mean(dim=(0, 1)).sqrt()


def md_row(system: System, path: Path, name: str) -> list[str]:
    """RMSF of MD and model, over the same time and over 8 ns; how atoms agree."""
    recording = read_recording(path, name)
    interval = recording.spacing_ps
    length = (recording.n_frames - 1) * interval / 1000
    start = recording.complex_at(0)
    md = rmsf(recording.positions[None].double())
    short = rmsf(run(system, start, length, interval)).double()
    long = rmsf(run(system, start, NS, INTERVAL_PS)).double()
    return [
        name,
        f"{float(md.mean()):.2f}",
        f"{float(short.mean()):.2f}",
        f"{float(long.mean()):.2f}",
        f"{float((long.square().mean() / md.square().mean()).sqrt()):.2f}",
        f"{float(torch.corrcoef(torch.stack([md, long]))[0, 1]):.2f}",
    ]


def clashing(complex_: Complex, positions: Tensor) -> float:
    """Share of frames in which the ligand runs into the protein."""
    table = Chem.GetPeriodicTable()
    ligand, protein = complex_.ligand, complex_.protein
    own = torch.tensor([table.GetRvdw(z) for z in ligand.atomic_numbers.tolist()])
    radii = [table.GetRvdw(z) for z in protein.obstacle_numbers.tolist()]
    closest = CLASH_SHARE * (own[:, None] + torch.tensor(radii))
    frames = positions.flatten(0, 1)
    hit = [
        bool((torch.cdist(x, protein.obstacle_positions) < closest).any())
        for x in frames
    ]
    return sum(hit) / len(hit)


def complex_row(system: System, folder: Path, ns: float, replicas: int) -> list[str]:
    """Bonds, excursions, fluctuation and clashes."""
    complex_ = prepare(folder / "protein.pdb", folder / "ligand.sdf").complex
    ligand = complex_.ligand
    began = time.process_time()
    x = run(system, complex_, ns, INTERVAL_PS, replicas)
    spent = time.process_time() - began
    change = distances(x, ligand.bonds) - distances(ligand.positions, ligand.bonds)
    share = change.abs() / distances(ligand.positions, ligand.bonds)
    farthest = (x - ligand.positions).norm(dim=-1).max()
    late = x[:, int(DISCARDED_NS * 1000 / INTERVAL_PS) :]
    swing = rmsf(late)
    about = late - late.mean(dim=1, keepdim=True)
    memory = (about[:, 1:] * about[:, :-1]).sum() / about.square().sum()
    return [
        folder.name,
        "yes" if bool(x.isfinite().all()) else "no",
        str(ligand.n_atoms),
        f"{100 * float((share < 0.25).float().mean()):.0f}",
        f"{float(change.abs().max()):.4f}",
        f"{float(farthest):.1f}",
        f"{float(swing.min()):.2f} - {float(swing.max()):.2f}",
        f"{float(swing.mean()):.2f}",
        f"{float(memory):.2f}",
        f"{spent / x.shape[0] / ns:.2f}",
        f"{100 * clashing(complex_, x):.0f}",
    ]


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--md", nargs="*", default=[])
    parser.add_argument("--complexes", action="store_true")
    parser.add_argument("--ns", type=float, default=NS)
    parser.add_argument("--replicas", type=int, default=REPLICAS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    system = load_model(options.weights).system
    data = options.shared / "data"
    if options.md:
        print(
            "| complex | RMSF of MD, Å | of the model in the same time | in 8 ns | "
            "rms ratio (8 ns) | correlation over atoms (8 ns) |"
        )
        print("|---" * 6 + "|")
        for name in options.md:
            row = md_row(system, data / "md" / "droplet_4ps.hdf5", name)
            print(f"| {' | '.join(row)} |", flush=True)
    if options.complexes:
        print(
            "| complex | finite | atoms | bonds intact, % | largest bond change, Å | "
            "farthest atom, Å | RMSF, Å | mean RMSF | correlation after 80 ps | "
            "CPU s per ns | frames that clash, % |"
        )
        print("|---" * 11 + "|")
        for folder in sorted(x for x in (data / "complexes").iterdir() if x.is_dir()):
            row = complex_row(system, folder, options.ns, options.replicas)
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
