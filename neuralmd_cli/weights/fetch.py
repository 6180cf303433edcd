"""From a name to a verified file: bundled, in the cache, or downloaded.

There is no default download address; `NEURALMD_WEIGHTS_URL` or `--weights-url` names
the folder on the web that holds the registered files.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import pooch
from requests import exceptions

from neuralmd_cli.errors import WeightsError
from neuralmd_cli.weights.registry import Entry, Registry, check_file, load_registry

URL_VARIABLE = "NEURALMD_WEIGHTS_URL"
CACHE_VARIABLE = "NEURALMD_CACHE"
FILE_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".pkl", ".bin")
RETRIES = 2
TIMEOUT_S = 30
CHUNK = 1 << 16  # bytes


@runtime_checkable
class Progress(Protocol):
    """What shows how far a download is; pooch sets `total` when it is known."""

    total: int  # bytes

    def update(self, amount: int) -> None:
        """Another `amount` bytes came."""

    def reset(self) -> None:
        """Count from zero again."""

    def close(self) -> None:
        """The download is complete."""


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where the file of an entry is; no path while it is only remote."""

    where: Literal["bundled", "cached", "remote"]
    path: Path | None


def cache_dir() -> Path:
    """Where downloads are kept: `NEURALMD_CACHE`, or the user's cache folder."""
    return Path(os.environ.get(CACHE_VARIABLE) or pooch.os_cache("neuralmd"))


def locate(entry: Entry, registry: Registry) -> Location:
    """Where the file of an entry is now; its content is not looked at."""
    bundled, cached = registry.folder / entry.file, cache_dir() / entry.file
    if entry.bundled:
        # A bundled file that is missing is a damaged installation, not a download.
        return Location(where="bundled", path=bundled)
    if cached.is_file():
        return Location(where="cached", path=cached)
    return Location(where="remote", path=None)


def resolve(
    name_or_path: str | Path | None = None,
    *,
    url: str | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Path:
    """The checkpoint file meant by a registered name or a path, verified.

    Args:
        name_or_path: a registered name goes before a file of that name; by default
            the registry's default weights.
        url: where to download from, before `NEURALMD_WEIGHTS_URL`.
        registry: by default the one that comes with neuralmd.
        progress: told of a download, if there is one.

    Raises:
        WeightsError: no such name or file, a file that is not the registered one, or
            a download that failed.
    """
    registry = registry or load_registry()
    names = {x.name for x in registry.entries}
    if name_or_path is None:
        entry = registry.default()
    elif str(name_or_path) not in names and _is_path(name_or_path):
        return _existing(Path(name_or_path))
    else:
        entry = registry.entry(str(name_or_path))
    location = locate(entry, registry)
    if location.path is None:
        return fetch(entry, url=url, progress=progress)
    try:
        check_file(location.path, entry)
    except WeightsError:
        if location.where == "bundled" or not base_url(url):
            raise
        return fetch(entry, url=url, progress=progress)
    return location.path


def base_url(url: str | None = None) -> str | None:
    """The download address in force, if one is set."""
    return url or os.environ.get(URL_VARIABLE) or None


def fetch(
    entry: Entry,
    *,
    url: str | None = None,
    progress: Progress | None = None,
    retries: int = RETRIES,
) -> Path:
    """Download an entry to the cache unless it is there already, and verify it.

    The file gets its name once its SHA-256 is right; until then, and after any
    failure, nothing of that name is left by the download.

    Raises:
        WeightsError: no address, no network, an error of the server, an interrupted
            or wrong download, or a cache that cannot be written.
    """
    address, cache = base_url(url), cache_dir()
    if address is None:
        raise WeightsError(
            f"{entry.name} is neither bundled nor in the cache ({cache}), "
            "and no download address is set.",
            hint=f"Set {URL_VARIABLE} or --weights-url to the web folder that holds "
            f"{entry.file}, or give a checkpoint file with --weights.",
        )
    address = address.rstrip("/") + "/"
    pooch.get_logger().setLevel("WARNING")  # the progress bar says it better
    try:
        path = pooch.create(
            path=cache,
            base_url=address,
            registry={entry.file: f"sha256:{entry.sha256}"},
            retry_if_failed=retries,
        ).fetch(
            entry.file,
            downloader=pooch.HTTPDownloader(
                progressbar=progress or False, chunk_size=CHUNK, timeout=TIMEOUT_S
            ),
        )
    # A requests exception is an OSError as well: the order matters.
    except exceptions.RequestException as error:
        raise _download_error(entry, address, error) from None
    except ValueError as error:
        raise WeightsError(
            f"{entry.name}: {error}",
            hint=f"Check that {address}{entry.file} is the file the registry means.",
        ) from None
    except OSError as error:
        denied = isinstance(error, PermissionError)
        reason = "permission denied" if denied else error.strerror
        raise WeightsError(
            f"The weights cache {cache} cannot be written ({reason}).",
            hint=f"Set {CACHE_VARIABLE} to a folder you may write to.",
        ) from None
    return Path(path)


def _download_error(
    entry: Entry, address: str, error: exceptions.RequestException
) -> WeightsError:
    target = f"{address}{entry.file}"
    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        status, reason = error.response.status_code, error.response.reason
        return WeightsError(
            f"{entry.name}: {target} answers {status} ({reason}).",
            hint=f"Check --weights-url or {URL_VARIABLE}.",
        )
    if isinstance(error, exceptions.ChunkedEncodingError):
        return WeightsError(
            f"{entry.name}: the download of {target} broke off before its "
            f"{entry.size} bytes were there.",
            hint="Run the command again; nothing incomplete was kept.",
        )
    if isinstance(error, exceptions.Timeout):
        return WeightsError(
            f"{entry.name}: {target} gave no answer for {TIMEOUT_S} s.",
            hint="Try again later.",
        )
    if isinstance(error, exceptions.ConnectionError):
        return WeightsError(
            f"{entry.name}: the connection to {target} failed "
            f"({type(error).__name__}).",
            hint="Check the network and the address, or give a checkpoint file "
            "with --weights.",
        )
    return WeightsError(
        f"{entry.name}: {target} cannot be fetched ({error}).",
        hint=f"Set --weights-url or {URL_VARIABLE} to an http or https address.",
    )


def _is_path(name_or_path: str | Path) -> bool:
    path = Path(name_or_path)
    has_folder = len(path.parts) > 1
    return isinstance(name_or_path, Path) or (
        has_folder or path.suffix in FILE_SUFFIXES or path.exists()
    )


def _existing(path: Path) -> Path:
    if path.is_file():
        return path
    problem = "is a folder" if path.is_dir() else "does not exist"
    raise WeightsError(
        f"The weights file {path} {problem}.",
        hint="Name a .safetensors file, or one of `neuralmd weights list`.",
    )
