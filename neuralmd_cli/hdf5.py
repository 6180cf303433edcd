"""Opening and reading HDF5 files, with a word on every way in which one can be bad."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuralmd_cli.errors import InputError, NeuralMDError
from neuralmd_cli.input_files import check_regular

try:
    import h5py
except ImportError as error:
    raise NeuralMDError(
        "Trajectory data are HDF5 files; reading them needs h5py, which is not "
        "installed.",
        hint='pip install "neuralmd[data]"',
    ) from error

# Others take h5py from here, so that whoever comes first says that it is missing.
__all__ = [
    "DAMAGED",
    "attribute",
    "check_stored",
    "child",
    "h5py",
    "names_in",
    "open_hdf5",
    "read_column",
    "read_rows",
    "writing_hdf5",
]

DAMAGED = "The entry is damaged; leave it out, or get the file again."
LARGE = 64 * 2**20
MOST_PACKED = 100
"""Bytes a dataset may hold, and how many times smaller it may then be in the file.

Coordinates shrink to a half or a third; a file can claim any number of bytes that it
does not have.
"""
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def open_hdf5(path: Path) -> h5py.File:
    """Open a file for reading.

    Raises:
        InputError: there is no such file, it is no HDF5, or only a part of one.
    """
    check_regular(path)
    try:
        return h5py.File(path, "r")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file.", hint="Check the path.") from error
    except OSError as error:
        raise InputError(
            f"{path}: {_why_unreadable(path, error)}",
            hint="Check the path, and that the download was complete.",
        ) from error


@contextmanager
def writing_hdf5(
    path: Path, *, libver: tuple[str, str] | None = None, append: bool = False
) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """A file open for writing, and a function that raises if the disk is full.

    HDF5 cannot close a file that it cannot write, and a file that is open when the
    program ends may crash it. So it writes through Python, which keeps the first
    problem to itself until the file is closed.

    Args:
        path: of the file.
        libver: HDF5's bounds of its format.
        append: to a file that is there; else it is made anew.

    Raises:
        OSError: the file cannot be made or written.
    """
    with path.open("r+b" if append else "w+b", buffering=0) as raw:
        sink = _Sink(raw)
        try:
            with h5py.File(sink, "r+" if append else "w", libver=libver) as file:
                yield file, sink.check
        except (OSError, RuntimeError, KeyError, ValueError):
            sink.check()  # where bytes are missing, that is why
            raise
        sink.check()


class _Sink(io.RawIOBase):
    """A file that takes everything; after the first problem, into nothing."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self._problem: OSError | None = None

    def check(self) -> None:
        """Raise what went wrong so far."""
        if self._problem is not None:
            raise self._problem

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        rest = memoryview(data).cast("B")
        size = len(rest)
        try:
            while rest and self._problem is None:
                rest = rest[self._raw.write(rest) :]
        except OSError as error:
            self._problem = error
        return size

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        return self._raw.readinto(buffer) or 0

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def truncate(self, size: int | None = None) -> int:
        try:
            return self._raw.truncate(size)
        except OSError as error:
            self._problem = self._problem or error
            return size or 0


def _why_unreadable(path: Path, error: OSError) -> str:
    """What the first bytes of the file, or else the library, say."""
    if path.is_dir():
        return "this is a folder, not an HDF5 file."
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as reason:
        return f"the file cannot be read: {reason.strerror}."
    if not start:
        return "the file is empty."
    if start != _SIGNATURE:
        return "not a readable HDF5 file."
    if "truncated" in str(error):
        return "an HDF5 file that is cut short."
    return f"an HDF5 file that cannot be opened ({error})."


def names_in(group: h5py.Group, where: str) -> list[str]:
    """Names of a group's members, in the file's order.

    Raises:
        InputError: the file's own list of them cannot be read.
    """
    try:
        return list(group)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(
            f"{where}: its list of names cannot be read.",
            hint="The file is damaged; get it again.",
        ) from error


def child(group: h5py.Group, name: str, kind: type, where: str) -> Any:  # noqa: ANN401  of `kind`
    """A member of a group.

    Args:
        group: where to look.
        name: of the member.
        kind: h5py.Group or h5py.Dataset.
        where: file and complex, to begin messages with.

    Raises:
        InputError: it is not there, or of another kind.
    """
    try:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
            raise InputError(
                f"{where}: {name} is a link to {link.path}, not data; links are not "
                "followed, as they may lead to any file of this machine.",
                hint="Get a file that holds its data itself.",
            )
        found = group.get(name)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise InputError(f"{where}: {name} cannot be opened.", hint=DAMAGED) from error
    if isinstance(found, kind):
        if isinstance(found, h5py.Dataset):
            check_stored(found.id, f"{where}: {name}")
        return found
    what = "group" if kind is h5py.Group else "dataset"
    if found is None:
        raise InputError(f"{where} lacks the {what} {name}.", hint=DAMAGED)
    raise InputError(f"{where}: {name} is not a {what}.", hint=DAMAGED)


def check_stored(dataset: h5py.h5d.DatasetID, where: str) -> None:
    """Refuse a dataset whose numbers lie elsewhere, or are far more than is there.

    By h5py's low-level calls, which cost microseconds.

    Raises:
        InputError: see above.
    """
    properties = dataset.get_create_plist()
    layout = properties.get_layout()
    if layout == h5py.h5d.VIRTUAL or properties.get_external_count():
        raise InputError(
            f"{where} holds no data itself but names another file; such are not read.",
            hint="Get a file that holds its data itself.",
        )
    shape = dataset.shape or ()
    chunk = properties.get_chunk() if layout == h5py.h5d.CHUNKED else ()
    wanted = dataset.dtype.itemsize * max(prod(shape), prod(chunk))
    if wanted > LARGE and wanted > MOST_PACKED * dataset.get_storage_size():
        raise InputError(
            f"{where} has shape {shape}, {wanted / 2**20:.0f} MB, but only "
            f"{dataset.get_storage_size() / 2**20:.1f} MB are in the file.",
            hint=DAMAGED,
        )


def attribute(
    owner: h5py.Group, name: str, default: str | int | float = ""
) -> str | int | float:
    """An attribute as plain Python; `default` where it is missing or unreadable.

    A list, or anything else that is neither text nor number, becomes text.
    """
    try:
        value = owner.attrs.get(name, default)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        return default
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | int | float) else str(value)


def read_rows(dataset: h5py.Dataset, rows: slice, where: str) -> NDArray[Any]:
    """Some or all rows of a dataset.

    Raises:
        InputError: its bytes cannot be read or unpacked.
    """
    try:
        return np.asarray(dataset[rows] if dataset.ndim else dataset[()])
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        name = str(dataset.name).rsplit("/", 1)[-1]
        raise InputError(
            f"{where}: {name} cannot be read ({error}).", hint=DAMAGED
        ) from error


def read_column(
    group: h5py.Group, name: str, length: int | None, kinds: str, where: str
) -> NDArray[Any]:
    """A dataset of one axis.

    Args:
        group: where it is.
        name: of the dataset.
        length: how long it must be; None for any.
        kinds: numpy's letters of the number types it may have.
        where: file and complex, to begin messages with.

    Raises:
        InputError: it is missing, unreadable, or of another shape or type.
    """
    dataset = child(group, name, h5py.Dataset, where)
    if dataset.dtype.kind not in kinds:
        raise InputError(
            f"{where}: {name} holds {dataset.dtype}, not "
            f"{'whole numbers' if 'f' not in kinds else 'numbers'}.",
            hint=DAMAGED,
        )
    wanted = dataset.shape if length is None else (length,)
    if dataset.ndim != 1 or dataset.shape != wanted:
        expected = "one axis" if length is None else f"shape {wanted}"
        raise InputError(
            f"{where}: {name} has shape {dataset.shape}, not {expected}.", hint=DAMAGED
        )
    return read_rows(dataset, slice(None), where)
