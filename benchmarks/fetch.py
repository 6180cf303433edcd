"""What a subset of MISATO costs by range requests: bytes, requests and seconds.

    python benchmarks/fetch.py [--groups 500] [--fetch 100] [--delay-ms 0] [--keep FILE]

Makes a file in MISATO's layout (float64 coordinates, gzip, 100 snapshots, 3,000 to
7,000 atoms; about as many bytes a complex as MISATO), serves it on loopback from
another process, fetches complexes drawn at random, and prints JSON. `--delay-ms` lets
the server wait before every answer, as a far host does. `--naive` reads the same
complexes through h5py on a plain remote file with read-ahead instead, for comparison.
"""

import argparse
import io
import json
import multiprocessing
import random
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import h5py
import numpy as np
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.range_server import serving
from neuralmd_cli.dataset.fetching.copying import WANTED
from neuralmd_cli.dataset.fetching.subset import fetch_complexes
from neuralmd_cli.dataset.splits import load_split

TEMPLATES, FRAMES, READ_AHEAD = 8, 100, 5 << 20


def template(file: h5py.File, seed: int) -> h5py.Group:
    """One complex, compressed for real; single precision noise in double precision."""
    rng = np.random.default_rng(seed)
    atoms = int(rng.integers(3_000, 7_000))
    group = file.create_group(f"template-{seed}")
    start = rng.uniform(0, 90, size=(atoms, 3))
    moved = start + rng.normal(scale=0.8, size=(FRAMES, atoms, 3))
    codes = np.sort(rng.integers(1, 23, atoms))
    values = {
        "trajectory_coordinates": moved.astype(np.float32).astype(float),
        "atoms_number": rng.integers(1, 9, atoms),
        "atoms_element": rng.integers(1, 11, atoms),
        "atoms_type": rng.integers(1, 110, atoms),
        "atoms_residue": codes,
        "molecules_begin_atom_index": np.array([0, atoms - 50]),
        "frames_interaction_energy": rng.normal(size=FRAMES),
        "frames_rmsd_ligand": rng.normal(size=FRAMES),
        "frames_distance": rng.normal(size=FRAMES),
        "frames_bSASA": rng.normal(size=FRAMES),
    }
    for key, value in values.items():
        group.create_dataset(key, data=value, compression="gzip")
    return group


def make_file(path: Path, names: list[str]) -> None:
    """Many complexes from the chunks of a few, so that no time goes into packing."""
    with (
        h5py.File("templates", "w", driver="core", backing_store=False) as memory,
        h5py.File(path, "w") as file,
    ):
        templates = [template(memory, seed) for seed in range(TEMPLATES)]
        for k, name in enumerate(names):
            group = file.create_group(name)
            for key, source in templates[k % TEMPLATES].items():
                target = group.create_dataset(
                    key,
                    shape=source.shape,
                    dtype=source.dtype,
                    chunks=source.chunks,
                    compression="gzip",
                )
                for chunk in range(source.id.get_num_chunks()):
                    place = source.id.get_chunk_info(chunk).chunk_offset
                    mask, data = source.id.read_direct_chunk(place)
                    target.id.write_direct_chunk(place, data, mask)


def serve(path: Path, delay_s: float, link: Connection) -> None:
    """Serve until told to stop; answer with what was asked for."""
    with serving(path, delay_s=delay_s) as server:
        link.send(server.url)
        link.recv()
        link.send((server.requests, server.n_bytes))


class ReadAhead(io.RawIOBase):
    """A remote file as a general-purpose layer has it: one window, read ahead."""

    def __init__(self, url: str) -> None:
        self.url, self.session = url, requests.Session()
        self.size = int(self.session.get(url, stream=True).headers["Content-Length"])
        self.place, self.start, self.window = 0, 0, b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Choose the next byte."""
        self.place = (0, self.place, self.size)[whence] + offset
        return self.place

    def tell(self) -> int:
        """The next byte."""
        return self.place

    def readinto(self, buffer: memoryview) -> int:
        """Fill the buffer, from the window if it is all there."""
        stop = min(self.place + len(buffer), self.size)
        if not self.start <= self.place <= stop <= self.start + len(self.window):
            last = min(stop + READ_AHEAD, self.size) - 1
            headers = {"Range": f"bytes={self.place}-{last}"}
            self.start = self.place
            self.window = self.session.get(self.url, headers=headers).content
        data = self.window[self.place - self.start : stop - self.start]
        buffer[: len(data)] = data
        self.place = stop
        return len(data)


def read_naively(ids: list[str], output: Path, url: str) -> None:
    """The same datasets, unpacked and packed again."""
    with h5py.File(ReadAhead(url), "r") as file, h5py.File(output, "w") as mine:
        for name in ids:
            for key in WANTED:
                values = file[name][key][()]
                mine.create_dataset(f"{name}/{key}", data=values, compression="gzip")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=int, default=500)
    parser.add_argument("--fetch", type=int, default=100)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--naive", action="store_true")
    parser.add_argument("--keep", type=Path, help="the file: made once, used again")
    options = parser.parse_args()
    names = list(load_split("misato-all").ids[: options.groups])
    ids = random.Random(0).sample(names, options.fetch)
    with tempfile.TemporaryDirectory() as folder:
        path = options.keep or Path(folder) / "MD.hdf5"
        if not path.exists():
            make_file(path, names)
        with h5py.File(path) as file:
            needed = sum(file[x][y].id.get_storage_size() for x in ids for y in WANTED)
        here, there = multiprocessing.Pipe()
        server = multiprocessing.get_context("spawn").Process(
            target=serve, args=(path, options.delay_ms / 1000, there)
        )
        server.start()
        url, output = here.recv(), Path(folder) / "subset.hdf5"
        started = time.perf_counter()
        if options.naive:
            read_naively(ids, output, url)
        else:
            fetch_complexes(ids, output, url=url)
        seconds = time.perf_counter() - started
        here.send("stop")
        n_requests, n_bytes = here.recv()
        server.join()
        result = {
            "file_bytes": path.stat().st_size,
            "complexes_in_file": len(names),
            "complexes_fetched": len(ids),
            "bytes_they_need": needed,
            "bytes_sent": n_bytes,
            "share_of_file": round(n_bytes / path.stat().st_size, 4),
            "more_than_needed": round(n_bytes / needed - 1, 4),
            "requests": n_requests,
            "requests_per_complex": round(n_requests / len(ids), 2),
            "seconds": round(seconds, 1),
            "output_bytes": output.stat().st_size,
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
