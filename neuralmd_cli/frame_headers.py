"""The headers of DCD, XTC and TRR frames, checked before C code trusts them.

The libraries that read these formats take what a header says for granted: a wrong
number of atoms or bytes ends the whole program.
"""

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from neuralmd_cli.errors import InputError
from neuralmd_cli.units import PS_PER_AKMA

XTC_MAGIC, TRR_MAGIC = 1995, 1993
_XTC_HEAD, _XTC_PACKED = 56, 36  # bytes
_XTC_FEW = 9
"""Up to so many atoms an XTC frame is not packed."""
_XTC_SMALL = range(9, 73)
"""The table that XTC packs by has no other rows."""
_XTC_MOST_BYTES = 3 * 4 * 1.2
"""Per atom; the reader has no room for more."""


def check_headers(path: Path, n_atoms: int, top: Path) -> None:
    """Walk through the frames of a trajectory without reading what they hold.

    Args:
        path: a trajectory; formats other than DCD, XTC and TRR are not looked at.
        n_atoms: that each frame should have.
        top: the topology that says so.

    Raises:
        InputError: with the number of the first frame whose header is wrong.
    """
    try:
        _check_frames(path, n_atoms)
    except _OtherAtomsError as error:
        raise InputError(
            f"{path.name} has {error.found} atoms per frame, {top.name} has {n_atoms}.",
            hint="Give the topology the trajectory was written with: --top.",
        ) from None


def count_xtc_frames(path: Path, n_atoms: int) -> int:
    """Frames of an XTC file, by its headers.

    Raises:
        InputError: one is not whole.
    """
    with path.open("rb") as file:
        return _walk(_xtc_frame, file, path, n_atoms)


def _check_frames(path: Path, n_atoms: int) -> None:
    """As `check_headers`.

    Raises:
        _OtherAtomsError: the first frame has another number of atoms.
    """
    walks: dict[str, Callable[[BinaryIO, int, int], int]] = {
        ".xtc": _xtc_frame,
        ".trr": _trr_frame,
    }
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        if suffix == ".dcd":
            _check_dcd(file, path.stat().st_size, n_atoms, path)
        elif suffix in walks:
            _walk(walks[suffix], file, path, n_atoms)


def _walk(
    step: Callable[[BinaryIO, int, int], int], file: BinaryIO, path: Path, n_atoms: int
) -> int:
    """From header to header; how many there are.

    Raises:
        _OtherAtomsError: as `_check_frames`.
    """
    size = path.stat().st_size
    at = done = 0
    while at < size:
        file.seek(at)
        try:
            at += step(file, size - at, n_atoms)
        except (_WrongError, struct.error) as error:
            if not done and isinstance(error, _OtherAtomsError):
                raise
            raise _damaged(path, done, str(error) or "it ends early") from None
        done += 1
    return done


class _WrongError(Exception):
    """What is wrong with a header, in a few words."""


class _OtherAtomsError(_WrongError):
    """Another number of atoms, which in a first frame tells of another topology."""

    def __init__(self, found: int, wanted: int) -> None:
        super().__init__(f"its next frame has {found} atoms, not {wanted}")
        self.found = found


def _damaged(path: Path, done: int, why: str) -> InputError:
    return InputError(
        f"{path.name} is damaged or cut off after {done} readable frames: {why}.",
        hint="Write or copy the file again.",
    )


def _atoms(found: int, wanted: int) -> None:
    if found != wanted:
        raise _OtherAtomsError(found, wanted)


def _xtc_frame(file: BinaryIO, left: int, n_atoms: int) -> int:
    """Bytes of the frame that begins here."""
    head = file.read(_XTC_HEAD)
    magic, atoms, _, _, *_, again = struct.unpack(">3i10fi", head)
    if magic != XTC_MAGIC:
        raise _WrongError("its next frame has no header")
    _atoms(atoms, n_atoms)
    _atoms(again, n_atoms)
    if n_atoms <= _XTC_FEW:
        return _whole(_XTC_HEAD + 12 * n_atoms, left)
    precision, *corners, small, n_bytes = struct.unpack(">f8i", file.read(_XTC_PACKED))
    low, high = corners[:3], corners[3:]
    spans = [b - a for a, b in zip(low, high, strict=True)]
    if not 0 < precision < 1e9 or not all(0 <= x < 2**31 for x in spans):
        raise _WrongError("its next frame has a header that is no header")
    if small not in _XTC_SMALL or not 0 <= n_bytes <= n_atoms * _XTC_MOST_BYTES:
        raise _WrongError("its next frame is packed in no way there is")
    return _whole(_XTC_HEAD + _XTC_PACKED + (n_bytes + 3) // 4 * 4, left)


def _trr_frame(file: BinaryIO, left: int, n_atoms: int) -> int:
    """Bytes of the frame that begins here."""
    magic, length, text = struct.unpack(">3i", file.read(12))
    if magic != TRR_MAGIC or not 0 <= text <= 80 or length != text + 1:
        raise _WrongError("its next frame has no header")
    file.seek((text + 3) // 4 * 4, os.SEEK_CUR)
    sizes = struct.unpack(">10i", file.read(40))
    (atoms,) = struct.unpack(">i", file.read(4))
    _atoms(atoms, n_atoms)
    *others, x, v, f = sizes
    box = others[2]
    real = 8 if x == 24 * n_atoms or box == 72 else 4
    whole = 3 * real * n_atoms
    good = box in (0, 9 * real) and all(y in (0, whole) for y in (x, v, f))
    if not good or others[0] or others[1] or any(others[3:]) or x != whole:
        raise _WrongError("its next frame has parts of no size there is")
    head = 12 + (text + 3) // 4 * 4 + 44 + 8 + 2 * real
    return _whole(head + box + x + v + f, left)


def _whole(size: int, left: int) -> int:
    if size > left:
        raise _WrongError("its last frame is cut short")
    return size


def _check_dcd(file: BinaryIO, size: int, n_atoms: int, path: Path) -> None:
    """Header, title and the marks around the records of every frame."""
    try:
        head = _dcd_head(file)
        _atoms(head.atoms, n_atoms)
    except _OtherAtomsError:
        raise
    except (_WrongError, struct.error) as error:
        raise _damaged(path, 0, str(error) or "it ends within its header") from None
    if head.fixed:
        return  # only the first frame has all atoms; the reader knows how many
    records = [48] * head.cells + [4 * n_atoms] * (3 + head.fourth)
    at, done = head.length, 0
    while at < size:
        try:
            at += _dcd_frame(file, at, size, head.order, records)
        except (_WrongError, struct.error) as error:
            raise _damaged(path, done, str(error) or "it ends early") from None
        done += 1


@dataclass(frozen=True, kw_only=True)
class _DCDHead:
    order: str  # of bytes
    length: int  # bytes
    atoms: int
    fixed: int  # atoms
    cells: bool  # each frame has one
    fourth: bool  # each frame has a fourth axis


def _dcd_head(file: BinaryIO) -> _DCDHead:
    head = file.read(92)
    order = "<" if head[:4] == struct.pack("<i", 84) else ">"
    if len(head) < 92 or struct.unpack_from(order + "i", head, 88) != (84,):
        raise _WrongError("it has no DCD header")
    (fixed,) = struct.unpack_from(order + "i", head, 40)
    (text,) = struct.unpack(order + "i", file.read(4))
    if not 4 <= text <= 10**6 or (text - 4) % 80:
        raise _WrongError("it has no DCD title")
    (lines,) = struct.unpack(order + "i", file.read(4))
    file.seek(text - 4, os.SEEK_CUR)
    again, mark, atoms, mark_again = struct.unpack(order + "4i", file.read(16))
    if again != text or lines * 80 + 4 != text or (mark, mark_again) != (4, 4):
        raise _WrongError("it has no DCD title")
    if not 0 <= fixed <= max(atoms, 0):
        raise _WrongError(f"it claims {fixed} fixed atoms")
    # X-PLOR's files have neither a version nor what it allows.
    cells, fourth, *_, version = struct.unpack_from(order + "10i", head, 48)
    return _DCDHead(
        order=order,
        length=92 + 8 + text + 12,
        atoms=atoms,
        fixed=fixed,
        cells=bool(version and cells),
        fourth=bool(version and fourth),
    )


def _dcd_frame(
    file: BinaryIO, at: int, size: int, order: str, records: Sequence[int]
) -> int:
    """Bytes of the frame that begins here, whose records have these lengths."""
    start = at
    for wanted in records:
        file.seek(at)
        (length,) = struct.unpack(order + "i", file.read(4))
        if length != wanted:
            raise _WrongError("its next frame has records of another length")
        if at + length + 8 > size:
            raise _WrongError("its last frame is cut short")
        file.seek(at + 4 + length)
        if struct.unpack(order + "i", file.read(4)) != (length,):
            raise _WrongError("its next frame has a record that does not end")
        at += length + 8
    return at - start


def dcd_times(path: Path) -> tuple[int, float, float]:
    """Frames a DCD header promises, time of the first and interval, ps.

    Both byte orders; X-PLOR writes the step as double, CHARMM and we as float. The
    times are NaN if the header has another form than the one everybody writes.
    """
    with path.open("rb") as file:
        head = file.read(92)
    for order in "<>":
        if head[:8] == struct.pack(order + "i", 84) + b"CORD" and len(head) == 92:
            frames, start, every = struct.unpack(order + "3i", head[8:20])
            charmm = struct.unpack(order + "i", head[84:88])[0] != 0
            (delta,) = struct.unpack_from(order + ("f" if charmm else "d"), head, 44)
            every = max(every, 1)
            if (start, every, delta) == (0, 1, 1.0):
                return frames, np.nan, np.nan  # what mdtraj writes, whatever the times
            # float32 has seven digits: what is beyond them is noise
            interval = float(f"{delta * every * PS_PER_AKMA:.7g}")
            return frames, interval * start / every, interval
    return 0, np.nan, np.nan
