"""Files that are well formed and lie: HDF5, safetensors and pickles."""

import contextlib
import io
import json
import os
import pickle
import random
import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np

HUGE = 1 << 40


def mutate_hdf5(data: bytes, rng: random.Random) -> bytes:
    """Change one to three things inside an HDF5 file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.h5"
        path.write_bytes(data)
        with h5py.File(path, "r+") as file:
            for _ in range(rng.choice((1, 1, 2, 3))):
                with contextlib.suppress(ValueError, MemoryError):  # HDF5 refuses some
                    rng.choice(_HDF5)(file, rng)
        return path.read_bytes()


def _datasets(file: h5py.File) -> list[str]:
    """Those that can be read; an earlier change may have made one of any size."""
    found: list[str] = []

    def add(name: str, member: h5py.Dataset | h5py.Group) -> None:
        if isinstance(member, h5py.Dataset) and member.nbytes < 1 << 26:
            found.append(name)

    file.visititems(add)
    return sorted(found)


def _groups(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(
        lambda name, x: found.append(name) if isinstance(x, h5py.Group) else None
    )
    return sorted(found)


def _swap(file: h5py.File, name: str, **new: Any) -> None:
    del file[name]
    file.create_dataset(name, **new)


def _delete(file: h5py.File, rng: random.Random) -> None:
    names = _datasets(file) + _groups(file)
    if names:
        del file[rng.choice(names)]


def _retype(file: h5py.File, rng: random.Random) -> None:
    names = _datasets(file)
    if not names:
        return
    name = rng.choice(names)
    values = np.asarray(file[name][()])
    kind = rng.choice(["f2", "f4", "f8", "i1", "u1", "i8", "u8", "S4", "c8", "?", "O"])
    if kind == "O":
        text = np.full(values.shape, "x", dtype=object)
        _swap(file, name, data=text, dtype=h5py.string_dtype())
        return
    if values.dtype.names or values.dtype.kind == "O":
        values = np.zeros(values.shape)
    with np.errstate(all="ignore"):
        _swap(file, name, data=values.astype(kind))


def _reshape(file: h5py.File, rng: random.Random) -> None:
    names = _datasets(file)
    if not names:
        return
    name = rng.choice(names)
    values = np.asarray(file[name][()])
    ways = (
        lambda x: x[..., None],
        lambda x: x[:0],
        lambda x: x.reshape(-1),
        lambda x: x[:-1] if x.ndim else x,
        lambda x: np.concatenate([x, x]) if x.ndim else x,
        lambda x: x.T,
        lambda x: x.reshape(-1)[0] if x.size else x,
    )
    new = rng.choice(ways)(values)
    dtype = h5py.string_dtype() if values.dtype.kind == "O" else None
    _swap(file, name, data=new, dtype=dtype)


def _revalue(file: h5py.File, rng: random.Random) -> None:
    names = _datasets(file)
    if not names:
        return
    dataset = file[rng.choice(names)]
    values = np.asarray(dataset[()])
    if not values.size or values.dtype.kind not in "iuf":
        return
    if values.dtype.kind == "f":
        new = rng.choice([np.nan, np.inf, 1e30, -1e30, 0.0, 1e5])
    else:
        info = np.iinfo(values.dtype)
        new = rng.choice([info.max, info.min, 0, 1, min(1000, info.max)])
    flat = values.reshape(-1)
    if rng.random() < 0.3:
        flat[:] = new
    else:
        flat[rng.randrange(len(flat))] = new
    dataset[...] = flat.reshape(values.shape)


def _huge(file: h5py.File, rng: random.Random) -> None:
    """A shape no memory holds, without a byte stored."""
    names = _datasets(file)
    if not names:
        return
    name = rng.choice(names)
    old = file[name]
    shape = list(old.shape) or [1]
    shape[rng.randrange(len(shape))] = rng.choice([HUGE, 1 << 31, 10**8])
    if old.dtype.kind == "O":
        kind: Any = h5py.string_dtype()
    else:
        kind = old.dtype
    _swap(file, name, shape=tuple(shape), dtype=kind, chunks=tuple(1 for _ in shape))


def _bomb(file: h5py.File, rng: random.Random) -> None:
    """Much of one number, packed to little."""
    names = [x for x in _datasets(file) if file[x].dtype.kind in "iuf"]
    if not names:
        return
    name = rng.choice(names)
    shape = list(file[name].shape) or [1]
    axis = rng.randrange(len(shape))
    shape[axis] = max(shape[axis], 8_000_000 // max(1, int(np.prod(shape))))
    kind = file[name].dtype
    fill = np.zeros(shape, dtype=kind)
    _swap(file, name, data=fill, compression="gzip", compression_opts=9)


def _link(file: h5py.File, rng: random.Random) -> None:
    """A link out of the file, to itself, or to nothing."""
    names = _datasets(file) + _groups(file)
    if not names:
        return
    name = rng.choice(names)
    del file[name]
    outside = rng.choice(["/etc/passwd", "/dev/zero", "../other.h5", "x.h5"])
    file[name] = rng.choice(
        [
            h5py.ExternalLink(outside, "/" + name),
            h5py.SoftLink("/" + name),
            h5py.SoftLink("/nowhere"),
            h5py.SoftLink("/"),
        ]
    )


def _external_storage(file: h5py.File, rng: random.Random) -> None:
    """A dataset whose numbers lie in another file of the machine."""
    names = [x for x in _datasets(file) if file[x].dtype.kind in "iuf"]
    if not names:
        return
    name = rng.choice(names)
    shape, kind = file[name].shape, file[name].dtype
    _swap(
        file,
        name,
        shape=shape,
        dtype=kind,
        external=[(os.devnull if rng.random() < 0.3 else "/etc/passwd", 0, 10**9)],
    )


def _attribute(file: h5py.File, rng: random.Random) -> None:
    """An attribute gone, or another value in it."""
    owners = [file, *(file[x] for x in _groups(file))]
    owner = rng.choice([x for x in owners if len(x.attrs)] or [file])
    values = [np.nan, -1, 10**12, "", "x", "{}", '{"a": NaN}', b"\xff", [1, 2], "null"]
    value = rng.choice(values)
    if len(owner.attrs):
        name = rng.choice(sorted(owner.attrs))
        if rng.random() < 0.3:
            del owner.attrs[name]
            return
        del owner.attrs[name]
        owner.attrs[name] = value
    else:
        owner.attrs["spacing_ps"] = value


def _facts(file: h5py.File, rng: random.Random) -> None:
    """Change one value in the JSON of an attribute."""
    owners = [x for x in (file[n] for n in _groups(file)) if "facts" in x.attrs]
    if not owners:
        return _attribute(file, rng)
    owner = rng.choice(owners)
    facts = json.loads(owner.attrs["facts"])
    owner.attrs["facts"] = json.dumps(mutate_json(facts, rng))
    return None


def _rename(file: h5py.File, rng: random.Random) -> None:
    names = _datasets(file) + _groups(file)
    if not names:
        return
    name = rng.choice(names)
    new = rng.choice(["../../up", "=cmd", "x" * 300, "\x1b[31m", "ünï", "1ABC"])
    parent = name.rpartition("/")[0]
    if new.replace("../", "") not in file[parent or "/"]:
        file.move(name, f"{parent}/{new}")


_HDF5 = (
    *(_delete, _retype, _retype, _reshape, _reshape, _revalue, _revalue, _revalue),
    *(_huge, _link, _external_storage, _attribute, _facts, _rename, _bomb),
)


def mutate_json(value: Any, rng: random.Random) -> Any:
    """Another value, of another type perhaps, somewhere in a JSON document."""
    odd = [
        *(None, True, -1, 0, 1e30, float("nan"), "", "x", [], {}, [[1]], {"a": 1}),
        *("../../etc/passwd", "=1+1", "\x1b[2J", "x" * 5000, 10**30, -0.0, [None]),
    ]
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        way = rng.random()
        if way < 0.12:
            return {k: v for k, v in value.items() if k != key}
        if way < 0.2:
            return {**value, "unknown": rng.choice(odd)}
        return {**value, key: mutate_json(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        k = rng.randrange(len(value))
        way = rng.random()
        if way < 0.1:
            return value[:k] + value[k + 1 :]
        if way < 0.2:
            return [*value, value[k]]
        return [*value[:k], mutate_json(value[k], rng), *value[k + 1 :]]
    return rng.choice(odd)


def mutate_json_bytes(data: bytes, rng: random.Random) -> bytes:
    """A JSON document with one to three other values; deep nesting now and then."""
    if rng.random() < 0.03:
        depth = rng.choice((1000, 100_000))
        return b"[" * depth + b"]" * depth
    value = json.loads(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = mutate_json(value, rng)
    return json.dumps(value).encode()


def mutate_safetensors(data: bytes, rng: random.Random) -> bytes:
    """A header that lies: of its length, of types, shapes, places or metadata."""
    (length,) = struct.unpack("<Q", data[:8])
    if rng.random() < 0.15:
        lie = rng.choice([0, 1, length - 1, length + 8, 10 * 2**30, 2**63, 2**64 - 1])
        return struct.pack("<Q", lie) + data[8:]
    header, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    names = [x for x in header if x != "__metadata__"]
    name = rng.choice(names)
    entry, way = header[name], rng.randrange(9)
    if way == 0:
        kinds = ["F16", "BF16", "F64", "I64", "U8", "BOOL", "F8_E4M3", "XX", "C64"]
        entry["dtype"] = rng.choice(kinds)
    elif way == 1:
        entry["shape"] = rng.choice([[], [0], [HUGE], [-1], [2**62, 4], entry["shape"]])
    elif way == 2:
        entry["data_offsets"] = rng.choice([[0, HUGE], [8, 0], [-4, 4], [0, 0]])
    elif way == 3:
        header[name] = {**entry, "data_offsets": header[names[0]]["data_offsets"]}
    elif way == 4:
        del header[name]
    elif way == 5:
        header[rng.choice(["x", "../x", "x" * 10_000, ""])] = header.pop(name)
    elif way == 6 and "__metadata__" in header:
        held = {
            k: json.dumps(mutate_json(json.loads(v), rng))
            for k, v in header["__metadata__"].items()
        }
        header["__metadata__"] = held
    elif way == 7:
        header = mutate_json(header, rng)
    else:
        junk = rng.choice([float("nan"), float("inf"), 1e38])
        at = 4 * rng.randrange(max(1, len(rest) // 4))
        rest = rest[:at] + struct.pack("<f", junk) + rest[at + 4 :]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + rest


class _Runs:
    """Pickled, it asks to run a command when it is opened."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch pickle-was-run",)


def mutate_pickle(data: bytes, rng: random.Random) -> bytes:
    """A pickle that runs code, names what is not allowed, or is of odd objects."""
    odd = (
        *(_Runs(), {"binding_model": _Runs()}, [1, 2], {1: 2}, "text", None, {}),
        *({"binding_model": {}}, {"binding_model": {"x": 1}}, Path("x"), 1j),
        *({"binding_model": {"x": np.zeros(3)}}, {("a",): 1}),
    )
    out = io.BytesIO()
    pickle.dump(rng.choice(odd), out, protocol=rng.choice((0, 2, 4, 5)))
    return out.getvalue()
