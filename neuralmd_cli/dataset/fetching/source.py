"""MISATO's file on the web, and what every way of fetching from it needs."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neuralmd_cli.dataset.fetching.host import Identity, RemoteFile
from neuralmd_cli.errors import DownloadError, OutputError

URL_VARIABLE = "NEURALMD_DATA_URL"
SOURCE_FILE = "source.json"
SIGNATURE = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data file on the web, and what is known of it."""

    url: str
    size: int  # bytes
    md5: str
    n_complexes: int


MISATO = Source(
    url="https://zenodo.org/records/7711953/files/MD.hdf5",
    size=132_841_014_019,
    md5="9bc6446922cd80e0f2f3f69349bf88ed",
    n_complexes=16_972,
)


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What was fetched, and what it cost."""

    path: Path
    url: str
    complexes: int  # in the file
    kept: int  # of them, from an earlier run
    bytes_read: int
    remote_bytes: int
    requests: int
    seconds: float


def data_url(url: str | None = None) -> str:
    """The address in force: given, in `NEURALMD_DATA_URL`, or MISATO's at Zenodo."""
    return url or os.environ.get(URL_VARIABLE) or MISATO.url


def work_folder(output: Path) -> Path:
    """The folder, made if need be, for what an output is to become.

    Raises:
        OutputError: it cannot be made.
    """
    folder = output.parent / f".{output.name}.fetching"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(output, error) from None
    return folder


def check_source(remote: RemoteFile, folder: Path) -> None:
    """Compare a remote file with MISATO's size and with what an earlier run saw.

    Raises:
        DownloadError: it is another file.
        OutputError: the folder cannot be written.
    """
    if remote.url == MISATO.url and remote.size != MISATO.size:
        raise DownloadError(
            f"{remote.url} has {remote.size} bytes instead of {MISATO.size}.",
            hint="It is not the MISATO file that neuralmd knows. Use another address "
            "with --url.",
        )
    before = Identity.load(folder / SOURCE_FILE)
    changed = before and remote.identity and remote.identity.differs_from(before)
    if changed:
        raise DownloadError(
            f"{remote.url} is not the file that the fetch was begun with: {changed}.",
            hint=f"Delete {folder} to start again.",
        )
    try:
        if remote.identity is not None:
            remote.identity.save(folder / SOURCE_FILE)
    except OSError as error:
        raise unwritable(folder, error) from None


def check_hdf5(remote: RemoteFile) -> None:
    """Look at the first bytes.

    Raises:
        DownloadError: they are not those of an HDF5 file.
    """
    beginning = remote.beginning
    # HDF5 allows a foreign block before its own beginning, of 512 bytes, 1024, ...
    places = [0, *(512 << k for k in range(7))]
    if any(beginning[x : x + len(SIGNATURE)] == SIGNATURE for x in places):
        return
    is_page = beginning.lstrip()[:1] == b"<"
    raise DownloadError(
        f"{remote.url} is not an HDF5 file, but "
        f"{'a web page' if is_page else f'begins with {beginning[:16]!r}'}.",
        hint="Give the address of the file itself with --url or NEURALMD_DATA_URL.",
    )


def check_space(folder: Path, n_bytes: int, name: str) -> None:
    """Refuse before the work what does not fit.

    Raises:
        OutputError: there is less room than `n_bytes`.
    """
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise OutputError(
            f"Fetching {name} takes {n_bytes / 1e9:.1f} GB, and there are only "
            f"{free / 1e9:.1f} GB free in {folder.resolve().parent}.",
            hint="Write to another disk with -o, or fetch less: misato-100 takes "
            "about 2 GB while it is fetched, and 1 GB then.",
        )


def unwritable(output: Path, error: OSError) -> OutputError:
    """The error of an output that cannot be written."""
    return OutputError(
        f"{output} cannot be written: {error.strerror or error}.",
        hint=f"Check that {output.parent} exists, is writable and has space left.",
    )


def listed(ids: Sequence[str]) -> str:
    """The first ids, and how many more there are."""
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return ", ".join(ids[:5]) + more
