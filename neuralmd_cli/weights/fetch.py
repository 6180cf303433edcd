"""From a name to a verified file: bundled, in the cache, or downloaded.

`NEURALMD_WEIGHTS_URL` or `--weights-url` names the folder on the web that holds the
registered files. Our own have no other address; others' come from their authors.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pooch

from neuralmd_cli.errors import WeightsError
from neuralmd_cli.models.names import DEFAULT_MODEL
from neuralmd_cli.transfer import Progress
from neuralmd_cli.weights.download import RETRIES, Download, download
from neuralmd_cli.weights.originals import check_converted, fetch_original
from neuralmd_cli.weights.registry import Entry, Registry, check_file, load_registry

URL_VARIABLE = "NEURALMD_WEIGHTS_URL"
CACHE_VARIABLE = "NEURALMD_CACHE"
FILE_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".pkl", ".bin")


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
    model: str = DEFAULT_MODEL,
    url: str | None = None,
    registry: Registry | None = None,
    progress: Progress | None = None,
) -> Path:
    """The checkpoint file meant by a registered name or a path, verified.

    Args:
        name_or_path: a registered name goes before a file of that name; by default
            the registry's default weights of the model.
        model: whose default is meant.
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
        entry = registry.default(model)
    elif str(name_or_path) not in names and _is_path(name_or_path):
        return _existing(Path(name_or_path))
    else:
        entry = registry.entry(str(name_or_path))
    location = locate(entry, registry)
    if location.path is None:
        return fetch(entry, url=url, progress=progress)
    try:
        check(location.path, entry)
    except WeightsError:
        if location.where == "bundled" or not base_url(entry, url):
            raise
        return fetch(entry, url=url, progress=progress)
    return location.path


def base_url(entry: Entry, url: str | None = None) -> str | None:
    """The download address in force: given, set, or the registered one, if any."""
    return url or os.environ.get(URL_VARIABLE) or entry.url or None


def check(path: Path, entry: Entry) -> None:
    """Compare a file on this machine with what was registered or written for it.

    Raises:
        WeightsError: it cannot be read, or is another file.
    """
    if entry.original:
        check_converted(path, entry, cache_dir())
    else:
        check_file(path, entry)


def fetch(
    entry: Entry,
    *,
    url: str | None = None,
    progress: Progress | None = None,
    retries: int = RETRIES,
) -> Path:
    """Download an entry to the cache unless it is there already, and verify it.

    Raises:
        WeightsError: no address, no network, an error of the server, an interrupted
            or wrong download, or a cache that cannot be written.
    """
    address, cache = base_url(entry, url), cache_dir()
    if address is None:
        raise WeightsError(
            f"{entry.name} is neither bundled nor in the cache ({cache}), "
            "and no download address is set.",
            hint=f"Set {URL_VARIABLE} or --weights-url to the web folder that holds "
            f"{entry.file}, or give a checkpoint file with --weights.",
        )
    if entry.original:
        with contextlib.suppress(WeightsError):
            check(cache / entry.file, entry)
            return cache / entry.file
        return fetch_original(entry, address, cache, progress=progress, retries=retries)
    what = Download(
        name=entry.name,
        url=address,
        file=entry.file,
        size=entry.size,
        sha256=entry.sha256,
    )
    return download(what, cache, progress=progress, retries=retries)


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
