"""Checkpoints of others: fetched from their authors, converted, cached.

Where no SHA-256 is registered, the one seen first is pinned: `seen.json` in the cache
holds, by name of the weights, that of every original and of the checkpoint made of it.
The originals themselves are not kept.
"""

import json
import logging
import tempfile
from pathlib import Path, PurePosixPath

from neuralmd_cli.errors import OutputError, WeightsError
from neuralmd_cli.input_files import json_value
from neuralmd_cli.outputs import claimed
from neuralmd_cli.transfer import Progress
from neuralmd_cli.weights.download import (
    CACHE_HINT,
    PATIENCE_S,
    Download,
    download,
    unwritable,
)
from neuralmd_cli.weights.registry import Entry, compare, file_sha256

SEEN_FILE = "seen.json"
HYPERPARAMETERS = "hyperparameter.txt"
"""The training flags, which lie beside each of the authors' checkpoints."""

log = logging.getLogger(__name__)


def fetch_original(
    entry: Entry,
    url: str,
    cache: Path,
    *,
    progress: Progress | None = None,
    retries: int,
) -> Path:
    """Download, verify and convert an original; return the checkpoint in the cache.

    Raises:
        WeightsError: a download that failed, a file that is not the registered one or
            the one seen first, one that cannot be converted, or a cache that cannot
            be written.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (
            claimed(cache / SEEN_FILE, wait_s=PATIENCE_S),
            tempfile.TemporaryDirectory(dir=cache, prefix=".fetching-") as name,
        ):
            seen = _read_seen(cache)
            made, hashes = _converted(
                entry, url, Path(name), seen, cache, progress, retries
            )
            _write_seen(cache, seen | {entry.name: hashes})
            return made.replace(cache / entry.file)
    except OutputError as error:
        raise WeightsError(f"{entry.name}: {error.message}", hint=CACHE_HINT) from None
    except OSError as error:
        raise unwritable(cache, error) from None


def check_converted(path: Path, entry: Entry, cache: Path) -> None:
    """Compare a converted checkpoint with what was written when it was made.

    Raises:
        WeightsError: it cannot be read, was changed, or nothing is known of it.
    """
    compare(
        path, entry.name, sha256=_read_seen(cache).get(entry.name, {}).get(path.name)
    )


def pinned_sha256(entry: Entry, cache: Path) -> str | None:
    """The SHA-256 an original must have: registered, or seen first; None if neither.

    Raises:
        WeightsError: the record of what was seen is damaged.
    """
    seen = _read_seen(cache).get(entry.name, {})
    return entry.sha256 or seen.get(PurePosixPath(entry.original).name)


def _converted(
    entry: Entry,
    url: str,
    folder: Path,
    seen: dict[str, dict[str, str]],
    cache: Path,
    progress: Progress | None,
    retries: int,
) -> tuple[Path, dict[str, str]]:
    """The checkpoint made in `folder`, and the hashes of it and its originals."""
    # torch takes seconds to load, and listing weights must not wait for it.
    from neuralmd_cli.weights.published import import_published

    model = PurePosixPath(entry.original)
    flags = model.with_name(HYPERPARAMETERS)
    pins = seen.get(entry.name, {})
    hint = (
        f"It is not the file that neuralmd fetched first. If its authors replaced it, "
        f"remove {entry.name} from {cache / SEEN_FILE} and fetch it again."
    )
    parts = [
        Download(
            name=entry.name,
            url=url,
            file=str(model),
            size=entry.size,
            sha256=entry.sha256 or pins.get(model.name),
            hint="" if entry.sha256 or model.name not in pins else hint,
        ),
        Download(
            name=entry.name,
            url=url,
            file=str(flags),
            sha256=pins.get(flags.name),
            hint=hint if flags.name in pins else "",
        ),
    ]
    files = [
        download(part, folder, progress=bar, retries=retries)
        for part, bar in zip(parts, (progress, None), strict=True)
    ]
    output = folder / entry.file
    try:
        made = import_published(
            files[0], output, hyperparameters=files[1], name=entry.name
        )
    except WeightsError as error:
        raise WeightsError(
            f"{entry.name} cannot be converted, nothing was kept: {error.message}",
            hint=f"Download {parts[0].address} yourself and give it to `neuralmd "
            f"weights import`. {error.hint}",
        ) from None
    hashes = {x.name: file_sha256(x) for x in files}
    for part, file in zip(parts, files, strict=True):
        if part.sha256 is None:
            size = (
                "" if part.size is None else f" Its size, {part.size} bytes, is right."
            )
            log.warning(
                "%s: no SHA-256 is registered for %s.%s The one it has, %s, is pinned "
                "from now on.",
                entry.name,
                file.name,
                size,
                hashes[file.name],
            )
    for note in made.notes:
        log.warning("%s: %s", entry.name, note)
    return output, hashes | {entry.file: made.sha256}


def _read_seen(cache: Path) -> dict[str, dict[str, str]]:
    path = cache / SEEN_FILE
    try:
        seen = json_value(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError):
        seen = None
    if not isinstance(seen, dict) or not all(
        isinstance(x, dict) for x in seen.values()
    ):
        raise WeightsError(
            f"{path}, which holds the SHA-256 of fetched weights, cannot be read.",
            hint="Delete it; weights of unknown SHA-256 are then taken as they come, "
            "once.",
        )
    return seen


def _write_seen(cache: Path, seen: dict[str, dict[str, str]]) -> None:
    """Replace the record as a whole, so that no reader finds half of it."""
    handle = tempfile.NamedTemporaryFile(
        mode="w", encoding="utf-8", dir=cache, prefix=f".{SEEN_FILE}.", delete=False
    )
    with handle as file:
        json.dump(seen, file, indent=2, sort_keys=True)
    Path(handle.name).replace(cache / SEEN_FILE)
