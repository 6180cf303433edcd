"""All that is measured of rollouts, in one file; two such files compared.

    python benchmarks/run.py --output now.json
    python benchmarks/run.py --compare before.json now.json
    python benchmarks/run.py --plot now.json --output docs/images/rollout_scaling.png

On a CPU the clock is that of the process, and versions are measured in turns: other
work on the machine then counts less. Ratios are within one run; they are what to
compare between machines. Synthetic complexes as in `rollout.py`.
"""

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from rollout import synthetic_complex
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.engine.forces import EngineForces
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.complex import collate
from neuralmd_cli.models.binding_force import plain_forces

ATOMS, RESIDUES = 30, 300
SIZES = (150, 500, 2000, 6000, 20000)
BATCHES = (1, 4, 16, 64)
GFLOP = 0.35
"""Of an evaluation by the engine, 30 atoms: what the matrix products cannot avoid."""
LARGEST_PLAIN = 2000
"""Residues beyond which the plain search, quadratic, is not measured."""


def seconds() -> float:
    """CPU time of the process, or time of day where a GPU does the work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def in_turns(
    functions: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, float]:
    """Median seconds of each, one after the other, as often as asked."""
    found: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + 1):
        for name, function in functions.items():
            started = seconds()
            function()
            if number:
                found[name].append(seconds() - started)
    return {name: statistics.median(values) for name, values in found.items()}


def peak_gflops(device: torch.device) -> float:
    """What this machine reaches in a matrix product of the network's shape."""
    a, b = torch.randn(512, 240, device=device), torch.randn(240, 1536, device=device)
    took = in_turns({"product": lambda: [a @ b for _ in range(20)]}, 10)["product"]
    return 2 * 512 * 240 * 1536 * 20 / took / 1e9


def one_complex(net: BindingNet, device: torch.device, rounds: int) -> dict[str, Any]:
    """An evaluation by each path."""
    batch = collate([synthetic_complex(ATOMS, RESIDUES).to(device, torch.float32)])
    x = batch.positions
    plain, engine = plain_forces(net, batch), EngineForces(net, batch)
    took = in_turns(
        {
            "engine": creeping(engine, x),
            "plain": lambda: plain(x),
            "plain_encoding_every_time": lambda: plain_forces(net, batch)(x),
        },
        rounds,
    )
    rate = 0.5 / took["engine"]
    return {
        "ms_per_evaluation": {k: round(v * 1e3, 2) for k, v in took.items()},
        "snapshots_per_s": round(rate, 1),
        "ratio_to_plain": round(took["plain"] / took["engine"], 2),
        "ratio_to_encoding_every_time": round(
            took["plain_encoding_every_time"] / took["engine"], 2
        ),
        "share_of_matrix_product_rate": round(
            GFLOP / took["engine"] / peak_gflops(device), 2
        ),
    }


def batches(net: BindingNet, device: torch.device, rounds: int) -> list[dict[str, Any]]:
    """Snapshots per second of all complexes together, and memory."""
    found = []
    for count in BATCHES:
        complexes = [synthetic_complex(ATOMS, RESIDUES) for _ in range(count)]
        batch = collate([x.to(device, torch.float32) for x in complexes])
        engine = EngineForces(net, batch)
        creep = creeping(engine, batch.positions)
        took = in_turns({"engine": creep}, rounds)["engine"]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        found.append(
            {
                "complexes": count,
                "snapshots_per_s": round(count * 0.5 / took, 1),
                "peak_memory_mb_so_far": round(peak),
            }
        )
    return found


def sizes(net: BindingNet, device: torch.device, rounds: int) -> list[dict[str, Any]]:
    """Set-up and evaluation against the size of the protein."""
    found = []
    for residues in SIZES:
        batch = collate([synthetic_complex(ATOMS, residues).to(device, torch.float32)])
        x = batch.positions
        engine = EngineForces(net, batch)
        took = in_turns(
            {
                "evaluation": creeping(engine, x),
                "set_up": lambda b=batch, x=x: EngineForces(net, b)(x),
            },
            rounds,
        )
        row = {"residues": residues} | {k: round(v * 1e3, 2) for k, v in took.items()}
        if residues <= LARGEST_PLAIN:
            encode = in_turns({"encode": _bound(net.encode_protein, batch)}, 2)
            row["plain_set_up"] = round(encode["encode"] * 1e3, 2)
        found.append(row)
    return found


def creeping(engine: EngineForces, start: Tensor) -> Callable[[], object]:
    """Evaluations a little apart: the engine does not repeat one of the same place."""
    places = itertools.cycle([start, start + 1e-4])
    return lambda: engine(next(places))


def _bound(function: Callable[[Any], Tensor], argument: object) -> Callable[[], object]:
    return lambda: function(argument)


def machine(device: torch.device) -> dict[str, Any]:
    """What the numbers belong to."""
    name = platform.processor() or platform.machine()
    return {
        "machine": name,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def compared(before: object, after: object, path: str = "") -> list[str]:
    """A line for each number that both files have."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [k for k in before if k in after]
        return [x for k in keys for x in compared(before[k], after[k], f"{path}.{k}")]
    if isinstance(before, list) and isinstance(after, list):
        rows = zip(before, after, strict=False)
        return [
            x for k, (a, b) in enumerate(rows) for x in compared(a, b, f"{path}[{k}]")
        ]
    if isinstance(before, int | float) and isinstance(after, int | float) and before:
        return [f"{path[1:]}: {before:g} -> {after:g} ({after / before:.2f})"]
    return []


def plot(result: Mapping[str, Any], output: Path) -> None:
    """Cost against the size of the protein, and rate against that of the batch."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6))
    rows = result["sizes"]
    labels = {
        "evaluation": "one evaluation",
        "set_up": "set-up and one evaluation",
        "plain_set_up": "encoding the whole protein",
    }
    for key, label in labels.items():
        some = [x for x in rows if key in x]
        left.plot([x["residues"] for x in some], [x[key] for x in some], "o-")
        left.annotate(
            label,
            (some[-1]["residues"], some[-1][key]),
            textcoords="offset points",
            xytext=(-6, 8) if some[-1] is rows[-1] else (8, -3),
            ha="right" if some[-1] is rows[-1] else "left",
            fontsize=8,
        )
    left.set(xscale="log", yscale="log", xlabel="residues", ylabel="CPU time, ms")
    rows = result["batches"]
    counts = [x["complexes"] for x in rows]
    right.plot(counts, [x["snapshots_per_s"] for x in rows], "o-")
    right.set_xscale("log", base=2)
    right.set(
        xlabel="complexes in a batch",
        ylabel="snapshots per CPU second",
        ylim=(0, None),
    )
    figure.tight_layout()
    figure.savefig(output, dpi=120)


def main() -> None:
    """Measure, compare or draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--compare", type=Path, nargs=2)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if options.compare:
        files = [json.loads(x.read_text()) for x in options.compare]
        print("\n".join(compared(*files)))
        return
    if options.plot:
        plot(json.loads(options.plot.read_text()), options.output)
        return
    device = torch.device(options.device)
    torch.manual_seed(0)
    net = BindingNet(BindingNetConfig()).eval().to(device)
    few = max(2, options.rounds // 5)
    with torch.inference_mode():
        result = {
            "machine": machine(device),
            "one_complex": one_complex(net, device, options.rounds),
            "batches": batches(net, device, few),
            "sizes": sizes(net, device, few),
        }
    text = json.dumps(result, indent=2)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
