"""Speed of scoring many complexes, batched and one by one.

    python benchmarks/evaluation.py [--device cuda] [--complexes 32] [--residues 300]

Prints JSON: complexes and snapshots scored per second with the batches that
`neuralmd eval` makes, the ratio to one complex at a time, what share of the time is the
metrics', and peak memory. The recordings are synthetic, with the density of real
complexes and ligands of 20 to 40 heavy atoms; every metric is computed.
"""

import argparse
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from rollout import INTERVAL_PS
from training import peak_mb, synthetic_recording

from neuralmd_cli.benchmark.cases import Case, make_case
from neuralmd_cli.benchmark.contenders import Contender
from neuralmd_cli.benchmark.evaluate import evaluate
from neuralmd_cli.benchmark.protocol import PROTOCOLS, Protocol
from neuralmd_cli.benchmark.rollout import BATCH_COMPLEXES
from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE


def cases(complexes: int, residues: int, protocol: Protocol) -> list[Case]:
    """Recordings of 80 snapshots, cut by the protocol."""
    return [
        replace(
            make_case(synthetic_recording(20 + k % 21, residues), protocol),
            name=f"SYNTHETIC{k}",
        )
        for k in range(complexes)
    ]


def seconds(
    contender: Contender,
    todo: Sequence[Case],
    protocol: Protocol,
    largest_batch: int,
    device: torch.device,
) -> tuple[float, float]:
    """Seconds in all, and of the rollouts alone."""
    started = time.perf_counter()
    scores = evaluate(
        [contender], todo, protocol, largest_batch=largest_batch, device=device
    )
    spent = time.perf_counter() - started
    failed = [x.complex for x in scores if x.failure]
    if failed:
        raise SystemExit(f"no rollout of {', '.join(failed)}")
    return spent, sum(x.seconds for x in scores)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--complexes", type=int, default=2 * BATCH_COMPLEXES)
    parser.add_argument("--residues", type=int, default=300)
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.manual_seed(0)
    config = NeuralODEConfig(
        binding_net=BindingNetConfig(force_scale=1e-4), step_ps=INTERVAL_PS / 2
    )
    contender = Contender(row="neuralmd-ode", system=NeuralODE(config).eval())
    protocol = PROTOCOLS["multi"]
    todo = cases(options.complexes, options.residues, protocol)
    seconds(contender, todo[:2], protocol, 2, device)  # a warm-up
    batched, rollouts = seconds(contender, todo, protocol, BATCH_COMPLEXES, device)
    singly, _ = seconds(contender, todo, protocol, 1, device)
    snapshots = sum(x.n_times for x in todo)
    print(
        json.dumps(
            {
                "machine": platform.processor() or platform.machine(),
                "device": str(device),
                "threads": torch.get_num_threads(),
                "torch": torch.__version__,
                "complexes": options.complexes,
                "residues": options.residues,
                "batch_complexes": BATCH_COMPLEXES,
                "complexes_per_s": round(options.complexes / batched, 2),
                "snapshots_per_s": round(snapshots / batched, 1),
                "ratio_to_one_at_a_time": round(singly / batched, 2),
                "share_of_metrics": round(1 - rollouts / batched, 2),
                "peak_memory_mb": peak_mb(device),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
