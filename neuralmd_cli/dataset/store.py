"""The compact store: one HDF5 file, entries by name, a hash for each.

    /                     format = "neuralmd-store", version, all_atom, digest
    /manifest/name        names of all entries, sorted
    /manifest/sha256      `Entry.digest` of each
    /complexes/<name>/    the arrays of an `Entry`; its facts as the attribute `facts`

A store is put together beside its name and moved there when whole, so a file with that
name is complete. See docs/decisions/0004-hdf5-store.md.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuralmd_cli.dataset.entry import FRAME, LIGAND_ATOM, RESIDUE, Arrays, Entry
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.hdf5 import DAMAGED, child, h5py, open_hdf5, read_rows

FORMAT = "neuralmd-store"
VERSION = 1
COMPLEXES = "complexes"
COMPRESSED = ("ligand_positions", "protein_positions", "backbone_atoms")
"""Packed by shuffle and deflate, which every HDF5 library has; the rest is small."""
LEVEL = 4
LIBVER = ("v110", "v110")
"""The file format of HDF5 1.10: little overhead for small datasets and many names."""
RENEW = "Make the store again with `neuralmd data prepare`."


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a store says it holds."""

    sha256: Mapping[str, str]  # of each entry, by name, sorted
    all_atom: bool
    digest: str  # of the manifest itself

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the entries, sorted."""
        return tuple(self.sha256)


class Store:
    """A store open for reading; entries are read when asked for.

    It can be sent to another process: each process opens the file for itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: h5py.File | None = None
        self._process = 0
        self.manifest = _manifest(self._open(), path)

    def entry(self, name: str) -> Entry:
        """One entry.

        Raises:
            InputError: there is none of this name, or it cannot be read.
        """
        return read_entry(self._group(name), name, f"{self.path.name}: complex {name}")

    def facts(self, name: str) -> dict[str, Any]:
        """What is said of an entry, without its arrays.

        Raises:
            InputError: there is none of this name, or it cannot be read.
        """
        return read_facts(self._group(name), f"{self.path.name}: complex {name}")

    def unlisted(self) -> list[str]:
        """Names of groups that the manifest does not list."""
        complexes = child(self._open(), COMPLEXES, h5py.Group, self.path.name)
        return sorted(set(complexes) - set(self.manifest.sha256))

    def _group(self, name: str) -> h5py.Group:
        if name not in self.manifest.sha256:
            names = self.manifest.names
            raise InputError(
                f"{self.path.name}: there is no complex {name!r}.",
                hint=f"The store holds {len(names)}, among them "
                f"{', '.join(names[:5])}.",
            )
        where = f"{self.path.name}: complex {name}"
        complexes = child(self._open(), COMPLEXES, h5py.Group, self.path.name)
        group: h5py.Group = child(complexes, name, h5py.Group, where)
        return group

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        if self._file is not None and self._process == os.getpid():
            self._file.close()
        self._file = None

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_file": None}

    def _open(self) -> h5py.File:
        # A handle that came through a fork shares its file position with the parent's.
        if self._file is None or self._process != os.getpid():
            self._file, self._process = open_hdf5(self.path), os.getpid()
        return self._file


def is_store(path: Path) -> bool:
    """True for a store, False for any other HDF5 file.

    Raises:
        InputError: it is no HDF5 file.
    """
    with open_hdf5(path) as file:
        return bool(file.attrs.get("format") == FORMAT)


def write_part(path: Path, entry: Entry) -> None:
    """Write one entry to a file of its own, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with h5py.File(temporary, "w", libver=LIBVER) as file:
        file.attrs["sha256"] = entry.digest()
        write_entry(file, entry)
    temporary.replace(path)


def write_entry(parent: h5py.Group, entry: Entry) -> None:
    """Write one entry as a group below another."""
    group = parent.create_group(entry.name)
    group.attrs["facts"] = json.dumps(entry.facts, sort_keys=True)
    for name, array in sorted(entry.arrays.items()):
        if name not in COMPRESSED or not array.size:
            group.create_dataset(name, data=array)
            continue
        # One snapshot of a whole protein is read alone; a ligand's are read together.
        chunks = (1, *array.shape[1:]) if name == "protein_positions" else array.shape
        group.create_dataset(
            name,
            data=array,
            chunks=chunks,
            shuffle=True,
            compression="gzip",
            compression_opts=LEVEL,
        )


def read_entry(group: h5py.Group, name: str, where: str) -> Entry:
    """Read one entry's group, and check that its arrays fit each other.

    Raises:
        InputError: an array is missing, unreadable or of another shape or type.
    """
    facts = read_facts(group, where)
    arrays = {key: _array(group, key, where) for key in _TYPES}
    _check_arrays(arrays, where)
    return Entry(name=name, arrays=arrays, facts=facts)


def read_facts(group: h5py.Group, where: str) -> dict[str, Any]:
    """What is said of an entry.

    Raises:
        InputError: it is missing or no JSON.
    """
    try:
        facts: dict[str, Any] = json.loads(group.attrs["facts"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{where}: the attribute facts cannot be read.", hint=RENEW
        ) from error
    return facts


_TYPES = {
    "ligand_atoms": LIGAND_ATOM,
    "ligand_bonds": np.dtype("<u2"),
    "ligand_positions": np.dtype("<i4"),
    "protein_atomic_numbers": np.dtype("u1"),
    "protein_positions": np.dtype("<i4"),
    "backbone_atoms": np.dtype("<i4"),
    "residues": RESIDUE,
    "frames": FRAME,
}


_FILE_TYPES = {key: h5py.h5t.py_create(kind) for key, kind in _TYPES.items()}


def _array(group: h5py.Group, key: str, where: str) -> NDArray[Any]:
    """One array of an entry.

    By h5py's low-level calls: the loader reads eight arrays per complex, and h5py's
    objects cost several times what the reading does.
    """
    try:
        dataset = h5py.h5d.open(group.id, key.encode())
        array = np.empty(dataset.shape, dtype=_TYPES[key])
        same = dataset.get_type() == _FILE_TYPES[key]
        if same:
            dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array, _FILE_TYPES[key])
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(
            f"{where}: {key} cannot be read ({error}).", hint=RENEW
        ) from error
    if not same:
        raise InputError(f"{where}: {key} is not of type {_TYPES[key]}.", hint=RENEW)
    return array


def _check_arrays(arrays: Arrays, where: str) -> None:
    """Shapes that agree with each other, and rows that are there."""
    frames, atoms = len(arrays["frames"]), len(arrays["ligand_atoms"])
    protein, residues = len(arrays["protein_atomic_numbers"]), len(arrays["residues"])
    moving = arrays["protein_positions"].shape[:1] == (frames,)
    shapes = {
        "ligand_bonds": (len(arrays["ligand_bonds"]), 2),
        "ligand_positions": (frames, atoms, 3),
        "protein_positions": (frames if moving else 1, protein, 3),
        "backbone_atoms": (residues, 3),
    }
    for name, array in arrays.items():
        wanted = shapes.get(name, array.shape[:1])
        if array.shape != wanted:
            raise InputError(
                f"{where}: {name} has shape {array.shape}, not {wanted}.",
                hint=DAMAGED,
            )
    for name, limit in (("ligand_bonds", atoms), ("backbone_atoms", protein)):
        rows = arrays[name]
        if rows.size and not 0 <= rows.min() <= rows.max() < limit:
            raise InputError(
                f"{where}: {name} names atoms that are not there.", hint=RENEW
            )


def _manifest(file: h5py.File, path: Path) -> Manifest:
    if file.attrs.get("format") != FORMAT:
        raise InputError(
            f"{path.name} is not a store of neuralmd.",
            hint="`neuralmd data prepare` makes one from a file in MISATO's layout.",
        )
    version = int(file.attrs.get("version", 0))
    if version != VERSION:
        raise InputError(
            f"{path.name} is a store of version {version}; this neuralmd reads "
            f"{VERSION}.",
            hint=RENEW,
        )
    group = child(file, "manifest", h5py.Group, path.name)
    columns = [
        [
            x.decode()
            for x in read_rows(
                child(group, key, h5py.Dataset, path.name), slice(None), path.name
            ).tolist()
        ]
        for key in ("name", "sha256")
    ]
    if len(columns[0]) != len(columns[1]):
        raise InputError(f"{path.name}: the manifest is damaged.", hint=RENEW)
    sha256 = dict(zip(*columns, strict=True))
    digest = str(file.attrs.get("digest", ""))
    if digest != manifest_digest(sha256):
        raise InputError(f"{path.name}: the manifest is damaged.", hint=RENEW)
    return Manifest(
        sha256=sha256, all_atom=bool(file.attrs.get("all_atom", False)), digest=digest
    )


def manifest_digest(sha256: Mapping[str, str]) -> str:
    """One hash for a whole store, from names and hashes of its entries."""
    lines = "".join(f"{sha256[name]}  {name}\n" for name in sorted(sha256))
    return hashlib.sha256(lines.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where an entry of a store to be is now: the path of a part or a store."""

    path: Path
    group: str  # of the entry in that file
    sha256: str


def put_together(
    output: Path,
    sources: Mapping[str, Source],
    *,
    all_atom: bool,
    on_entry: Callable[[], None] = lambda: None,
) -> Manifest:
    """Write a store from parts and older stores, in the order of the names.

    The same entries give the same bytes, in whatever order and by whatever route they
    were made.

    Raises:
        OutputError: it cannot be written.
    """
    sha256 = {name: sources[name].sha256 for name in sorted(sources)}
    with _replacing(output) as temporary:
        with h5py.File(temporary, "w", libver=LIBVER) as file:
            file.attrs["format"] = FORMAT
            file.attrs["version"] = VERSION
            file.attrs["all_atom"] = all_atom
            file.attrs["digest"] = manifest_digest(sha256)
            manifest = file.create_group("manifest")
            for key, column in (("name", list(sha256)), ("sha256", [*sha256.values()])):
                manifest.create_dataset(key, data=column, dtype=h5py.string_dtype())
            complexes = file.create_group(COMPLEXES)
            for name, opened in _opened(sources, sorted(sources)):
                opened.copy(opened[sources[name].group], complexes, name=name)
                on_entry()
    return Manifest(sha256=sha256, all_atom=all_atom, digest=manifest_digest(sha256))


def _opened(
    sources: Mapping[str, Source], names: Iterable[str]
) -> Iterator[tuple[str, h5py.File]]:
    """The open file of each name; the last one stays open in case it is next."""
    file: h5py.File | None = None
    path: Path | None = None
    try:
        for name in names:
            if sources[name].path != path:
                if file is not None:
                    file.close()
                path = sources[name].path
                file = open_hdf5(path)
            if file is not None:
                yield name, file
    finally:
        if file is not None:
            file.close()


@contextmanager
def _replacing(output: Path) -> Iterator[Path]:
    """A name to write to, that becomes `output` when the body succeeds."""
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(output)
    except OSError as error:
        raise OutputError(
            f"{output} cannot be written: {error.strerror or error}.",
            hint="Check that the disk has space left and the folder may be written to.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
