"""Real and own files to damage, small enough that a case takes milliseconds."""

import gzip
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from rdkit import Chem

from neuralmd_cli.dataset.prepare import prepare as make_store
from neuralmd_cli.mdtraj_guard import quiet_mdtraj
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from neuralmd_cli.weights.registry import weights_dir
from tests.dataset.own_md import own_md
from tests.dataset.synthetic import write_complex
from tests.published import published_state, write_published
from tests.scenes import heavy_start, molecule, write_foreign, write_run
from tests.toy_data import tiny_model

Files = dict[str, bytes]
"""Content by name; the first is the one to damage most."""

ROOT = Path(__file__).resolve().parents[2]
NEAR = 5.5


def shared_data() -> Path | None:
    """The folder of real structures, where a checkout has it."""
    data = Path(os.environ.get("NEURALMD_SHARED", ROOT.parent / "shared")) / "data"
    return data if data.is_dir() else None


def pocket(pdb: Path, sdf: Path) -> bytes:
    """The lines of a PDB file that are of residues near a ligand."""
    lines = pdb.read_text(encoding="latin-1").splitlines()
    text = sdf.read_text()
    counts = text.splitlines()[3]
    atoms = text.splitlines()[4 : 4 + int(counts[:3])]
    ligand = np.array([[float(x[k : k + 10]) for k in (0, 10, 20)] for x in atoms])
    near = {
        x[17:27]
        for x in lines
        if x.startswith(("ATOM", "HETATM"))
        and np.linalg.norm(
            ligand - [float(x[k : k + 8]) for k in (30, 38, 46)], axis=1
        ).min()
        < NEAR
    }
    kept = [
        x for x in lines if not x.startswith(("ATOM", "HETATM")) or x[17:27] in near
    ]
    return ("\n".join(kept[-4000:]) + "\n").encode()


@cache
def complexes() -> tuple[Files, ...]:
    """Pockets with the SDF of their ligands."""
    nik = ROOT / "examples" / "nik"
    found = [(nik / "nik.pdb", nik / "ligand_13v.sdf")]
    data = shared_data()
    if data is not None:
        for name in ("ube2t_5ngz", "1s3v_dhfr", "hif2a", "btrn_4m7t", "7ztl_bcn"):
            folder = data / "complexes" / name
            found.append((folder / "protein.pdb", folder / "ligand.sdf"))
    return tuple(
        {"protein.pdb": pocket(a, b), "ligand.sdf": b.read_bytes()} for a, b in found
    )


@cache
def proteins() -> tuple[Files, ...]:
    """PDB and mmCIF files, gzipped ones among them."""
    found: list[Files] = [{"protein.pdb": x["protein.pdb"]} for x in complexes()]
    data = shared_data()
    if data is None:
        return tuple(found)
    names = (
        *("pdb/1vfy.pdb", "pdb/a_structure.pdb", "edge_cases/1SSU_mod.cif"),
        *("edge_cases/occupancy.pdb", "edge_cases/4Q9R_min.cif", "mmcif/1YJP.cif"),
        *("mmcif/5PTI.cif.gz", "mmcif/3JQH.cif", "edge_cases/1SSU_mod.pdb"),
        "mmcif/1BD2_short.cif.gz",
    )
    for name in names:
        content = (data / "structures" / name).read_bytes()
        kind = ".cif" if ".cif" in name else ".pdb"
        found.append({f"protein{kind}": content})
        if content[:2] == b"\x1f\x8b":
            found.append({f"protein{kind}": gzip.decompress(content)})
    return tuple(found)


@cache
def ligands() -> tuple[Files, ...]:
    """SDF files, good and bad ones."""
    found: list[Files] = [{"ligand.sdf": x["ligand.sdf"]} for x in complexes()]
    data = shared_data()
    if data is not None:
        for path in sorted((data / "structures" / "sdf").glob("*.sdf")):
            found.append({"ligand.sdf": path.read_bytes()})
    return tuple(found)


@cache
def holding_ligands() -> tuple[Files, ...]:
    """Structure files with a ligand inside, its id, and perhaps its SMILES."""
    found: list[Files] = []
    for k, files in enumerate(complexes()):
        mol = Chem.MolFromMolBlock(files["ligand.sdf"].decode())
        records = "".join(
            f"HETATM{n + 9000:5d} {a.GetSymbol() + str(n):<4} LIX X 900    "
            f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {a.GetSymbol():>2}\n"
            for n, (a, (x, y, z)) in enumerate(
                zip(mol.GetAtoms(), mol.GetConformer().GetPositions(), strict=True)
            )
        )
        body = files["protein.pdb"].decode("latin-1").replace("\nEND", "\nREMARK")
        found.append(
            {
                "protein.pdb": (body + records).encode("latin-1"),
                "smiles.txt": Chem.MolToSmiles(mol).encode(),
                "id.txt": b"LIX:X:900" if k % 2 else b"LIX",
            }
        )
    data = shared_data()
    if data is not None:
        text = (data / "structures/mmcif/4CUP.cif").read_bytes()
        found.append({"protein.cif": text, "smiles.txt": b"", "id.txt": b"ZYB"})
    return tuple(found)


def _written(make: Callable[[Path], None]) -> Files:
    with TemporaryDirectory() as folder:
        make(Path(folder))
        paths = sorted(x for x in Path(folder).iterdir() if x.is_file())
        return {x.name: x.read_bytes() for x in paths}


def _moving(frames: int = 5) -> torch.Tensor:
    start = heavy_start(molecule())
    steps = torch.randn(
        (frames, *start.shape), generator=torch.Generator().manual_seed(0)
    )
    return start + 0.05 * steps.cumsum(0)


def _first(files: Files, *names: str) -> Files:
    return {x: files[x] for x in (*names, *(y for y in files if y not in names))}


@cache
def runs() -> tuple[Files, ...]:
    """Trajectories with what lies beside them: ours, and others' in every format."""

    def ours(folder: Path) -> None:
        protein = folder / "protein.pdb"
        protein.write_bytes(complexes()[0]["protein.pdb"])
        mol = molecule()
        at = torch.tensor(
            [float(complexes()[0]["ligand.sdf"].splitlines()[4][k : k + 10])
             for k in (0, 10, 20)]
        )  # fmt: skip
        shift = at - heavy_start(mol).mean(0)
        conformer = mol.GetConformer()
        conformer.SetPositions(conformer.GetPositions() + shift.double().numpy())
        write_run(folder, _moving() + shift, mol, protein=protein)

    def foreign(folder: Path) -> None:
        mol = molecule()
        start = torch.tensor(mol.GetConformer().GetPositions()).float()
        path = write_foreign(folder, start[None].repeat(3, 1, 1), mol)
        path.rename(folder / "run.pdb")

    def other(suffix: str) -> Callable[[Path], None]:
        def make(folder: Path) -> None:
            md = own_md(folder, frames=4)
            (folder / "top.pdb").rename(folder / "run.pdb")
            with quiet_mdtraj():  # it would like another NetCDF library
                md.wrapped.save(str(folder / f"run{suffix}"))

        return make

    mine = _written(ours)
    found = [
        _first(mine, "run.dcd", "run.pdb"),
        _first(mine, "run.pdb", "run.dcd"),
        _first(mine, "run.json", "run.dcd"),
        _first(mine, "run.sdf", "run.dcd"),
        _first(_written(foreign), "run.pdb"),
    ]
    for suffix in (".dcd", ".xtc", ".trr", ".nc"):
        found.append(_first(_written(other(suffix)), f"run{suffix}", "run.pdb"))
    return tuple(found)


@cache
def own_simulations() -> tuple[Files, ...]:
    """The files `neuralmd data add` takes."""

    def make(suffix: str) -> Files:
        def write(folder: Path) -> None:
            md = own_md(folder, frames=5)
            with quiet_mdtraj():  # it would like another NetCDF library
                md.wrapped.save(str(folder / f"run{suffix}"))

        return _first(_written(write), f"run{suffix}", "top.pdb", "ligand.sdf")

    return tuple(make(x) for x in (".xtc", ".dcd", ".nc"))


@cache
def recordings() -> tuple[Files, ...]:
    """HDF5 files in MISATO's layout: made, and a real one cut to its first rows."""

    def small(folder: Path) -> None:
        write_complex(folder / "md.hdf5", "1ABC", attributes={"spacing_ps": 80.0})

    def two(folder: Path) -> None:
        write_complex(folder / "md.hdf5", "1ABC", seed=1)
        own = {"attributes": {"spacing_ps": 4.0, "smiles": "CCO"}, "frames": 10}
        write_complex(folder / "md.hdf5", "2ABC", seed=2, **own)

    found = [_written(small), _written(two)]
    data = shared_data()
    if data is not None:
        path = data / "misato_schema" / "sample_11GS_noH.hdf5"
        found.append({"md.hdf5": path.read_bytes()})
    return tuple(found)


@cache
def stores() -> tuple[Files, ...]:
    """Stores of ours."""

    def make(all_atom: bool) -> Files:
        def write(folder: Path) -> None:
            with TemporaryDirectory() as other:
                source = Path(other) / "md.hdf5"
                write_complex(source, "1ABC", seed=1)
                write_complex(source, "2ABC", seed=2)
                make_store(source, folder / "store.h5", all_atom=all_atom)

        return _written(write)

    return make(False), make(True)


@cache
def checkpoints() -> tuple[Files, ...]:
    """Checkpoints of ours: a whole small model, and tensors with metadata."""

    def whole(folder: Path) -> None:
        torch.manual_seed(0)
        model = tiny_model()
        metadata = CheckpointMetadata(
            name="tiny",
            model=model.name,
            config=model.config.to_dict(),
            training_data={"md.h5": "0" * 64},
            metrics={"skill": 0.5},
        )
        save_checkpoint(folder / "model.safetensors", model.state_dict(), metadata)

    return (_written(whole),)


@cache
def pickles() -> tuple[Files, ...]:
    """Checkpoints as the authors write them, with their training flags."""

    def make(refined: bool) -> Files:
        def write(folder: Path) -> None:
            write_published(folder, published_state(refined=refined), None)

        files = _written(write)
        return _first(files, "model.pth")

    return make(False), make(True)


@cache
def registries() -> tuple[Files, ...]:
    """The registry that comes with neuralmd, and a cache's record."""
    entry = {"neuralmd-ode-published": {"model.pth": "0" * 64}}
    return (
        {"registry.toml": (weights_dir() / "registry.toml").read_bytes()},
        {
            "seen.json": json.dumps(entry).encode(),
            "registry.toml": (weights_dir() / "registry.toml").read_bytes(),
        },
    )


@cache
def recipes() -> tuple[Files, ...]:
    """Recipes and grids that come with neuralmd."""
    folder = ROOT / "neuralmd_cli" / "presets"
    return tuple(
        {"recipe.toml": x.read_bytes()} for x in sorted(folder.rglob("*.toml"))
    )


@cache
def splits() -> tuple[Files, ...]:
    """Splits: a list, and TOML."""
    folder = ROOT / "neuralmd_cli" / "dataset" / "lists"
    return (
        {"split.toml": (folder / "own_md.toml").read_bytes()},
        {"split.txt": b"# mine\n1ABC\n2ABC # second\n\n3ABC\n"},
        {"split.toml": b'train = ["1ABC"]\nvalidation = ["2ABC"]\ntest = []\n'},
    )


def answers() -> tuple[Files, ...]:
    """What a web server may say: a range of a file, or the whole of it."""
    body = b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 8
    whole = (
        b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: "a"\r\n\r\n' % len(body) + body
    )
    part = (
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: %d\r\n"
        b"Content-Range: bytes 0-%d/%d\r\nLast-Modified: Sat, 21 Nov 2026 10:00:00 GMT"
        b"\r\n\r\n" % (len(body), len(body) - 1, len(body)) + body
    )
    again = (
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/other\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    later = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
    return tuple({"answer.http": x} for x in (whole, part, again, later))
