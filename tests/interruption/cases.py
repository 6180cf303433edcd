"""What is interrupted: a command on tiny inputs, and what its files must be."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.range_server import serving
from neuralmd_cli.errors import NeuralMDError
from tests.dataset.conftest import write_complex
from tests.screen.poses import PROTEIN, write_poses, write_weights
from tests.toy_data import TINY, write_set, write_toy_set

LIGAND = PROTEIN.with_name("ligand_13v.sdf")
BODY = bytes(range(256)) * 4096


@dataclass(frozen=True)
class Case:
    """A command: what it reads, what it says, what it leaves when it is done."""

    name: str
    inputs: Callable[[Path], None]
    words: Callable[[Path, Path], list[str]]  # of the inputs, of the outputs
    again: Callable[[Path, Path], list[str]]  # to go on after an interruption
    finals: tuple[str, ...]  # the same bytes in the end, whatever happened
    whole: Callable[[Path], bool]  # False if something looks complete and is not
    waits: bool = False  # for others, rather than work
    server: Callable[[Path], AbstractContextManager[str]] | None = None
    """Made with the folder of the inputs; its address is in their file `url`."""
    first: Callable[[Path, Path], None] = lambda inputs, out: None
    """What the harness does to the outputs before the command."""


def sha256(path: Path) -> str:
    """Of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _nothing(folder: Path) -> None:
    pass


def _simulate(inputs: Path, out: Path) -> list[str]:
    words = ["simulate", "--model", "frozen", "--ns", "2.4", "--interval-ps", "4"]
    words += ["--replicas", "1", "-p", str(PROTEIN), "-l", str(LIGAND), "--quiet"]
    return [*words, "-o", str(out / "run.dcd")]


def _whole_run(out: Path) -> bool:
    record = out / "run.json"
    if not record.exists():
        return True
    held = json.loads(record.read_text())["outputs_sha256"]
    return all(sha256(out / k) == v for k, v in held.items())


def _poses(folder: Path) -> None:
    write_poses(folder / "poses.sdf", 5)
    write_weights(folder / "toy.safetensors")


def _screen(inputs: Path, out: Path) -> list[str]:
    words = ["screen", "--protein", str(PROTEIN), "--quiet", "--jobs", "1"]
    words += ["--ligands", str(inputs / "poses.sdf"), "--ns", "0.4"]
    words += ["--weights", str(inputs / "toy.safetensors")]
    return [*words, "-o", str(out / "screen")]


def _whole_screen(out: Path) -> bool:
    table = out / "screen" / "results.csv"
    return not table.exists() or len(table.read_text().splitlines()) == 6


def _toy(folder: Path) -> None:
    write_toy_set(folder)


def _train(inputs: Path, out: Path) -> list[str]:
    words = ["train", "--model", "neuralmd-ode", "--data", str(inputs / "toy.hdf5")]
    words += ["--split", str(inputs / "split.toml"), "--seed", "1", "--quiet"]
    for setting in TINY:
        words += ["--set", setting]
    return [*words, "-o", str(out / "run")]


def _train_on(inputs: Path, out: Path) -> list[str]:
    begun = (out / "run" / "training.json").exists()
    resume = ["train", "--resume", "-o", str(out / "run"), "--quiet"]
    return resume if begun else _train(inputs, out)


def _whole_training(out: Path) -> bool:
    from safetensors import safe_open

    for path in (out / "run").glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no dict
                file.get_tensor(name)
    for path in (out / "run").glob("*.json*"):
        for line in path.read_text().splitlines() if path.suffix != ".json" else []:
            json.loads(line)
    return True


def _many(folder: Path) -> None:
    write_set(folder / "md.hdf5", [f"A{k:03}" for k in range(6)], frames=40)


def _prepare(inputs: Path, out: Path) -> list[str]:
    words = ["data", "prepare", str(inputs / "md.hdf5"), "-o", str(out / "store.h5")]
    return [*words, "--workers", "1", "--quiet"]


def _whole_store(out: Path) -> bool:
    from neuralmd_cli.dataset.survey import verify

    path = out / "store.h5"
    return not path.exists() or len(list(verify(path))) == 6


def _fetch(inputs: Path, out: Path) -> list[str]:
    return ["fetch", (inputs / "url").read_text(), str(out / "cache")]


def _quarter_second(folder: Path) -> AbstractContextManager[str]:
    return slow_server()


IDS = [f"A{k:03}" for k in range(8)]
FETCHED = IDS[:6]


def _remote(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "remote.hdf5", "w") as file:
        for seed, name in enumerate(IDS):
            write_complex(file, name, seed, atoms=60)


@contextmanager
def _slow_ranges(folder: Path) -> Iterator[str]:
    options = {"delay_s": 0.03, "pace_s": 0.01, "piece": 1 << 16}
    with serving(folder / "remote.hdf5", **options) as state:
        yield state.url


def _data_fetch(inputs: Path, out: Path) -> list[str]:
    words = ["data", "fetch", ",".join(FETCHED), "-o", str(out / "some.hdf5")]
    return [*words, "--url", (inputs / "url").read_text(), "--quiet"]


def _whole_fetch(out: Path) -> bool:
    """What is there is what the server has; by name, what was asked for."""
    import h5py
    import numpy as np

    path = out / "some.hdf5"
    if not path.exists():
        return True
    with h5py.File(path) as mine, h5py.File(out.parent / "in/remote.hdf5") as theirs:
        return sorted(mine) == FETCHED and all(
            np.array_equal(mine[x][y][()], theirs[x][y][()])
            for x in mine
            for y in mine[x]
        )


def _data_fetch_all(inputs: Path, out: Path) -> list[str]:
    return ["fetch all", str(inputs), str(out / "all.hdf5")]


def _whole_file(out: Path) -> bool:
    path, there = out / "all.hdf5", out.parent / "in/remote.hdf5"
    return not path.exists() or sha256(path) == sha256(there)


def _whole_cache(out: Path) -> bool:
    path = out / "cache" / "x.bin"
    return not path.exists() or path.read_bytes() == BODY


def missing_for_md() -> str:
    """What molecular dynamics lacks on this machine; empty if nothing."""
    try:
        from neuralmd_cli.md.amber import require_md

        require_md()
    except (ImportError, NeuralMDError) as error:
        return str(error)
    return ""


def _tiny(folder: Path) -> None:
    words = [sys.executable, "-m", "tests.interruption.tiny_md", str(folder)]
    subprocess.run(words, check=True, cwd=Path(__file__).parents[2])


def _md(inputs: Path, out: Path) -> list[str]:
    return ["tiny md", str(inputs), str(out)]


def _begun_md(inputs: Path, out: Path) -> None:
    from tests.interruption.tiny_md import begin

    begin(inputs, out)


def _md_store(inputs: Path, out: Path) -> list[str]:
    return ["tiny md store", str(inputs), str(out)]


def _begun_md_store(inputs: Path, out: Path) -> None:
    from tests.interruption.tiny_md import begin

    begin(inputs, out, store=True)


def _whole_set(out: Path) -> bool:
    from neuralmd_cli.misato import read

    path = out / "set.hdf5"
    return not path.exists() or read(path, "TINY").recording.n_frames > 0


CASES = {
    x.name: x
    for x in (
        Case(
            *("simulate", _nothing, _simulate, _simulate),
            *(("run.dcd", "run.pdb", "run.sdf"), _whole_run),
        ),
        Case(
            *("screen", _poses, _screen, _screen),
            *(("screen/results.csv",), _whole_screen),
        ),
        Case(
            *("train", _toy, _train, _train_on),
            *(("run/weights.safetensors",), _whole_training),
        ),
        Case("prepare", _many, _prepare, _prepare, ("store.h5",), _whole_store),
        Case(
            *("fetch", _nothing, _fetch, _fetch),
            *(("cache/x.bin",), _whole_cache),
            waits=True,
            server=_quarter_second,
        ),
        Case(
            *("data-fetch", _remote, _data_fetch, _data_fetch),
            *(("some.hdf5",), _whole_fetch),
            waits=True,
            server=_slow_ranges,
        ),
        Case(
            *("data-fetch-all", _remote, _data_fetch_all, _data_fetch_all),
            *(("all.hdf5",), _whole_file),
            waits=True,
            server=_slow_ranges,
        ),
        Case(
            *("md", _tiny, _md, _md),
            *(("run.dcd", "run.pdb", "run.sdf"), _whole_run),
            first=_begun_md,
        ),
        Case(
            *("md-store", _tiny, _md_store, _md_store),
            *(("set.hdf5",), _whole_set),
            first=_begun_md_store,
        ),
    )
}


def run_words(words: list[str]) -> None:
    """What the program does with these words; four cases are functions of it.

    `fetch` is of one file by its hash, `fetch all` of a data set that is not MISATO,
    `tiny md` begins after minimisation, and `tiny md store` writes a store.
    """
    special = {
        "fetch": _run_fetch,
        "fetch all": _run_fetch_all,
        "tiny md": _run_md,
        "tiny md store": partial(_run_md, store=True),
    }
    if words[0] in special:
        try:
            special[words[0]](words[1], Path(words[2]))
        except NeuralMDError as error:
            sys.stderr.write(f"Error: {error.message}\nHint: {error.hint}\n")
            sys.exit(1)
        return

    from neuralmd_cli.__main__ import main

    sys.argv = ["neuralmd", *words]
    main()


def _run_fetch(url: str, folder: Path) -> None:
    from neuralmd_cli.weights.download import Download, download

    digest = hashlib.sha256(BODY).hexdigest()
    what = Download(name="x", url=url, file="x.bin", size=len(BODY), sha256=digest)
    download(what, folder, retries=0)


def _run_fetch_all(inputs: str, output: Path) -> None:
    from neuralmd_cli.dataset.fetching.source import Source
    from neuralmd_cli.dataset.fetching.whole import fetch_whole
    from neuralmd_cli.outputs import claimed

    content = (Path(inputs) / "remote.hdf5").read_bytes()
    url, md5 = (Path(inputs) / "url").read_text(), hashlib.md5(content).hexdigest()
    source = Source(url=url, size=len(content), md5=md5, n_complexes=len(IDS))
    with claimed(output):
        fetch_whole(output, url=url, source=source)


def _run_md(inputs: str, out: Path, *, store: bool = False) -> None:
    from tests.interruption.tiny_md import run

    run(Path(inputs), out, store=store)


@contextmanager
def slow_server() -> Iterator[str]:
    """A server on loopback that sends `BODY` in a quarter of a second."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            step = len(BODY) // 25
            try:
                for first in range(0, len(BODY), step):
                    self.wfile.write(BODY[first : first + step])
                    pause.wait(0.01)
            except OSError:
                pass

        def log_message(self, *words: object) -> None:
            pass

    pause = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def leftovers(out: Path) -> list[str]:
    """Hidden and unfinished files below a folder."""
    found = [x for y in (".*", "*.tmp", "*.part") for x in out.rglob(y)]
    return sorted({os.path.relpath(x, out) for x in found})
