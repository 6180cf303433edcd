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
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from neuralmd_cli.dataset.entry import Entry
from neuralmd_cli.dataset.stored_entry import RENEW, read_entry, read_facts
from neuralmd_cli.errors import InputError
from neuralmd_cli.hdf5 import (
    attribute,
    child,
    h5py,
    names_in,
    open_hdf5,
    read_rows,
    writing_hdf5,
)
from neuralmd_cli.writers import atomic_path

FORMAT = "neuralmd-store"
VERSION = 1
COMPLEXES = "complexes"
COMPRESSED = ("ligand_positions", "protein_positions", "backbone_atoms")
"""Packed by shuffle and deflate, which every HDF5 library has; the rest is small."""
LEVEL = 4
LIBVER = ("v110", "v110")
"""The file format of HDF5 1.10: little overhead for small datasets and many names."""


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
        return sorted(
            set(names_in(complexes, self.path.name)) - set(self.manifest.sha256)
        )

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
        return attribute(file, "format") == FORMAT


def write_part(path: Path, entry: Entry) -> None:
    """Write one entry to a file of its own, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with writing_hdf5(temporary, libver=LIBVER) as (file, _):
            file.attrs["sha256"] = entry.digest()
            write_entry(file, entry)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


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


def _manifest(file: h5py.File, path: Path) -> Manifest:
    if attribute(file, "format") != FORMAT:
        raise InputError(
            f"{path.name} is not a store of neuralmd.",
            hint="`neuralmd data prepare` makes one from a file in MISATO's layout.",
        )
    version = attribute(file, "version", 0)
    if version != VERSION:
        raise InputError(
            f"{path.name} is a store of version {version}; this neuralmd reads "
            f"{VERSION}.",
            hint=RENEW,
        )
    group = child(file, "manifest", h5py.Group, path.name)
    columns = [
        _texts(child(group, key, h5py.Dataset, path.name), path.name)
        for key in ("name", "sha256")
    ]
    if len(columns[0]) != len(columns[1]) or "" in columns[0]:
        raise InputError(f"{path.name}: the manifest is damaged.", hint=RENEW)
    sha256 = dict(zip(*columns, strict=True))
    digest = str(attribute(file, "digest"))
    if digest != manifest_digest(sha256):
        raise InputError(f"{path.name}: the manifest is damaged.", hint=RENEW)
    return Manifest(
        sha256=sha256,
        all_atom=attribute(file, "all_atom", False) is True,
        digest=digest,
    )


def _texts(dataset: h5py.Dataset, where: str) -> list[str]:
    """A column of texts; an empty one for what is no text."""
    rows = read_rows(dataset, slice(None), where).reshape(-1).tolist()
    return [x.decode(errors="replace") if isinstance(x, bytes) else "" for x in rows]


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
    with atomic_path(output) as temporary:
        with writing_hdf5(temporary, libver=LIBVER) as (file, check):
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
                check()
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
