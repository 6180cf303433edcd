"""Print how far imported checkpoints are from the authors' numbers, as Markdown.

python scripts/golden_parity.py ../shared/goldens

Every state dict of the goldens, full size and tiny, is written as the authors' .pth
file, imported, loaded and compared, in float64 and float32.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from neuralmd_cli.bindingnet.neighbours import neighbour_pairs
from neuralmd_cli.graph import Pairs, slots
from tests.golden import SUFFIX, error, golden_batch, golden_velocity
from tests.parity import (
    ROLLOUTS,
    SYSTEMS,
    complexes_of,
    imported,
    module_errors,
    own_rounding,
    rollout_errors,
    velocity_network,
)

SIZES = ("", "tiny_")
RULES = ("none", "lowest32", "lowest33_with_self", "cpu_kdtree")
Errors = dict[str, dict[str, float]]  # of each row, by column


def note(table: Errors, row: str, column: str, value: float) -> None:
    """Keep the worst of a row and column."""
    cells = table.setdefault(row, {})
    cells[column] = max(cells.get(column, 0.0), value)


def add_model(table: Errors, goldens: Path, name: str, size: str) -> None:
    """All modules of a model on all complexes, then its rollouts."""
    own = own_rounding(goldens, size + name)
    schemes = ROLLOUTS.get(name, ())
    with tempfile.TemporaryDirectory() as folder:
        model = imported(Path(folder), goldens, size + name, "")
        for dtype, suffix in SUFFIX.items():
            column = f"{size}{suffix}"
            for letter in complexes_of(name):
                found = module_errors(model.to(dtype), goldens, size + name, letter)
                for key, value in found.items():
                    what = key.replace(f".{letter}.", " ").removeprefix(f"{name} ")
                    note(table, f"{name}: {what}", column, value)
                    note(table, f"{name}: {what}", f"{size}own", own[key])
        for scheme in schemes:
            model = imported(Path(folder), goldens, size + name, scheme)
            for dtype, suffix in SUFFIX.items():
                found = rollout_errors(model.to(dtype), goldens, size + name, scheme)
                for key, value in found.items():
                    row = f"{name}: rollout {scheme} {key.rsplit('.', 1)[1]}"
                    note(table, row.replace("  ", " "), f"{size}{suffix}", value)
                    note(table, row.replace("  ", " "), f"{size}own", own[key])


def add_caps(table: Errors, goldens: Path) -> None:
    """Edges and output of the velocity network on complex C, under each rule."""
    with np.load(goldens / "golden_neighbour_cap.npz") as content:
        golden = dict(content)
    for rule in RULES:
        edges = golden[f"C.edge_index.{rule}"].astype(np.int64)
        for dtype, suffix in SUFFIX.items():
            batch = golden_batch(goldens, "C", dtype)
            displacement = golden_velocity(goldens, "C", dtype)
            rows, given = slots(batch.atom_complex, 1), None
            stated = None if rule == "cpu_kdtree" else rule
            network = velocity_network(goldens, "binding01_single", stated, dtype)
            if stated is None:  # no rule without the library: its own edges are given
                source, target = torch.from_numpy(edges)
                given = Pairs(source=source, target=target)
            pairs = given or neighbour_pairs(displacement, rows, network.config)
            ours = set(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True))
            if ours != set(zip(*edges.tolist(), strict=True)):
                raise SystemExit(f"the edges of {rule} are others")
            with torch.no_grad():
                forces = network(
                    batch.atomic_numbers, displacement, rows, pairs=pairs
                ).forces
            value = error(forces, golden[f"C.velocity_init.{rule}.{suffix}"])
            note(table, f"binding01_single: velocity_init of C, {rule}", suffix, value)
        theirs = [golden[f"C.velocity_init.{rule}.{x}"] for x in ("f32", "f64")]
        own = error(torch.from_numpy(theirs[0]), theirs[1])
        note(table, f"binding01_single: velocity_init of C, {rule}", "own", own)


def main() -> None:
    """Compare everything and print one table."""
    goldens = Path(sys.argv[1])
    table: Errors = {}
    for size in SIZES:
        for name in SYSTEMS:
            add_model(table, goldens, name, size)
    add_caps(table, goldens)
    columns = [f"{size}{x}" for size in SIZES for x in ("f64", "f32", "own")]
    print(
        "| output | float64 | float32 | theirs, 32 to 64 bits "
        "| tiny: float64 | float32 | theirs |\n|---|---|---|---|---|---|---|"
    )
    for row, cells in table.items():
        values = [f"{cells[x]:.0e}" if x in cells else "" for x in columns]
        print(f"| {row} | {' | '.join(values)} |")


if __name__ == "__main__":
    main()
