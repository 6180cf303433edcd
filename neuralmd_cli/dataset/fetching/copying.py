"""One complex of a remote file to a local one, without unpacking its data."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from neuralmd_cli.dataset.fetching.host import RemoteFile
from neuralmd_cli.dataset.fetching.remote import Range, RangeReader
from neuralmd_cli.errors import DownloadError
from neuralmd_cli.hdf5 import writing_hdf5

COORDINATES = "trajectory_coordinates"
REQUIRED = (
    "atoms_number",
    "atoms_type",
    "atoms_residue",
    "molecules_begin_atom_index",
    COORDINATES,
)
WANTED = (
    *REQUIRED,
    "atoms_element",
    "frames_interaction_energy",
    "frames_rmsd_ligand",
    "frames_distance",
    "frames_bSASA",
)
"""The datasets of MISATO's layout; all others of a group are left at the host."""
FIRST_GUESS, DENSE = 0.4, 0.8


class DamagedComplex(DownloadError):
    """One complex cannot be used; the others may be."""


@dataclass(kw_only=True)
class Guess:
    """How many stored bytes follow the header of coordinates, per byte unpacked.

    HDF5 puts the data of a dataset that is written at once right after its header,
    with the index of the chunks in between, so that one long request brings nearly
    all. Where a file is laid out otherwise, nothing is guessed.
    """

    ratio: float = FIRST_GUESS
    seen: list[float] = field(default_factory=list)

    def learn(self, unpacked: int, header: int, ranges: list[Range]) -> None:
        """Take the layout of a complex's coordinates as typical."""
        after = [(a, b) for a, b in ranges if a >= header]
        span = max((b for _, b in after), default=header) - header
        if not unpacked or sum(b - a for a, b in after) < DENSE * span or not span:
            self.ratio = 0.0
        elif self.ratio:
            self.seen.append(span / unpacked)
            self.ratio = sum(self.seen) / len(self.seen)


@dataclass(kw_only=True)
class Job:
    """A complex on its way: what was asked for, and what is held for it."""

    name: str
    group: h5py.Group
    header: int  # where the metadata of the coordinates begin
    asked: list[tuple[int, Future[bytes]]] = field(default_factory=list)

    @property
    def held(self) -> list[int]:
        """Where the bytes held for it begin."""
        return [start for start, _ in self.asked]


@dataclass(frozen=True, kw_only=True)
class StoredDataset:
    """The values of a dataset: chunks as they are stored, or unpacked where none."""

    source: h5py.Dataset
    chunks: tuple[tuple[tuple[int, ...], int, bytes], ...]
    """Place, mask of the filters left out, content."""
    values: np.ndarray | None

    @classmethod
    def of(cls, source: h5py.Dataset) -> "StoredDataset":
        """Read a dataset."""
        if source.chunks is None:
            return cls(source=source, chunks=(), values=np.asarray(source[()]))
        places: list[tuple[int, ...]] = []
        source.id.chunk_iter(lambda x: places.append(x.chunk_offset))
        chunks = tuple((x, *source.id.read_direct_chunk(x)) for x in places)
        return cls(source=source, chunks=chunks, values=None)

    def write(self, group: h5py.Group) -> None:
        """Write it under its name, in the same layout and packing."""
        source, name = self.source, self.source.name.rpartition("/")[2]
        if self.values is not None:
            group.create_dataset(name, data=self.values)
            return
        made_by = source.id.get_create_plist()
        made_by.set_obj_track_times(False)  # equal content is to be equal bytes
        target = h5py.h5d.create(
            group.id,
            name.encode(),
            source.id.get_type(),
            source.id.get_space(),
            dcpl=made_by,
        )
        for place, mask, data in self.chunks:
            target.write_direct_chunk(place, data, mask)


class Copier:
    """Copies complexes; several may be under way, each `begin` needs its `finish`."""

    def __init__(
        self, file: h5py.File, reader: RangeReader, remote: RemoteFile, pool: Executor
    ) -> None:
        self.file, self.reader, self.remote, self.pool = file, reader, remote, pool
        self.guess = Guess()

    def begin(self, name: str) -> Job:
        """Look at a complex and ask for most of its data, without waiting for them.

        Raises:
            DamagedComplex: it has no coordinates, or is no group.
            DownloadError: its metadata cannot be had.
        """
        with self._reading(name):
            group = self.file[name]
            self._require(name, group, [COORDINATES])
            coordinates = group[COORDINATES]
            # The object's own info would be had by reading all of its index.
            header = int(group.id.links.get_info(COORDINATES.encode()).u)
            job = Job(name=name, group=group, header=header)
            if coordinates.chunks is None:
                self._ask(job, stored_ranges(coordinates))
            elif self.guess.ratio:
                stop = header + int(self.guess.ratio * coordinates.nbytes)
                self._ask(job, [(header, min(stop, self.remote.size))])
        return job

    def finish(self, job: Job, path: Path) -> None:
        """Wait for the data and write them as the only group of a new file.

        Raises:
            DamagedComplex: datasets are missing, or data are damaged.
            DownloadError: data cannot be had.
            OSError: the file cannot be written.
        """
        try:
            with self._reading(job.name):
                attributes = dict(job.group.attrs)
                stored = self._stored(job)
        finally:
            self.reader.drop(job.held)
        with writing_hdf5(path) as (file, _):
            group = file.create_group(job.name)
            for key, value in attributes.items():
                group.attrs[key] = value
            for dataset in stored:
                dataset.write(group)
        self._check(job.name, path)

    def _stored(self, job: Job) -> list[StoredDataset]:
        """The data of a complex, once they have come."""
        self._hold(job, 0)
        before = len(job.asked)
        self._require(job.name, job.group, REQUIRED)
        datasets = [job.group[x] for x in WANTED if x in job.group]
        ranges = [x for dataset in datasets for x in stored_ranges(dataset)]
        self._ask(job, ranges)
        self._hold(job, before)
        coordinates = job.group[COORDINATES]
        if coordinates.chunks is not None:
            self.guess.learn(coordinates.nbytes, job.header, stored_ranges(coordinates))
        return [StoredDataset.of(x) for x in datasets]

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        """Say which complex of the remote file HDF5 finds damaged."""
        try:
            yield
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise DamagedComplex(
                f"{self.remote.url}: complex {name} cannot be read ({error}).",
                hint="The file at the host is damaged: leave the complex out.",
            ) from None

    def _require(self, name: str, group: object, keys: Iterable[str]) -> None:
        if not isinstance(group, h5py.Group):
            lacking = list(keys)
        else:
            # Not `in`, which would look at the datasets, too, one by one.
            lacking = [x for x in keys if not group.id.links.exists(x.encode())]
        if lacking:
            raise DamagedComplex(
                f"{self.remote.url}: complex {name} has no {', '.join(lacking)}.",
                hint="Only files with trajectories can be used. Leave the complex out.",
            )

    def _ask(self, job: Job, ranges: list[Range]) -> None:
        for start, stop in self.reader.missing(ranges):
            job.asked.append((start, self.pool.submit(self.remote.read, start, stop)))

    def _hold(self, job: Job, since: int) -> None:
        for start, future in job.asked[since:]:
            self.reader.hold(start, future.result())

    def _check(self, name: str, path: Path) -> None:
        """Unpack everything once: gzip's checksums find what a network spoiled."""
        with h5py.File(path, "r") as file:
            for key, dataset in file[name].items():
                try:
                    np.asarray(dataset)
                except OSError:
                    raise DamagedComplex(
                        f"{self.remote.url}: {key} of complex {name} is damaged and "
                        "cannot be unpacked.",
                        hint="Run the command again. If it stays so, the file at the "
                        "host is damaged: leave the complex out.",
                    ) from None


def stored_ranges(dataset: h5py.Dataset) -> list[Range]:
    """Where the values of a dataset are in its file; none for the smallest ones."""
    if dataset.chunks is None:
        offset, size = dataset.id.get_offset(), dataset.id.get_storage_size()
        return [] if offset is None or not size else [(offset, offset + size)]
    found: list[Range] = []
    dataset.id.chunk_iter(
        lambda x: found.append((x.byte_offset, x.byte_offset + x.size))
    )
    return found
