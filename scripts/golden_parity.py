"""Print how far the published variant is from the authors' numbers, as Markdown.

python scripts/golden_parity.py ../shared/goldens
"""

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from neuralmd_cli.graph import slots
from tests.golden import (
    SUFFIX,
    error,
    golden_batch,
    golden_model,
    golden_velocity,
)
from tests.models.test_golden_rollouts import CASES, rollout


def module_errors(folder: Path, dtype: torch.dtype) -> dict[str, float]:
    """Largest error over A, B and C of each module and derivative."""
    golden = np.load(folder / "golden_modules.npz")
    worst: dict[str, float] = {}

    def note(row: str, ours: torch.Tensor, key: str) -> None:
        value = error(ours, golden[f"{key}.{SUFFIX[dtype]}"])
        worst[row] = max(worst.get(row, 0.0), value)

    for name in "ABC":
        batch = golden_batch(folder, name, dtype)
        rows = slots(batch.atom_complex, 1)
        for system in ("binding01_multi", "binding01_single"):
            model = golden_model(folder, system, dtype)
            net = model.binding_net
            state = (golden_velocity(folder, name, dtype), batch.positions)
            with torch.no_grad():
                acceleration, velocity = model.dynamics(batch).derivative(
                    torch.zeros(()), state
                )
                note(f"{system} dv/dt", acceleration, f"{system}.{name}.acceleration")
                note(f"{system} dx/dt", velocity, f"{system}.{name}.velocity")
                ligand = net.ligand(batch.atomic_numbers, batch.positions, rows)
                protein = net.encode_protein(batch)
                forces = net.forces(batch, batch.positions, protein)
            energy = net.ligand.energies(ligand, batch.atom_complex, 1)
            note("ligand energy", energy, f"ligand.{name}.energy")
            note("ligand forces", ligand.forces, f"ligand.{name}.forces")
            note("ligand representation", ligand.scalars, f"ligand.{name}.repr")
            note("protein representation", protein.features, f"protein.{name}.repr")
            note("complex forces", forces, f"complex.{name}.forces")
    return worst


def rollout_errors(folder: Path, dtype: torch.dtype) -> dict[str, float]:
    """Largest error over 20 snapshots of each golden rollout."""
    golden = np.load(folder / "golden_rollouts.npz")
    errors = {}
    for system, scheme in CASES:
        positions, velocities = rollout(folder, system, scheme, dtype)
        key = f"rollout.{system}.A.{scheme}"
        for kind, ours in (("pos", positions), ("vel", velocities)):
            errors[f"{system} {scheme} {kind}"] = error(
                ours, golden[f"{key}.{kind}.{SUFFIX[dtype]}"]
            )
    return errors


def main() -> None:
    """Compare everything and print one table."""
    folder = Path(sys.argv[1])
    columns = [
        module_errors(folder, dtype) | rollout_errors(folder, dtype) for dtype in SUFFIX
    ]
    print("| output | float64 | float32 |\n|---|---|---|")
    for row in columns[0]:
        print(f"| {row} | {columns[0][row]:.1e} | {columns[1][row]:.1e} |")


if __name__ == "__main__":
    main()
