"""Speed, memory and size of `neuralmd data prepare`, and speed of the loader.

    python benchmarks/prepare.py MD.hdf5 --folder DIR [--gb 3] [--workers 2]

MD.hdf5 is any small file in MISATO's layout; from its complexes a synthetic file of the
wanted size is made in DIR: real proteins side by side up to some 6,500 atoms, one real
ligand last, 100 snapshots of float64 at float32's precision, tumbling as MISATO's do,
gzip without shuffle as its script writes. Few complexes are compressed; the others are
copies of their bytes, which cost the reader as much. Prints JSON. DIR needs room for
the file; it is kept and used again.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.complex import Batch
from neuralmd_cli.dataset.loader import LoaderConfig, loader
from neuralmd_cli.dataset.recordings import Recordings, open_recordings
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE

MISATO_BYTES = 132_841_014_019
MISATO_COMPLEXES = 16_972
ATOMS = 6500
APART = 45.0  # Å between the proteins that make up one
DISTINCT = 12
PER_ATOM = ("atoms_number", "atoms_element", "atoms_type", "atoms_residue")
PER_FRAME = (
    "frames_interaction_energy",
    "frames_rmsd_ligand",
    "frames_distance",
    "frames_bSASA",
)


def synthetic_file(source: Path, path: Path, size: float) -> None:
    """Write complexes until the file is of about this size, in bytes."""
    rng = np.random.default_rng(0)
    with h5py.File(source) as real, h5py.File(path, "w") as file:
        names = list(real)
        for k in range(DISTINCT):
            around = [real[names[(k + j) % len(names)]] for j in range(8)]
            write_complex(file.create_group(f"S{k:05d}"), around, rng)
        file.flush()
        each = path.stat().st_size / DISTINCT
        for k in range(DISTINCT, max(DISTINCT, round(size / each))):
            file.copy(f"S{k % DISTINCT:05d}", file, name=f"S{k:05d}")


def write_complex(
    group: h5py.Group, around: Sequence[h5py.Group], rng: np.random.Generator
) -> None:
    """The first complex whole, the proteins of others beside it, its ligand last."""
    home = around[0]
    columns: dict[str, list[NDArray[np.int64]]] = {x: [] for x in PER_ATOM}
    begins, positions, atoms = [], [], 0
    grid = np.stack(np.meshgrid(*[range(2)] * 3), axis=-1).reshape(-1, 3) * APART
    for place, part in zip(grid, around, strict=True):
        begin = int(part["molecules_begin_atom_index"][-1])
        if atoms + begin > ATOMS:
            break
        for name in PER_ATOM:
            columns[name].append(part[name][:begin])
        begins.append(part["molecules_begin_atom_index"][:-1] + atoms)
        positions.append(part["trajectory_coordinates"][:, :begin] + place)
        atoms += begin
    ligand = slice(int(home["molecules_begin_atom_index"][-1]), None)
    for name in PER_ATOM:
        columns[name].append(home[name][ligand])
        group.create_dataset(name, data=np.concatenate(columns[name]))
    group["molecules_begin_atom_index"] = np.concatenate([*begins, [atoms]])
    positions.append(home["trajectory_coordinates"][:, ligand])
    moved = np.concatenate(positions, axis=1).astype(np.float64)
    moved += rng.normal(scale=3e-4, size=moved.shape)  # no longer rounded to 0.001 Å
    turns = Rotation.from_rotvec(
        np.cumsum(rng.normal(0, 0.05, (len(moved), 3)), axis=0)
    )
    shifts = np.cumsum(rng.normal(0, 0.5, (len(moved), 3)), axis=0)
    moved = moved @ turns.as_matrix().transpose(0, 2, 1) + shifts[:, None]
    moved = moved.astype(np.float32).astype(np.float64)
    group.create_dataset(
        "trajectory_coordinates", data=moved, compression="gzip", chunks=True
    )
    for name in PER_FRAME:
        group[name] = home[name][()]


class Memory:
    """Peak proportional memory of a process and all that it started; Linux only."""

    def __init__(self, session: int) -> None:
        self.peak = 0
        self._session = session
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        """Stop watching; the peak in bytes, 0 where it is not known."""
        self._over.set()
        self._thread.join()
        return self.peak

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            self.peak = max(
                self.peak, sum(map(self._bytes, Path("/proc").glob("[1-9]*")))
            )

    def _bytes(self, process: Path) -> int:
        try:
            fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) != self._session:
                return 0
            rollup = (process / "smaps_rollup").read_text()
        except OSError:  # ended in between
            return 0
        lines = [x for x in rollup.splitlines() if x.startswith("Pss:")]
        return int(lines[0].split()[1]) * 1024 if lines else 0


def prepare(file: Path, store: Path, workers: int) -> dict[str, float]:
    """Run the command as a user does; seconds and peak memory."""
    store.unlink(missing_ok=True)
    shutil.rmtree(f"{store}.parts", ignore_errors=True)
    command = [sys.executable, "-m", "neuralmd_cli", "data", "prepare", str(file)]
    command += ["-o", str(store), "--workers", str(workers), "--quiet"]
    started = time.perf_counter()
    process = subprocess.Popen(command, start_new_session=True)
    memory = Memory(process.pid)
    code = process.wait()
    seconds = time.perf_counter() - started
    peak = memory.stop()
    if code:
        raise SystemExit(f"prepare failed with exit code {code}")
    return {"seconds": seconds, "peak_bytes": peak}


def loader_rate(recordings: Recordings, workers: int) -> float:
    """Batches of 8 per second, over a second pass, workers being warm."""
    names = recordings.names[: 8 * 40]
    batches = loader(recordings, names, LoaderConfig(frames=20, workers=workers))
    for _ in batches:
        pass
    started = time.perf_counter()
    count = sum(1 for _ in batches)
    return count / (time.perf_counter() - started)


def step_seconds(batch: Batch, device: torch.device) -> float:
    """One training step: a rollout of four model steps, gradient, update; best of 3."""
    torch.manual_seed(0)
    config = NeuralODEConfig(
        binding_net=BindingNetConfig(force_scale=0.0), step_ps=40.0
    )
    model = NeuralODE(config).to(device)
    optimiser = torch.optim.AdamW(model.parameters())
    moved = Batch(
        **{
            k: v.to(device) if isinstance(v, torch.Tensor) else v
            for k, v in vars(batch).items()
        }
    )
    best = float("inf")
    for _ in range(4):
        started = time.perf_counter()
        states = model.solve(
            moved, torch.zeros_like(moved.positions), [40.0, 80.0, 120.0, 160.0]
        )
        loss = torch.stack([x for _, x in states]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return best


def main() -> None:
    """Make, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--gb", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    file = options.folder / f"synthetic-{options.gb:g}gb.hdf5"
    store = options.folder / f"synthetic-{options.gb:g}gb.store.h5"
    if not file.exists():
        partial = file.with_suffix(".tmp")
        synthetic_file(options.source, partial, options.gb * 1e9)
        partial.replace(file)
    done = prepare(file, store, options.workers)
    seconds, size = done["seconds"], file.stat().st_size
    started = time.perf_counter()
    recordings = open_recordings(store)
    opening = time.perf_counter() - started
    count = len(recordings)
    each = store.stat().st_size / count
    config = LoaderConfig(frames=20, shuffle=False)
    batch = next(iter(loader(recordings, recordings.names[:8], config))).batch
    step = step_seconds(batch, torch.device(options.device))
    rates = {str(k): loader_rate(recordings, k) for k in (0, 1, 2)}
    print(
        json.dumps(
            {
                "machine": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
                "workers": options.workers,
                "file_gb": round(size / 1e9, 3),
                "complexes": count,
                "prepare_s": round(seconds, 1),
                "mb_per_s": round(size / 1e6 / seconds, 1),
                "complexes_per_s": round(count / seconds, 2),
                "peak_memory_mb": round(done["peak_bytes"] / 2**20),
                "store_bytes_per_complex": round(each),
                "misato_hours_by_bytes": round(MISATO_BYTES / size * seconds / 3600, 2),
                "misato_store_gb": round(each * MISATO_COMPLEXES / 1e9, 2),
                "open_ms": round(1e3 * opening, 1),
                "residues_in_batch": len(batch.ca),
                "loader_batches_per_s_by_workers": {
                    k: round(v, 1) for k, v in rates.items()
                },
                "device": options.device,
                "training_steps_per_s": round(1 / step, 2),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
