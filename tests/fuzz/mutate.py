"""Ways of damaging a file's bytes; each draws from the generator it is handed."""

import gzip
import random
import re
import struct
from collections.abc import Callable

Mutator = Callable[[bytes, random.Random], bytes]

NUMBERS = (
    *("NaN", "nan", "inf", "-inf", "1e30", "-1e30", "1e308", "-0", "-0.000", "0"),
    *("", "99999999999999999999", "-1", "1", "0x10", "1,5", "1_000", "********"),
    *("2147483648", "-2147483649", "1e-320", "٣", "½", "true", "None"),
)
"""What numbers in text become."""
BOMB_BYTES = 40 << 20
"""What a gzip bomb unpacks to; as a file it has 40 kB."""
_NUMBER = re.compile(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_PACKED = tuple(
    struct.pack(code, value)
    for code, value in (
        *(("<i", x) for x in (0, -1, 1, 2**31 - 1, -(2**31), 84, 1 << 20)),
        *((">i", x) for x in (-1, 2**31 - 1, 1 << 20)),
        *(("<f", x) for x in (float("nan"), float("inf"), 1e30)),
        *(("<q", x) for x in (-1, 2**63 - 1, 10 * 2**30)),
        *(("<d", x) for x in (float("nan"), 1e300)),
    )
)


def flip_bytes(data: bytes, rng: random.Random) -> bytes:
    """Replace one to eight bytes."""
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[_place(data, rng)] = rng.randrange(256)
    return bytes(changed)


def flip_bit(data: bytes, rng: random.Random) -> bytes:
    """Turn one bit."""
    if not data:
        return data
    changed = bytearray(data)
    changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def pack_number(data: bytes, rng: random.Random) -> bytes:
    """Write a telling binary number over some bytes."""
    if len(data) < 8:
        return data
    packed, at = rng.choice(_PACKED), _place(data[:-8], rng)
    return data[:at] + packed + data[at + len(packed) :]


def truncate(data: bytes, rng: random.Random) -> bytes:
    """Cut the end off, more often a little than much."""
    share = rng.choice((rng.random(), 1 - rng.random() ** 4, 0.0))
    return data[: int(len(data) * share)]


def behead(data: bytes, rng: random.Random) -> bytes:
    """Cut the beginning off."""
    return data[int(len(data) * rng.random() ** 3) :]


def cut_out(data: bytes, rng: random.Random) -> bytes:
    """Remove a stretch from the middle."""
    first = _place(data, rng)
    return data[:first] + data[first + rng.choice((1, 2, 7, 100, 4096)) :]


def repeat_stretch(data: bytes, rng: random.Random) -> bytes:
    """Write a stretch twice."""
    first = _place(data, rng)
    last = first + rng.choice((1, 3, 80, 5000))
    return data[:last] + data[first:last] + data[last:]


def double(data: bytes, rng: random.Random) -> bytes:
    """The file twice, or with something of another kind behind."""
    return data + rng.choice((data, b"\0" * 512, b"$$$$\n", b"END\n" + data, b"{}"))


def insert_noise(data: bytes, rng: random.Random) -> bytes:
    """Random bytes, NULs or control characters somewhere."""
    at = _place(data, rng)
    noise = rng.choice((rng.randbytes(16), b"\0", b"\x1b[31m", b"\xff\xfe", b"\x0c"))
    return data[:at] + noise + data[at:]


def replace_all(data: bytes, rng: random.Random) -> bytes:
    """Another file altogether."""
    return rng.choice(
        (b"", b"\0" * 1000, b"\n" * 1000, b"<html><body>404</body></html>", b"%PDF-1.7")
        + (rng.randbytes(2000), b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"a" * 200_000)
    )


def drop_line(data: bytes, rng: random.Random) -> bytes:
    """Leave out one line, or every line of one kind."""
    lines = data.split(b"\n")
    k = rng.randrange(len(lines))
    if rng.random() < 0.7:
        return b"\n".join(lines[:k] + lines[k + 1 :])
    return b"\n".join(x for x in lines if x[:6] != lines[k][:6])


def repeat_line(data: bytes, rng: random.Random) -> bytes:
    """Write a line twice, or a thousand times."""
    lines = data.split(b"\n")
    k = rng.randrange(len(lines))
    times = rng.choice((2, 2, 2, 3, 1000))
    return b"\n".join(lines[:k] + [lines[k]] * times + lines[k + 1 :])


def swap_lines(data: bytes, rng: random.Random) -> bytes:
    """Exchange two lines, or shuffle all."""
    lines = data.split(b"\n")
    if rng.random() < 0.1:
        rng.shuffle(lines)
        return b"\n".join(lines)
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


def shift_columns(data: bytes, rng: random.Random) -> bytes:
    """Move the end of one line, or of all alike, by a column."""
    lines = data.split(b"\n")
    k = rng.randrange(len(lines))
    at = rng.randrange(max(1, len(lines[k])))
    left = rng.random() < 0.5

    def shift(line: bytes) -> bytes:
        return line[:at] + line[at + 1 :] if left else line[:at] + b" " + line[at:]

    if rng.random() < 0.2:
        return b"\n".join(shift(x) if x[:4] == lines[k][:4] else x for x in lines)
    return b"\n".join([*lines[:k], shift(lines[k]), *lines[k + 1 :]])


def cut_line(data: bytes, rng: random.Random) -> bytes:
    """Cut a line short, most often the last ones."""
    lines = data.split(b"\n")
    k = rng.choice((rng.randrange(len(lines)), len(lines) - 1, max(0, len(lines) - 3)))
    lines[k] = lines[k][: rng.randrange(len(lines[k]) + 1)]
    return b"\n".join(lines)


def swap_columns(data: bytes, rng: random.Random) -> bytes:
    """Exchange two words of a line, or of all lines like it."""
    lines = data.split(b"\n")
    k = rng.randrange(len(lines))
    words = len(lines[k].split())
    if words < 2:
        return data
    a, b = rng.sample(range(words), 2)
    all_of_them = rng.random() < 0.3

    def swapped(line: bytes) -> bytes:
        parts = re.split(rb"(\s+)", line)
        places = [n for n, x in enumerate(parts) if x.strip()]
        if max(a, b) < len(places):
            i, j = places[a], places[b]
            parts[i], parts[j] = parts[j], parts[i]
        return b"".join(parts)

    return b"\n".join(
        swapped(x) if n == k or (all_of_them and x[:4] == lines[k][:4]) else x
        for n, x in enumerate(lines)
    )


def change_number(data: bytes, rng: random.Random) -> bytes:
    """Another number in place of one; its width is kept half of the time."""
    found = list(_NUMBER.finditer(data[:2_000_000]))
    if not found:
        return data
    changed = data
    for match in sorted(rng.sample(found, min(len(found), rng.choice((1, 1, 2, 5)))),
                        key=lambda x: -x.start()):  # fmt: skip
        new = rng.choice(NUMBERS).encode()
        if rng.random() < 0.5:
            new = new[: len(match[0])].rjust(len(match[0]))
        changed = changed[: match.start()] + new + changed[match.end() :]
    return changed


def nudge_number(data: bytes, rng: random.Random) -> bytes:
    """Change one digit, or lose one sign."""
    found = list(_NUMBER.finditer(data[:2_000_000]))
    if not found:
        return data
    match = rng.choice(found)
    at = rng.randrange(match.start(), match.end())
    return data[:at] + rng.choice((b"0", b"9", b"-", b".", b" ", b"e")) + data[at + 1 :]


def change_encoding(data: bytes, rng: random.Random) -> bytes:
    """UTF-16, UTF-8 with a mark, Latin-1 letters, or EBCDIC."""
    text = data.decode("utf-8", errors="replace")
    way = rng.randrange(5)
    if way == 0:
        return text.encode("utf-16")
    if way == 1:
        return b"\xef\xbb\xbf" + data
    if way == 2:
        at = _place(data, rng)
        return data[:at] + "é\xa0µ".encode("latin-1") + data[at:]
    if way == 3:
        return text.encode("utf-16-be")
    return text.encode("cp500", errors="replace")


def change_newlines(data: bytes, rng: random.Random) -> bytes:
    """Line ends of Windows, of old Macs, or of both."""
    ends = rng.choice((b"\r\n", b"\r", b"\n\r", b"\n\n", b"\x0b", b"\xe2\x80\xa8"))
    return data.replace(b"\n", ends)


def change_case(data: bytes, rng: random.Random) -> bytes:
    """All letters small, large, or turned."""
    return rng.choice((data.lower(), data.upper(), data.swapcase()))


def tabs(data: bytes, rng: random.Random) -> bytes:
    """Tabs for blanks, or one blank for many."""
    way = rng.randrange(3)
    if way == 0:
        return data.replace(b"  ", b"\t")
    return re.sub(rb" +", b" ", data) if way == 1 else data.replace(b" ", b"")


def zip_up(data: bytes, rng: random.Random) -> bytes:
    """The file gzipped, twice, in parts, cut short, or with something behind."""
    packed = gzip.compress(data, 1, mtime=0)
    half = len(data) // 2
    parts = gzip.compress(data[:half], 1) + gzip.compress(data[half:], 1)
    ways = (
        *(packed, gzip.compress(packed), parts, packed + b"rest"),
        *(packed[: rng.randrange(1, len(packed))], packed[:-4] + b"\0\0\0\0"),
    )
    return rng.choice(ways)


def bomb(data: bytes, rng: random.Random) -> bytes:
    """A small gzip file that unpacks to much, the real file in front of it."""
    filler = rng.choice((b"\n", b" ", b"ATOM  \n", b"\0"))
    return gzip.compress(data + filler * (BOMB_BYTES // len(filler)), 1)


ANY: tuple[Mutator, ...] = (
    *(flip_bytes, flip_bit, truncate, cut_out, repeat_stretch, insert_noise),
    *(behead, double, replace_all, pack_number),
)
"""For files of any kind."""
TEXT: tuple[Mutator, ...] = (
    *(change_number, change_number, change_number, nudge_number, nudge_number),
    *(drop_line, drop_line, repeat_line, swap_lines, swap_columns, shift_columns),
    *(shift_columns, cut_line, cut_line, truncate, truncate, flip_bytes, flip_bit),
    *(change_encoding, change_newlines, change_case, tabs, insert_noise, cut_out),
    *(repeat_stretch, double, behead, replace_all, zip_up),
)
BINARY: tuple[Mutator, ...] = (*ANY, pack_number, pack_number, flip_bytes, truncate)
RARE: tuple[Mutator, ...] = (bomb,)
"""Slow ones, once in a hundred cases."""


def mutate(data: bytes, rng: random.Random, mutators: tuple[Mutator, ...]) -> bytes:
    """One mutation, or two or three on top of each other."""
    if mutators is TEXT and rng.random() < 0.01:
        return rng.choice(RARE)(data, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(mutators)(data, rng)
    return data


def _place(data: bytes, rng: random.Random) -> int:
    """Somewhere in the data; the beginning, where headers are, more often."""
    if not data:
        return 0
    return rng.randrange(min(len(data), rng.choice((64, 512, len(data), len(data)))))
