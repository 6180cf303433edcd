"""Runs of `neuralmd md` in several solvents beside one of our MD sets.

    python scripts/three_ways.py SET.hdf5 NAME RUN.dcd [RUN.dcd ...]

Each run, made with --with-protein, from its first snapshot: RMSD (Å) of the ligand's
heavy atoms at lags of the set's spacing, CA atoms within 9 Å of the ligand superposed,
their mean. Beside it, the same of every window of that length in the set: mean,
standard deviation, and the share of windows below the run. Prints a Markdown table.
"""

import argparse
import json
from pathlib import Path

import mdtraj
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from neuralmd_cli.dataset.recordings import open_recordings
from neuralmd_cli.units import ANGSTROM_PER_NM

NEAR_NM = 0.9


def rmsd(
    positions: Float[ndarray, "frames atoms 3"],
) -> Float[ndarray, " frames"]:
    """To the first frame, Å."""
    off = positions - positions[0]
    return np.sqrt(np.square(off).sum(axis=-1).mean(axis=-1))


def ligand_path(run: Path) -> tuple[mdtraj.Trajectory, Float[ndarray, "_ _ 3"]]:
    """The run, and its ligand's heavy atoms (Å) on the CA atoms near them."""
    path = mdtraj.load(run, top=run.with_suffix(".pdb"))
    ligand = path.topology.select("not protein and not element H")
    carbons = path.topology.select("protein and name CA")
    first = path.xyz[0]
    gaps = np.linalg.norm(first[carbons][:, None] - first[ligand], axis=-1)
    near = carbons[gaps.min(axis=1) < NEAR_NM]
    laid = path.superpose(path, frame=0, atom_indices=near)
    return path, laid.xyz[:, ligand] * ANGSTROM_PER_NM


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("name")
    parser.add_argument("runs", type=Path, nargs="+")
    options = parser.parse_args()
    recording = open_recordings(options.set).read(options.name, "pocket")
    ours = recording.positions.double().numpy()
    print(
        "| solvent | atoms | length, ps | temperature, K | energy, second half less "
        "first, of its deviation, kJ/mol | "
        "volume, nm³ | ligand RMSD, Å | the set's windows, Å | windows below |"
    )
    print("|---" * 9 + "|")
    for run in options.runs:
        record = json.loads(run.with_suffix(".json").read_text())
        interval = record["interval_ps"]
        results = {k: x["value"] for k, x in record["results"][0].items()}
        every = round(recording.spacing_ps / interval)
        path, ligand = ligand_path(run)
        found = rmsd(ligand[::every])[1:]
        windows = [
            rmsd(ours[k : k + len(found) + 1])[1:].mean()
            for k in range(len(ours) - len(found))
        ]
        volume = f"{results['volume_mean']:.0f}" if "volume_mean" in results else ""
        print(
            f"| {record['dynamics']['solvent']} | {path.n_atoms} | "
            f"{record['snapshots'] * interval:g} | "
            f"{results['temperature_mean']:.1f} ± {results['temperature_sd']:.1f} | "
            f"{results['energy_change']:.0f} of {results['energy_sd']:.0f} | "
            f"{volume} | "
            f"{found.mean():.2f} | "
            f"{np.mean(windows):.2f} ± {np.std(windows):.2f} | "
            f"{100 * np.mean(np.array(windows) < found.mean()):.0f} % |"
        )


if __name__ == "__main__":
    main()
