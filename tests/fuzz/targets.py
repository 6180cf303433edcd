"""The readers of the program, each as a function of a folder with its files."""

import json
import math
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from tests.fuzz import mutate, seeds, structured
from tests.fuzz.seeds import Files


class WrongResult(Exception):  # noqa: N818 - it is what is looked for
    """A reader took what it should not have taken."""


@dataclass(frozen=True)
class Target:
    """One reader: what it reads, and how to have it read."""

    name: str
    files: Callable[[], tuple[Files, ...]]
    read: Callable[[Path, Files], None]
    share: int  # of 100 cases
    leaves: tuple[str, ...] = ()  # files it may write


def damaged(target: Target, rng: random.Random) -> Files:
    """A copy of one of the target's seeds with one file of it damaged."""
    files = dict(rng.choice(target.files()))
    names = list(files)
    name = names[0] if rng.random() < 0.6 else rng.choice(names)
    files[name] = _damage(name, files[name], rng)
    return files


def _damage(name: str, data: bytes, rng: random.Random) -> bytes:
    kind = Path(name).suffix
    ways = {
        ".h5": structured.mutate_hdf5,
        ".hdf5": structured.mutate_hdf5,
        ".safetensors": structured.mutate_safetensors,
        ".json": structured.mutate_json_bytes,
        ".pth": structured.mutate_pickle,
    }
    shares = {".pth": 0.15, ".json": 0.5}
    if kind in ways and rng.random() < shares.get(kind, 0.7):
        return ways[kind](data, rng)
    is_text = kind in TEXTS and data[:2] != b"\x1f\x8b"
    return mutate.mutate(data, rng, mutate.TEXT if is_text else mutate.BINARY)


RUN = ("dcd", "xtc", "pdb", "sdf", "json")
TEXTS = (".pdb", ".cif", ".sdf", ".json", ".toml", ".txt", ".http")


def _finite(*tensors: torch.Tensor) -> None:
    for x in tensors:
        if not bool(torch.isfinite(x).all()):
            raise WrongResult("accepted numbers that are not finite")


def _named(files: Files, stem: str) -> str:
    return next(x for x in files if x.startswith(stem))


def read_protein(folder: Path, files: Files) -> None:
    from neuralmd_cli.structure.protein import read_protein

    found = read_protein(folder / _named(files, "protein")).protein
    _finite(found.n, found.ca, found.c, found.obstacle_positions)
    if not (0 <= int(found.residue_types.min()) <= int(found.residue_types.max()) < 22):
        raise WrongResult("a residue type that does not exist")


def read_ligand(folder: Path, files: Files) -> None:
    from neuralmd_cli.structure.ligand import read_ligand

    found = read_ligand(folder / "ligand.sdf").ligand
    _finite(found.positions, found.masses)


def prepare(folder: Path, files: Files) -> None:
    from neuralmd_cli.structure.prepare import prepare
    from neuralmd_cli.topology import complex_topology, ligand_topology

    protein = folder / _named(files, "protein")
    if "id.txt" in files:
        spec = files["id.txt"].decode("utf-8", errors="replace")
        smiles = files["smiles.txt"].decode("utf-8", errors="replace") or None
        found = prepare(protein, ligand_id=spec, smiles=smiles)
    else:
        found = prepare(protein, folder / "ligand.sdf")
    _finite(found.complex.ligand.positions, found.complex.protein.obstacle_positions)
    top = ligand_topology(found.molecule, with_hydrogens=False)
    complex_topology(found.protein_structure, top)


def open_run(folder: Path, files: Files) -> None:
    from neuralmd_cli.opening.opened import open_trajectory

    opened = open_trajectory(folder / _trajectory(files))
    _finite(opened.start)


def _trajectory(files: Files) -> str:
    names = [x for x in files if x.startswith("run.")]
    found = [x for x in names if Path(x).suffix in (".dcd", ".xtc", ".trr", ".nc")]
    return (found or ["run.pdb"])[0]


def compare_runs(folder: Path, files: Files) -> None:
    from neuralmd_cli.comparison.compare import compare
    from neuralmd_cli.opening.opened import open_snapshots

    intact = folder / "intact"
    intact.mkdir()
    whole = next(x for x in seeds.runs() if set(x) == set(files))
    for name, content in whole.items():
        (intact / name).write_bytes(content)
    ours = open_snapshots(folder / _trajectory(files))
    compare(ours, open_snapshots(intact / _trajectory(files)))


def add_simulation(folder: Path, files: Files) -> None:
    from neuralmd_cli.dataset.own.system import OwnFiles
    from neuralmd_cli.dataset.own.trajectory import read_own

    read = read_own(
        OwnFiles(
            protein=folder / "top.pdb",
            trajectory=folder / _trajectory(files),
            ligand=folder / "ligand.sdf",
        ),
        name="X",
        spacing_ps=5.0,
    )
    _finite(read.reading.recording.positions)


def read_recordings(folder: Path, files: Files) -> None:
    from neuralmd_cli.dataset.entry import entry_of
    from neuralmd_cli.dataset.quality import measure
    from neuralmd_cli.errors import NeuralMDError
    from neuralmd_cli.misato import read, recording_names

    problem = None
    for name in recording_names(folder / "md.hdf5"):
        try:
            found = read(folder / "md.hdf5", name)
        except NeuralMDError as error:
            problem = error
            continue
        _finite(found.recording.positions, found.recording.backbone)
        entry_of(found.recording, measure(found), source="md.hdf5", all_atom=False)
    if problem is not None:
        raise problem


def read_store(folder: Path, files: Files) -> None:
    from neuralmd_cli.dataset.recordings import open_recordings
    from neuralmd_cli.dataset.store import Store
    from neuralmd_cli.dataset.survey import verify

    path = folder / "store.h5"
    with Store(path) as store:
        names = store.manifest.names
        store.unlisted()
    recordings = open_recordings(path)
    list(verify(path))
    for name in names:
        found = recordings.read(name)
        _finite(found.positions, found.backbone)


def read_checkpoint(folder: Path, files: Files) -> None:
    from neuralmd_cli.weights.model import load_model

    load_model(folder / "model.safetensors")


def import_checkpoint(folder: Path, files: Files) -> None:
    from neuralmd_cli.weights.published import import_published

    flags = folder / "hyperparameter.txt"
    import_published(
        folder / "model.pth", folder / "out.safetensors", hyperparameters=flags
    )


def read_registry(folder: Path, files: Files) -> None:
    from neuralmd_cli.weights.originals import pinned_sha256
    from neuralmd_cli.weights.registry import load_registry

    registry = load_registry(folder)
    for entry in registry.entries:
        if "seen.json" in files:
            pinned_sha256(entry, folder)
        if (folder / entry.file).resolve().parent != folder.resolve():
            raise WrongResult(f"{entry.file} leads out of the folder")


def read_recipe(folder: Path, files: Files) -> None:
    from neuralmd_cli.training.recipe_file import read_setup
    from neuralmd_cli.training.search import read_grid

    if b"grid" in files["recipe.toml"]:
        grid = read_grid(str(folder / "recipe.toml"))
        json.dumps(list(islice(grid.cells(), 50)), default=str)
    else:
        read_setup(folder / "recipe.toml").binding_net()


def read_split(folder: Path, files: Files) -> None:
    from neuralmd_cli.cli.data.prepare import _ids
    from neuralmd_cli.dataset.splits import load_split

    load_split(str(folder / next(iter(files))))
    _ids(folder / next(iter(files)))


def read_training(folder: Path, files: Files) -> None:
    from neuralmd_cli.training.folder import RunFolder

    RunFolder(path=folder).request()


def read_cell(folder: Path, files: Files) -> None:
    from neuralmd_cli.reproduction.cells import load_cell

    load_cell(folder / "cell.json", {"seed": 0})


def read_smiles(folder: Path, files: Files) -> None:
    from neuralmd_cli.structure.bond_orders import template_of

    template_of("LIG", files["smiles.txt"].decode("utf-8", errors="replace"), "LIG")


def ask_server(folder: Path, files: Files) -> None:
    from neuralmd_cli.dataset.fetching import host
    from neuralmd_cli.errors import NeuralMDError
    from neuralmd_cli.weights.download import Download, download

    host.BACKOFF_S, host.TIMEOUT_S, host.LONGEST_WAIT_S = 0.001, 1, 0.2
    with _saying(files["answer.http"]) as url:
        try:
            with host.RemoteFile(f"{url}/x.hdf5") as remote:
                remote.read(0, min(remote.size, 100_000))
        except NeuralMDError:
            download(
                Download(name="x", url=url, file="x.bin", size=10, sha256="0" * 64),
                folder / "cache",
                retries=0,
            )
            raise WrongResult("a wrong file was taken") from None


@contextmanager
def _saying(answer: bytes) -> Iterator[str]:
    """A server on loopback that sends these bytes to whoever asks anything."""
    server = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                talk, _ = server.accept()
            except OSError:
                return
            with talk:
                talk.settimeout(1)
                try:
                    talk.recv(65536)
                    talk.sendall(answer)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def command(folder: Path, files: Files) -> None:
    """A whole command, in this process: exit code, output, and what it leaves."""
    from typer.testing import CliRunner

    from neuralmd_cli.cli.main import app
    from neuralmd_cli.errors import InputError

    words = _words(folder, files)
    found = CliRunner().invoke(app, words)
    error = found.exception
    if error is not None and not isinstance(error, SystemExit):
        raise error
    if found.exit_code not in (0, 1):
        raise WrongResult(f"exit code {found.exit_code}: {found.stderr[-300:]}")
    if found.exit_code == 1:
        # `data` says of each complex what is wrong with it, and goes on.
        said = found.output if words[0] == "data" else found.stderr
        if words[0] != "data" and "Error:" not in said or not said.strip():
            raise WrongResult(f"exit code 1 without a word: {found.output[-300:]}")
        raise InputError(said[-300:], hint="(of a command)")
    if "--json" in words:
        json.loads(found.stdout, parse_constant=_no_constant)


def _no_constant(text: str) -> Any:
    raise WrongResult(f"{text} in JSON output")


def _words(folder: Path, files: Files) -> list[str]:
    rng = random.Random(len(b"".join(files.values())))
    if "md.hdf5" in files:
        source, store = str(folder / "md.hdf5"), str(folder / "out.h5")
        return rng.choice(
            [
                ["data", "inspect", source, "--json"],
                ["data", "prepare", source, "-o", store, "--quiet"],
            ]
        )
    if "store.h5" in files:
        store = str(folder / "store.h5")
        return rng.choice([["data", "inspect", store], ["data", "verify", store]])
    if "model.safetensors" in files:
        return ["weights", "info", str(folder / "model.safetensors"), "--json"]
    if "ligand.sdf" in files and "protein.pdb" in files:
        words = ["simulate", "--model", "frozen", "--ns", "0.16", "--json"]
        words += ["--protein", str(folder / _named(files, "protein"))]
        words += ["--ligand", str(folder / "ligand.sdf")]
        extra: list[str] = rng.choice([[], ["--hydrogens"], ["--with-protein"]])
        return [*words, *extra, "-o", str(folder / "out.dcd")]
    run = str(folder / _trajectory(files))
    ways = (["rmsf", run, "--json"], ["torsions", run, "--json"])
    ways += (["stability", run, "--json", "--csv", str(folder / "out.csv")],)
    ways += (["cluster", run, "--json"], ["compare", run, run, "--json"])
    return list(rng.choice(ways))


def _commands() -> tuple[Files, ...]:
    return (
        *(*seeds.complexes()[:2], *seeds.runs(), *seeds.recordings()),
        *(*seeds.stores(), *seeds.checkpoints()),
    )


def _requests() -> tuple[Files, ...]:
    from neuralmd_cli.training.recipe_file import Setup

    value = {
        **{"model": "neuralmd-ode", "data": ["md.h5"], "split": "own-md"},
        **{"trajectory": None, "seed": 1, "setup": Setup().to_dict()},
        "sha256": {"md.h5": "0" * 64},
    }
    return ({"training.json": json.dumps(value).encode()},)


def _smiles() -> tuple[Files, ...]:
    texts = ["CC(O)C(=O)Nc1ccccc1", "C[N+](C)(C)CC([O-])=O", "C1CC1/C=C/c1ccncc1"]
    texts += ["[13CH3]C#N.O", "C" * 400, "O=S(=O)(N)c1ccc(Cl)cc1[C@@H](F)Br"]
    return tuple({"smiles.txt": x.encode()} for x in texts)


def _cells() -> tuple[Files, ...]:
    from neuralmd_cli.benchmark.score import Score

    score = Score(
        row="frozen",
        model="frozen",
        weights=None,
        training_seed=None,
        draw=None,
        complex="1ABC",
        failure="",
        published=None,
        corrected={"position_rmsd": 1.0},
    )
    value = {
        **{"made_with": {"seed": 0}, "systems": [], "sha256": {}, "curves": {}},
        **{"unusable": {}, "scores": [score.to_dict()]},
    }
    return ({"cell.json": json.dumps(value).encode()},)


OUT = ("out.h5.parts", "out.h5", "out.csv", *(f"out.{x}" for x in RUN))

TARGETS = (
    Target("protein", seeds.proteins, read_protein, 13),
    Target("ligand", seeds.ligands, read_ligand, 14),
    Target("complex", seeds.complexes, prepare, 10),
    Target("ligand-id", seeds.holding_ligands, prepare, 7),
    Target("smiles", _smiles, read_smiles, 3),
    Target("trajectory", seeds.runs, open_run, 12),
    Target("compare", seeds.runs, compare_runs, 3, ("intact",)),
    Target("own-md", seeds.own_simulations, add_simulation, 4),
    Target("misato", seeds.recordings, read_recordings, 7),
    Target("store", seeds.stores, read_store, 5),
    Target("checkpoint", seeds.checkpoints, read_checkpoint, 5),
    Target("pickle", seeds.pickles, import_checkpoint, 4, ("out.safetensors",)),
    Target("registry", seeds.registries, read_registry, 2),
    Target("recipe", seeds.recipes, read_recipe, 3),
    Target("split", seeds.splits, read_split, 2),
    Target("training-record", _requests, read_training, 1),
    Target("cell", _cells, read_cell, 1),
    Target("http", seeds.answers, ask_server, 1, ("cache",)),
    Target("command", _commands, command, 3, OUT),
)
BY_NAME = {x.name: x for x in TARGETS}


def cases_of(total: int) -> dict[str, int]:
    """How many cases each target gets of so many."""
    shares = sum(x.share for x in TARGETS)
    return {x.name: math.ceil(total * x.share / shares) for x in TARGETS}
