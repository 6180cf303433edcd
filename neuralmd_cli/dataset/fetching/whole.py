"""All of MISATO's MD file: downloaded once, continued if need be, and verified."""

import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pooch

from neuralmd_cli.dataset.fetching.host import RemoteFile
from neuralmd_cli.dataset.fetching.source import (
    Fetched,
    Source,
    check_hdf5,
    check_source,
    check_space,
    unwritable,
    work_folder,
)
from neuralmd_cli.errors import DownloadError, OutputError
from neuralmd_cli.transfer import Progress

PART, WHOLE = "whole.part", "whole.hdf5"

log = logging.getLogger(__name__)


def fetch_whole(
    output: Path,
    *,
    url: str,
    source: Source,
    progress: Progress | None = None,
    notify: Callable[[str], None] = log.info,
) -> Fetched:
    """Download the file and compare its MD5; go on where an earlier call stopped.

    Args:
        url: of the file or a mirror of it.
        notify: told what takes long and shows no progress.

    Raises:
        DownloadError: the file cannot be had, is another one, or changed since an
            earlier run; what came of it is kept unless its MD5 is wrong.
        OutputError: there is not enough space, or the output cannot be written or is
            another file already.
    """
    started = time.monotonic()
    if output.exists():
        _check_existing(output, source, notify)
        n_read = n_requests = 0
    else:
        folder = work_folder(output)
        with RemoteFile(url) as remote:
            _begin(remote, folder, output, source)
            resuming = _Resuming(
                remote=remote,
                part=folder / PART,
                progress=progress,
                notify=notify,
            )
            try:
                _download(resuming, folder, output, source)
            except OSError as error:
                raise unwritable(output, error) from None
            n_read, n_requests = remote.n_bytes, remote.n_requests
    return Fetched(
        path=output,
        url=url,
        complexes=source.n_complexes,
        kept=source.n_complexes if not n_requests else 0,
        bytes_read=n_read,
        remote_bytes=source.size,
        requests=n_requests,
        seconds=time.monotonic() - started,
    )


@dataclass(frozen=True, kw_only=True)
class _Resuming:
    """A downloader of pooch's that keeps what it has and goes on from there."""

    remote: RemoteFile
    part: Path
    progress: Progress | None
    notify: Callable[[str], None]

    def __call__(self, url: str, output_file: str, pooch_: object) -> None:
        start = self.part.stat().st_size if self.part.exists() else 0
        if start and not self.remote.has_ranges:
            log.warning("%s: the server cannot continue a download.", self.remote.url)
            start = 0
        if self.progress is not None:
            self.progress.total = self.remote.size
            self.progress.update(start)
        with self.part.open("ab" if start else "wb") as file:
            for piece in self.remote.stream(start, self.remote.size):
                file.write(piece)
                if self.progress is not None:
                    self.progress.update(len(piece))
        if self.progress is not None:
            self.progress.close()
        os.replace(self.part, output_file)
        self.notify(_hashing(self.remote.size))


def _begin(remote: RemoteFile, folder: Path, output: Path, source: Source) -> None:
    """Refuse before the work what cannot end well."""
    check_hdf5(remote)
    if remote.size != source.size:
        raise DownloadError(
            f"{remote.url} has {remote.size} bytes instead of {source.size}.",
            hint="It is not the MISATO file that neuralmd knows. Use another address "
            "with --url.",
        )
    check_source(remote, folder)
    part = folder / PART
    have = part.stat().st_size if part.exists() else 0
    check_space(folder, source.size - have, output.name)


def _download(resuming: _Resuming, folder: Path, output: Path, source: Source) -> None:
    pooch.get_logger().setLevel("WARNING")  # the progress bar says it better
    try:
        whole = pooch.retrieve(
            resuming.remote.url,
            known_hash=f"md5:{source.md5}",
            fname=WHOLE,
            path=folder,
            downloader=resuming,
        )
    except ValueError as error:
        raise DownloadError(
            f"{resuming.remote.url} was downloaded, but its MD5 is wrong: {error}",
            hint="Run the command again, it starts anew; if it stays so, use another "
            "address with --url.",
        ) from None
    os.replace(whole, output)
    shutil.rmtree(folder, ignore_errors=True)


def _check_existing(
    output: Path, source: Source, notify: Callable[[str], None]
) -> None:
    """Refuse to overwrite, or take for MISATO, what is another file."""
    size = output.stat().st_size
    if size == source.size:
        notify(_hashing(size))
        if pooch.file_hash(str(output), alg="md5") == source.md5:
            return
        problem = "its MD5 is wrong"
    else:
        problem = f"it has {size} bytes instead of {source.size}"
    raise OutputError(
        f"{output} is there already and is not MISATO's MD file: {problem}.",
        hint="Choose another name with -o, or move that file away.",
    )


def _hashing(size: int) -> str:
    return f"Comparing the MD5 checksum of {size / 1e9:.1f} GB"
