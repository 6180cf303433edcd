"""An HDF5 file on a web server, opened without downloading it.

HDF5 asks for its metadata in many reads of a few hundred bytes; they are served from
blocks that come and stay whole. Data come in long ranges that are asked for beforehand,
so one complex of MISATO costs a handful of requests.
"""

import io
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py

from neuralmd_cli.dataset.fetching.host import RemoteFile
from neuralmd_cli.dataset.fetching.source import check_hdf5
from neuralmd_cli.errors import DownloadError

BLOCK = 1 << 16  # bytes
KEPT_BLOCKS = 2048
GAP = 1 << 18
"""Bytes between two ranges that are read along rather than asked around."""

Range = tuple[int, int]
"""First byte, and the one after the last."""


class RangeReader(io.RawIOBase):
    """A remote file in the shape h5py reads from.

    Bytes given to `hold` are there until `drop`; all others come in blocks, of which
    the least recently used are forgotten. For one thread.
    """

    def __init__(self, remote: RemoteFile) -> None:
        self.remote = remote
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._held: dict[int, bytes] = {}  # by first byte
        self._starts: list[int] = []
        self.hold(0, remote.beginning)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The next byte to be read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Choose the next byte to be read."""
        origin = (0, self._position, self.remote.size)[whence]
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  h5py has its own type
        """Fill the buffer as far as the file goes.

        Raises:
            DownloadError: the bytes cannot be had.
        """
        start = self._position
        stop = min(start + len(buffer), self.remote.size)
        while self._position < stop:
            piece = self._piece(self._position, stop)
            place = self._position - start
            buffer[place : place + len(piece)] = piece
            self._position += len(piece)
        return max(stop - start, 0)

    def hold(self, start: int, data: bytes) -> None:
        """Keep these bytes of the file until they are dropped."""
        if data:
            self._held[start] = data
            self._starts = sorted(self._held)

    def drop(self, starts: Iterable[int]) -> None:
        """Forget what was held from these bytes on."""
        for start in starts:
            self._held.pop(start, None)
        self._starts = sorted(self._held)

    def missing(self, ranges: Iterable[Range]) -> list[Range]:
        """What is not here of these ranges, in few pieces."""
        gone: list[Range] = []
        for start, stop in sorted(ranges):
            while start < stop:
                here = self._here_until(start)
                if here > start:
                    start = here
                    continue
                end = min(stop, self._next_held(start))
                gone.append((start, end))
                start = end
        return _joined(gone)

    def _piece(self, start: int, stop: int) -> bytes:
        held = self._held_at(start)
        if held is not None:
            offset = start - held
            return self._held[held][offset : offset + stop - start]
        first = start - start % BLOCK
        if first not in self._blocks:
            end = min(first + BLOCK, self.remote.size)
            self._blocks[first] = self.remote.read(first, end)
            if len(self._blocks) > KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(first)
        offset = start - first
        return self._blocks[first][offset : offset + stop - start]

    def _held_at(self, position: int) -> int | None:
        """Where what is held at a byte begins."""
        # Several may begin before it; the latest one need not reach it.
        for index in range(bisect_right(self._starts, position) - 1, -1, -1):
            start = self._starts[index]
            if position < start + len(self._held[start]):
                return start
        return None

    def _here_until(self, position: int) -> int:
        held = self._held_at(position)
        if held is not None:
            return held + len(self._held[held])
        first = position - position % BLOCK
        return first + len(self._blocks.get(first, b""))

    def _next_held(self, position: int) -> int:
        """The next byte after which something may be here again."""
        index = bisect_right(self._starts, position)
        block = position - position % BLOCK + BLOCK
        return min([block, *self._starts[index : index + 1]])


@contextmanager
def open_remote(remote: RemoteFile) -> Iterator[tuple[h5py.File, RangeReader]]:
    """The remote file as h5py sees it.

    Raises:
        DownloadError: it is no HDF5 file or a truncated one, or the server cannot
            send parts of it.
    """
    check_hdf5(remote)
    if not remote.has_ranges:
        raise DownloadError(
            f"{remote.url}: the server sends no parts of files (no range requests), "
            "so single complexes cannot be read.",
            hint="Download the whole file with `neuralmd data fetch misato-all`, or "
            "use a mirror that knows range requests with --url.",
        )
    reader = RangeReader(remote)
    try:
        file = h5py.File(reader, "r")
    except OSError as error:
        truncated = "truncated" in str(error)
        problem = "is truncated" if truncated else "is damaged"
        raise DownloadError(
            f"{remote.url} {problem}: HDF5 cannot open its {remote.size} bytes "
            f"({error}).",
            hint="The file at the host is incomplete; use another with --url.",
        ) from None
    with file:
        yield file, reader


def _joined(ranges: list[Range]) -> list[Range]:
    """Neighbouring ranges as one; `ranges` are sorted."""
    joined: list[Range] = []
    for start, stop in ranges:
        if joined and start - joined[-1][1] <= GAP:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined
