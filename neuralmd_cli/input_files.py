"""What every reader asks of a file first: that it is one, whole, and of a sane size."""

import errno
import json
import stat
import tomllib
import zlib
from pathlib import Path
from typing import Any

from neuralmd_cli.errors import InputError

MOST_BYTES = 512 * 2**20
"""Of a file that is read into memory at once, unpacked. The largest structures of the
Protein Data Bank, virus capsids as mmCIF, have about half of it."""
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_GZIP = 31  # zlib's number for data with gzip's header
_PIECE = 1 << 20


def check_regular(path: Path) -> None:
    """Refuse pipes and devices: they may never end, and cannot be read twice.

    What is not there, or a folder, is left to the reader, which knows what it wanted.

    Raises:
        InputError: the path is a pipe, a socket or a device.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(
                f"{str(path)[:60]}...: no file has a name this long.",
                hint="Check the path.",
            ) from None
        return
    except ValueError:
        return
    for is_kind, name in _KINDS:
        if is_kind(mode):
            raise InputError(
                f"{path} is {name}, not a file.",
                hint="Write what it gives to a file, and name that.",
            )


def check_size(path: Path, most: int = MOST_BYTES) -> None:
    """Refuse a file that is too large to be what is read into memory at once.

    Raises:
        InputError: it is larger than `most` bytes.
    """
    size = path.stat().st_size
    if size > most:
        raise _too_large(path, f"has {size / 2**20:.0f} MB", most)


def unzipped(data: bytes, path: Path, most: int = MOST_BYTES) -> bytes:
    """What gzip data unpack to, all parts of them.

    Raises:
        InputError: more than `most` bytes; a small file may unpack to terabytes.
        zlib.error, EOFError: the data are damaged, or cut short.
    """
    parts, total = [], 0
    while data:
        unpacker = zlib.decompressobj(_GZIP)
        while not unpacker.eof:
            piece = unpacker.decompress(data, _PIECE)
            if not piece and not unpacker.unconsumed_tail and not unpacker.eof:
                raise EOFError("it ends before its end-of-stream mark")
            total += len(piece)
            if total > most:
                raise _too_large(path, "unpacks to more", most)
            parts.append(piece)
            data = unpacker.unconsumed_tail
        # Zeros may pad the end of a file, as on a tape.
        data = unpacker.unused_data.lstrip(b"\0")
    return b"".join(parts)


def json_value(text: str | bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """What a JSON text means.

    Raises:
        ValueError: it is no JSON, not UTF-8, or nested deeper than can be followed.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def toml_tables(text: str) -> dict[str, Any]:
    """What a TOML text means.

    Raises:
        tomllib.TOMLDecodeError: it is no TOML, or nested deeper than can be followed.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("it is nested too deep") from None
    except (ValueError, OverflowError) as error:
        if isinstance(error, tomllib.TOMLDecodeError):
            raise
        # Dates that are none, and whole numbers of more digits than Python converts.
        raise tomllib.TOMLDecodeError(str(error)) from None


def _too_large(path: Path, what: str, most: int) -> InputError:
    return InputError(
        f"{path.name} {what}; files of this kind are read up to {most / 2**20:.0f} MB.",
        hint="Check that it is the file you mean.",
    )
