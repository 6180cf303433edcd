"""Some complexes of a remote file, read by range requests into a local file.

What an interrupted run has is kept in a hidden folder beside the output,
`.NAME.fetching`, one file a complex, until the output is complete.
"""

import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import h5py

from neuralmd_cli.dataset.fetching.copying import Copier, DamagedComplex, Job
from neuralmd_cli.dataset.fetching.host import CONNECTIONS, RemoteFile
from neuralmd_cli.dataset.fetching.remote import open_remote
from neuralmd_cli.dataset.fetching.source import (
    MISATO,
    Fetched,
    check_source,
    check_space,
    listed,
    unwritable,
    work_folder,
)
from neuralmd_cli.errors import DownloadError, InputError, NeuralMDError, OutputError
from neuralmd_cli.hdf5 import writing_hdf5

Report = Callable[[int, int, int], None]
"""Told complexes done, complexes in all, and bytes read; from any thread."""


def fetch_complexes(
    ids: Sequence[str],
    output: Path,
    *,
    url: str,
    report: Report = lambda done, total, n_bytes: None,
) -> Fetched:
    """Write a file in MISATO's layout with exactly these complexes, in this order.

    An interrupted call is continued by the next one with the same output.

    Raises:
        InputError: ids that are not in the remote file; all are named.
        DownloadError: the remote file cannot be had, is damaged, or changed since an
            earlier run; the complexes that came are kept.
        OutputError: the output cannot be written, or is another file already.
    """
    started = time.monotonic()
    if output.exists():
        return _already_there(ids, output, url)
    folder = work_folder(output)
    todo = [x for x in ids if not _piece(folder, x).is_file()]
    done = len(ids) - len(todo)

    tally = _Tally(report=report, total=len(ids), done=done)
    with RemoteFile(url, tally.bytes_came) as remote:
        check_source(remote, folder)
        mean = MISATO.size / MISATO.n_complexes if remote.size == MISATO.size else 0.0
        # Twice: the complexes by themselves, then the file made of them.
        check_space(folder, int(mean * (len(todo) + len(ids))), output.name)
        if todo:
            _copy(todo, folder, remote, tally)
        try:
            _assemble(ids, folder, output, remote)
        except OSError as error:
            raise unwritable(output, error) from None
        return Fetched(
            path=output,
            url=url,
            complexes=len(ids),
            kept=done,
            bytes_read=remote.n_bytes,
            remote_bytes=remote.size,
            requests=remote.n_requests,
            seconds=time.monotonic() - started,
        )


@dataclass(kw_only=True)
class _Tally:
    """How far the fetch is, for the report."""

    report: Report
    total: int
    done: int  # complexes
    n_bytes: int = 0

    def bytes_came(self, n_bytes: int) -> None:
        """So many in all, by now."""
        self.n_bytes = n_bytes
        self.report(self.done, self.total, n_bytes)

    def complex_came(self) -> None:
        """One more."""
        self.done += 1
        self.report(self.done, self.total, self.n_bytes)


def _copy(ids: Sequence[str], folder: Path, remote: RemoteFile, tally: _Tally) -> None:
    pool = ThreadPoolExecutor(CONNECTIONS)
    try:
        with open_remote(remote) as (file, reader):
            # Few requests more: what is read for this is needed again below.
            absent = [x for x in ids if not file.id.links.exists(x.encode())]
            if absent:
                raise InputError(
                    f"{listed(absent)} {'is' if len(absent) == 1 else 'are'} not in "
                    f"{remote.url}.",
                    hint="Check the ids, and that the address is that of the MD file.",
                )
            problems = _copy_each(
                ids, folder, Copier(file, reader, remote, pool), tally
            )
    finally:
        remote.stop()
        pool.shutdown(wait=False, cancel_futures=True)
    if problems:
        raise DownloadError(
            f"{len(problems)} of {len(ids)} complexes cannot be used. "
            + " ".join(x.message for x in problems[:5]),
            hint="The others are kept: run the command again, or with a list (a file, "
            "one id a line) that leaves these out and the same -o.",
        )


def _copy_each(
    ids: Sequence[str], folder: Path, copier: Copier, tally: _Tally
) -> list[NeuralMDError]:
    """Copy complexes, the next ones under way meanwhile; return what went wrong."""
    problems: list[NeuralMDError] = []
    under_way: deque[Job] = deque()
    waiting = deque(ids)
    while waiting or under_way:
        try:
            if waiting and len(under_way) < CONNECTIONS:
                under_way.append(copier.begin(waiting.popleft()))
                continue
            job = under_way.popleft()
            path = _piece(folder, job.name)
            part = path.with_suffix(".part")
            copier.finish(job, part)
            part.replace(path)
            tally.complex_came()
        except DamagedComplex as problem:
            problems.append(problem)
        except OSError as error:
            raise unwritable(folder, error) from None
    return problems


def _assemble(
    ids: Sequence[str], folder: Path, output: Path, remote: RemoteFile
) -> None:
    whole = folder / "whole.part"
    pieces = {x: _piece(folder, x) for x in ids}
    n_bytes = sum(x.stat().st_size for x in pieces.values())
    check_space(folder, n_bytes, output.name)
    with writing_hdf5(whole) as (file, check):
        file.attrs["source_url"] = remote.url
        for name, path in pieces.items():
            try:
                piece = h5py.File(path, "r")
            except OSError:
                path.unlink()
                raise DownloadError(
                    f"What was fetched of {name} is damaged.",
                    hint="Run the command again; it is fetched anew.",
                ) from None
            with piece:
                file.copy(piece[name], file, name=name)
            check()
    os.replace(whole, output)
    shutil.rmtree(folder, ignore_errors=True)


def _already_there(ids: Sequence[str], output: Path, url: str) -> Fetched:
    try:
        with h5py.File(output, "r") as file:
            n_there = len(file)
            lacking = [x for x in ids if x not in file]
    except OSError:
        n_there, lacking = 0, list(ids)
    if lacking:
        raise OutputError(
            f"{output} is there already and does not hold {listed(lacking)}.",
            hint="Choose another name with -o, or move that file away.",
        )
    return Fetched(
        path=output,
        url=url,
        complexes=n_there,
        kept=n_there,
        bytes_read=0,
        remote_bytes=0,
        requests=0,
        seconds=0.0,
    )


def _piece(folder: Path, name: str) -> Path:
    return folder / f"{name}.hdf5"
