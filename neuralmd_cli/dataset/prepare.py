"""A file in MISATO's layout to a compact store: one pass, in several processes."""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path

import torch

from neuralmd_cli.dataset.entry import Entry, entry_of
from neuralmd_cli.dataset.quality import measure
from neuralmd_cli.dataset.store import (
    COMPLEXES,
    Manifest,
    Source,
    Store,
    put_together,
    write_part,
)
from neuralmd_cli.dataset.stored_entry import read_entry
from neuralmd_cli.errors import InputError, NeuralMDError, OutputError
from neuralmd_cli.hdf5 import h5py
from neuralmd_cli.misato import read, recording_names
from neuralmd_cli.outputs import claimed

FEW = 8
"""Up to so many complexes, starting other processes takes longer than the work."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a pass did."""

    manifest: Manifest
    made: tuple[str, ...]  # in this pass
    kept: tuple[str, ...]  # were there from an earlier one
    failed: Mapping[str, str]  # why not, by name
    excluded: Mapping[str, tuple[str, ...]]  # flags of those left out, by name
    flagged: Mapping[str, tuple[str, ...]]  # flags of those in the store, by name


def prepare(
    source: Path,
    output: Path,
    *,
    names: Sequence[str] | None = None,
    all_atom: bool = False,
    exclude_flagged: bool = False,
    workers: int = 1,
    on_start: Callable[[str, int], None] = lambda stage, total: None,
    on_entry: Callable[[], None] = lambda: None,
) -> Summary:
    """Make a store, or bring one up to date with its source.

    Each complex becomes a file in `<output>.parts`, and at the end all go into the
    store together. A pass that was interrupted, at whatever moment, leaves whole parts,
    and the next one makes only those that are missing. A complex that cannot be read is
    left out and named; the next pass tries it again.

    Args:
        source: file in MISATO's layout.
        output: the store.
        names: complexes to take; all without it.
        all_atom: keep the protein's heavy atoms in every snapshot.
        exclude_flagged: leave out complexes with a flag (see `quality`).
        workers: processes that read; the result does not depend on it.
        on_start: told the stage and how many complexes it has.
        on_entry: told after each of them.

    Raises:
        InputError: the source cannot be opened or lacks one of `names`, no complex is
            left, or the store was made otherwise.
        OutputError: the store or its parts cannot be written, or another process
            is writing them.
    """
    with claimed(output):
        return _prepared(
            source,
            output,
            _wanted(source, names),
            all_atom=all_atom,
            exclude_flagged=exclude_flagged,
            workers=workers,
            on_start=on_start,
            on_entry=on_entry,
        )


def _prepared(
    source: Path,
    output: Path,
    wanted: list[str],
    *,
    all_atom: bool,
    exclude_flagged: bool,
    workers: int,
    on_start: Callable[[str, int], None],
    on_entry: Callable[[], None],
) -> Summary:
    """As `prepare`, for an output that is ours."""
    before = _entries_before(output, source, wanted, all_atom)
    parts = output.with_name(output.name + ".parts")
    with _writable(parts):
        parts.mkdir(exist_ok=True)
        for leftover in parts.glob("*.tmp"):
            leftover.unlink()
    ready = _parts_before(parts, wanted, source, all_atom)
    todo = [x for x in wanted if x not in before and x not in ready]
    on_start("complexes", len(todo))
    job = partial(_make_part, source, parts, all_atom)
    made: dict[str, Source] = {}
    failed: dict[str, str] = {}
    flags = {name: found for name, (_, found) in (before | ready).items()}
    for result in _results(job, todo, workers, parts):
        if isinstance(result, _Made):
            made[result.name] = result.source
            flags[result.name] = result.flags
        else:
            failed[result.name] = result.message
        on_entry()
    sources = {name: place for name, (place, _) in (before | ready).items()} | made
    excluded = {x: flags[x] for x in sorted(sources) if flags[x] and exclude_flagged}
    kept = {x: place for x, place in sources.items() if x not in excluded}
    if not kept:
        raise _nothing_left(source, failed, excluded)
    manifest = _finish(output, kept, all_atom, on_start, on_entry)
    shutil.rmtree(parts, ignore_errors=True)
    return Summary(
        manifest=manifest,
        made=tuple(x for x in wanted if x in made and x not in excluded),
        kept=tuple(sorted(x for x in kept if x not in made)),
        failed=dict(sorted(failed.items())),
        excluded=excluded,
        flagged={x: flags[x] for x in sorted(kept) if flags[x]},
    )


def _wanted(source: Path, names: Sequence[str] | None) -> list[str]:
    """The complexes to take, in the file's order."""
    there = recording_names(source)
    if names is None:
        return there
    by_upper = {x.upper(): x for x in there}
    missing = [x for x in names if x.upper() not in by_upper]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise InputError(
            f"{source.name} lacks {', '.join(missing[:5])}{more} of the {len(names)} "
            "complexes asked for.",
            hint="Take their names off the list, or get a file that has them.",
        )
    chosen = {by_upper[x.upper()] for x in names}
    return [x for x in there if x in chosen]


Known = dict[str, tuple[Source, tuple[str, ...]]]
"""Where an entry is that need not be made again, and its flags."""


def _entries_before(
    output: Path, source: Path, wanted: Sequence[str], all_atom: bool
) -> Known:
    """All entries of a store that is there already."""
    if not output.exists():
        return {}
    with Store(output) as store:
        if store.manifest.all_atom != all_atom:
            kind = "keeps" if store.manifest.all_atom else "does not keep"
            raise InputError(
                f"{output.name} is there already and {kind} all atoms.",
                hint="Choose another --output, or "
                f"{'give' if store.manifest.all_atom else 'leave out'} --all-atom.",
            )
        known: Known = {}
        again = set(wanted)
        for name, sha256 in store.manifest.sha256.items():
            facts = store.facts(name)
            if name in again and facts["source"] != source.name:
                raise InputError(
                    f"{output.name} is there already and holds {name} from "
                    f"{facts['source']}, not from {source.name}.",
                    hint="Choose another --output.",
                )
            place = Source(path=output, group=f"{COMPLEXES}/{name}", sha256=sha256)
            known[name] = (place, tuple(facts["flags"]))
    return known


def _parts_before(
    parts: Path, wanted: Sequence[str], source: Path, all_atom: bool
) -> Known:
    """The parts an interrupted pass over the same file has left, each one intact."""
    known: Known = {}
    for name in wanted:
        path = _part_path(parts, name)
        if not path.exists():
            continue
        try:
            with h5py.File(path, "r") as file:
                entry = read_entry(file[name], name, path.name)
                sha256 = str(file.attrs["sha256"])
        except (OSError, KeyError, InputError):
            continue
        is_ours = entry.facts["source"] == source.name
        if is_ours and _is_all_atom(entry) == all_atom and entry.digest() == sha256:
            place = Source(path=path, group=name, sha256=sha256)
            known[name] = (place, entry.flags)
    return known


def _is_all_atom(entry: Entry) -> bool:
    return len(entry.arrays["protein_positions"]) == len(entry.arrays["frames"])


@dataclass(frozen=True, kw_only=True)
class _Made:
    """A part that was written."""

    name: str
    source: Source
    flags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Failed:
    """A complex that could not be read."""

    name: str
    message: str


def _make_part(source: Path, parts: Path, all_atom: bool, name: str) -> _Made | _Failed:
    """Read, check and measure one complex and write its part."""
    try:
        reading = read(source, name)
    except NeuralMDError as error:
        return _Failed(name=name, message=error.message)
    entry = entry_of(
        reading.recording, measure(reading), source=source.name, all_atom=all_atom
    )
    path = _part_path(parts, name)
    write_part(path, entry)
    place = Source(path=path, group=name, sha256=entry.digest())
    return _Made(name=name, source=place, flags=entry.flags)


def _part_path(parts: Path, name: str) -> Path:
    return parts / f"{name}.h5"


def _results(
    job: Callable[[str], _Made | _Failed],
    names: Sequence[str],
    workers: int,
    parts: Path,
) -> Iterator[_Made | _Failed]:
    """What the job gives for each name, in whatever order it gets done."""
    with _writable(parts), _one_thread():
        if workers == 1 or len(names) <= FEW:
            yield from map(job, names)
            return
        # A fresh process inherits no lock and no open file, as a forked one would.
        pool = ProcessPoolExecutor(
            min(workers, len(names)),
            mp_context=get_context("spawn"),
            initializer=_start_worker,
        )
        try:
            futures: list[Future[_Made | _Failed]] = [
                pool.submit(job, name) for name in names
            ]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise OutputError(
                "A worker process was ended from outside; most often memory ran out.",
                hint="Run the same command again with fewer --workers; it goes on "
                "where it was.",
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Compute in one thread, leave Ctrl-C to the parent, and end when it does."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    # A killed parent cannot tell its workers; they would wait for work for ever.
    threading.Thread(target=follow, daemon=True).start()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums are rounded alike in every process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _writable(parts: Path) -> Iterator[None]:
    """Say what hinders writing."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{parts} cannot be written: {error.strerror or error}.",
            hint="Check that the disk has space left and the folder may be written to; "
            "the same command then goes on where it was.",
        ) from error


def _finish(
    output: Path,
    sources: Mapping[str, Source],
    all_atom: bool,
    on_start: Callable[[str, int], None],
    on_entry: Callable[[], None],
) -> Manifest:
    """Put the store together, unless the one that is there holds just these."""
    if output.exists():
        with Store(output) as store:
            if store.manifest.names == tuple(sorted(sources)):
                return store.manifest
    on_start("putting together", len(sources))
    return put_together(output, sources, all_atom=all_atom, on_entry=on_entry)


def _nothing_left(
    source: Path, failed: Mapping[str, str], excluded: Mapping[str, tuple[str, ...]]
) -> InputError:
    """Why there is no store to write."""
    if failed:
        reason = next(iter(failed.values()))
        why = f"{len(failed)} cannot be read. The first: {reason}"
    elif excluded:
        name, flags = next(iter(excluded.items()))
        why = f"{len(excluded)} are flagged. The first: {name}, {flags[0]}."
    else:
        why = "it holds none."
    return InputError(
        f"{source.name}: no complex is left for the store: {why}",
        hint="`neuralmd data inspect` shows what is wrong with each.",
    )
