"""What becomes of a ligand in each system, from structure files of complexes not seen.

    python scripts/system_outcomes.py --data ../shared/data FOLDER

FOLDER/<model>/weights.safetensors are the trained systems; `runs/all_systems.sh` makes
them. Prints a Markdown table: 0.4 ns, a snapshot every 4 ps, 300 K, seed 0.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import TrainableSystem
from neuralmd_cli.run import Run, simulate_files

COMPLEXES = ("ephx2", "btk")  # of the validation part of own-md
NS, INTERVAL_PS = 0.4, 4.0
HEADER = (
    "| model | complex | outcome | bonds intact, % | RMSD at the end, Å | RMSF, Å | "
    "snapshots/s |\n|---|---|---|---|---|---|---|"
)


def run_one(data: Path, name: str, model: str, weights: Path | None) -> Run:
    """Simulate one complex from its PDB and SDF files."""
    folder = data / "complexes" / name
    with TemporaryDirectory() as out:
        return simulate_files(
            folder / "protein.pdb",
            folder / "ligand.sdf",
            output=Path(out) / "traj.dcd",
            ns=NS,
            interval_ps=INTERVAL_PS,
            model=model,
            weights=None if weights is None else str(weights),
        )


def row(model: str, name: str, run: Run) -> str:
    """One line of the table."""
    (checks,) = run.checks
    values = {x.name: x.value for x in checks}
    finite = not any("not numbers" in x["reason"] for x in run.record.broken)
    cells = [
        model,
        name.upper(),
        "finite" if finite else "not finite",
        f"{values['bonds_intact']:.0f}",
        f"{values[f'rmsd_at_{NS * 1000:g}_ps']:.2f}",
        f"{values['rmsf_mean']:.2f}",
        f"{run.record.speed['snapshots_per_s']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    print(HEADER)
    for model, kind in SYSTEMS.items():
        if kind.oracle:
            continue
        weights = None
        if issubclass(kind, TrainableSystem):
            weights = options.folder / model / "weights.safetensors"
        for name in COMPLEXES:
            try:
                run = run_one(options.data, name, model, weights)
            except NeuralMDError as error:
                reason = error.message.split(":")[0]
                print(f"| {model} | {name.upper()} | {reason} | | | | |", flush=True)
                continue
            print(row(model, name, run), flush=True)


if __name__ == "__main__":
    main()
