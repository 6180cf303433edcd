"""Speed and memory of one rollout: 30 heavy atoms in a protein of 300 residues.

    python benchmarks/rollout.py [--device cuda] [--atoms 30] [--residues 300]
    python benchmarks/rollout.py --complexes 64   # a batch against a single complex

Prints JSON: snapshots per second at two evaluations a snapshot (Euler, half a snapshot
a step), the ratios to the plain path and to one that encodes the protein at every
evaluation, and peak memory. The complex is synthetic, with the density of a real one;
the network is the default's size with fresh weights, its forces set to 0: the ligand
creeps along, so that no two evaluations are of the same positions.
"""

import argparse
import json
import platform
import resource
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.engine.forces import EngineForces
from neuralmd_cli.complex import Batch, Complex, Ligand, Protein, collate
from neuralmd_cli.dynamics.ode import NewtonianODE, State, integrate
from neuralmd_cli.models.binding_force import BindingForce, plain_forces
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE

INTERVAL_PS = 80.0
CREEP = 1e-6
"""Å/ps; some 0.01 Å in a hundred snapshots."""


def synthetic_complex(atoms: int, residues: int) -> Complex:
    """A flat ligand with as many neighbours as real ones, in a ball of residues."""
    generator = torch.Generator().manual_seed(0)
    row = torch.arange(atoms)
    ligand = torch.stack([1.9 * (row // 3), 1.4 * (row % 3), 0.2 * (row % 2)], dim=1)
    radius = (residues * 135.0 * 3 / 4 / torch.pi) ** (1 / 3)  # 135 Å³ a residue
    direction = torch.randn(residues, 3, generator=generator)
    direction = direction / direction.norm(dim=-1, keepdim=True)
    share = torch.rand(residues, 1, generator=generator) ** (1 / 3)
    ca = direction * (3.0 + share * radius)
    offset = torch.randn(residues, 3, generator=generator)
    offset = 1.5 * offset / offset.norm(dim=-1, keepdim=True)
    bonds = torch.stack([row[:-1], row[1:]], dim=1)
    return Complex(
        ligand=Ligand(
            positions=ligand - ligand.mean(dim=0),
            atomic_numbers=torch.full((atoms,), 6),
            masses=torch.full((atoms,), 12.0),
            bonds=bonds,
        ),
        protein=Protein(
            n=ca + offset,
            ca=ca,
            c=ca - offset.roll(1, dims=1),
            residue_types=torch.arange(residues) % 22,
            segments=torch.zeros(residues, dtype=torch.long),
            obstacle_positions=ca,
            obstacle_numbers=torch.full((residues,), 6),
        ),
    )


def cached_rollout(model: NeuralODE, batch: Batch, snapshots: int) -> None:
    """As `neuralmd simulate` does it."""
    times = [INTERVAL_PS * k for k in range(1, snapshots + 1)]
    for _ in model.solve(batch, torch.full_like(batch.positions, CREEP), times):
        pass


def plain_rollout(
    model: NeuralODE, batch: Batch, snapshots: int, *, every_time: bool = False
) -> None:
    """By the network as its equations are written.

    Args:
        model: without friction and tether.
        batch: the complexes.
        snapshots: two Euler steps each.
        every_time: encode the protein again at every evaluation.
    """
    kept = None if every_time else plain_forces(model.binding_net, batch)

    def derivative(now: Tensor, state: State) -> State:
        forces = kept or plain_forces(model.binding_net, batch)
        field = BindingForce(forces=forces, unit=1.0)
        return NewtonianODE(force_field=field, masses=batch.masses).derivative(
            now, state
        )

    state = (torch.full_like(batch.positions, CREEP), batch.positions)
    times = [INTERVAL_PS * k for k in range(1, snapshots + 1)]
    for _ in integrate(derivative, state, times, step_ps=model.config.step_ps):
        pass


def rate(
    rollout: Callable[[NeuralODE, Batch, int], None],
    model: NeuralODE,
    batch: Batch,
    snapshots: int,
) -> float:
    """Snapshots per second after one warm-up, best of three."""
    best = 0.0
    for _ in range(4):
        started = time.perf_counter()
        rollout(model, batch, snapshots)
        if batch.positions.is_cuda:
            torch.cuda.synchronize()
        best = max(best, snapshots / (time.perf_counter() - started))
    return best


def batch_rates(
    model: NeuralODE, complexes: int, atoms: int, residues: int, device: torch.device
) -> dict[str, float]:
    """Snapshots per second of a batch, all complexes together, and of one complex.

    After set-up; in turns and the best of five, as other work then counts less.
    """
    engines, best = {}, {complexes: 0.0, 1: 0.0}
    for count in best:
        some = [synthetic_complex(atoms, residues) for _ in range(count)]
        batch = collate([x.to(device, torch.float32) for x in some])
        engines[count] = EngineForces(model.binding_net, batch)
    for number in range(6):
        for count, engine in engines.items():
            repeats = max(1, complexes // (4 * count))
            started = time.perf_counter()
            for k in range(repeats):
                found = engine(engine.batch.positions + 1e-5 * (k + number * repeats))
            float(found.sum())  # waits for a GPU
            seconds = time.perf_counter() - started
            if number:
                best[count] = max(best[count], count * repeats / 2 / seconds)
    return {
        "complexes": complexes,
        "snapshots_per_s": round(best[complexes], 1),
        "snapshots_per_s_of_one_complex": round(best[1], 1),
        "ratio": round(best[complexes] / best[1], 2),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--atoms", type=int, default=30)
    parser.add_argument("--residues", type=int, default=300)
    parser.add_argument("--snapshots", type=int, default=50)
    parser.add_argument("--complexes", type=int, default=1)
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.manual_seed(0)
    config = NeuralODEConfig(
        binding_net=BindingNetConfig(force_scale=0.0), step_ps=INTERVAL_PS / 2
    )
    model = NeuralODE(config).eval().to(device)
    if options.complexes > 1:
        size = (options.complexes, options.atoms, options.residues)
        with torch.inference_mode():
            found = batch_rates(model, *size, device)
        print(json.dumps({"threads": torch.get_num_threads()} | found, indent=2))
        return
    complex_ = synthetic_complex(options.atoms, options.residues)
    batch = collate([complex_.to(device, torch.float32)])
    with torch.inference_mode():
        cached = rate(cached_rollout, model, batch, options.snapshots)
        few = max(5, options.snapshots // 5)
        plain = rate(plain_rollout, model, batch, options.snapshots)
        again = partial(plain_rollout, every_time=True)
        uncached = rate(again, model, batch, few)
    scale = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    print(
        json.dumps(
            {
                "machine": platform.processor() or platform.machine(),
                "device": str(device),
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "atoms": options.atoms,
                "residues": options.residues,
                "evaluations_per_snapshot": 2,
                "snapshots_per_s": round(cached, 1),
                "ratio_to_plain_path": round(cached / plain, 2),
                "ratio_to_protein_encoded_every_time": round(cached / uncached, 2),
                "peak_memory_mb": round(peak / 2**20),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
