"""What is in a file of trajectories, complex by complex, and whether it is sound."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neuralmd_cli.dataset.entry import FRAME_FIELDS, Entry
from neuralmd_cli.dataset.quality import Quality, measure
from neuralmd_cli.dataset.store import Store, is_store
from neuralmd_cli.errors import InputError
from neuralmd_cli.misato import read, read_atoms, recording_names
from neuralmd_cli.misato_topology import CA_TYPE

FARTHEST_SHIFT = 1e6
"""Å; a motion beyond is none."""


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """One complex: its measurements, or why there are none."""

    name: str
    quality: Quality | None
    problem: str | None = None
    hint: str = ""
    atoms: int | None = None  # what can be said without a sound trajectory
    residues: int | None = None


@dataclass(frozen=True, kw_only=True)
class Verified:
    """One complex: what is wrong with it, or None."""

    name: str
    problem: str | None


def names_in(path: Path) -> tuple[str, ...]:
    """Names of the complexes of a store or a file in MISATO's layout."""
    if is_store(path):
        with Store(path) as store:
            return store.manifest.names
    return tuple(recording_names(path))


def inspect(
    path: Path, name: str | None = None, on_entry: Callable[[], None] = lambda: None
) -> list[Inspected]:
    """Measure each complex of a file, or one; a store tells what was measured before.

    A complex that cannot be read does not stop the others.

    Args:
        path: a store or a file in MISATO's layout.
        name: of one complex, in whatever case.
        on_entry: told after each complex.

    Raises:
        InputError: the file cannot be read, or has no such complex.
    """
    names = list(names_in(path))
    if name is not None:
        names = [found_name(path, names, name)]
    found = []
    store = Store(path) if is_store(path) else None
    for each in names:
        found.append(_inspect_one(path, store, each))
        on_entry()
    return found


def verify(
    path: Path, on_entry: Callable[[], None] = lambda: None
) -> Iterator[Verified]:
    """Check each complex of a file.

    A store's entries are compared with the hashes of its manifest. MISATO's layout has
    no hashes: there each complex is read with all checks of the reader.

    Raises:
        InputError: the file as a whole cannot be read.
    """
    store = Store(path) if is_store(path) else None
    for name in names_in(path):
        problem = None
        try:
            if store is None:
                read(path, name)
            else:
                problem = _entry_problem(store, store.entry(name))
        except InputError as error:
            problem = error.message
        yield Verified(name=name, problem=problem)
        on_entry()
    if store is not None:
        for name in store.unlisted():
            yield Verified(name=name, problem="it is not in the manifest")


def found_name(path: Path, names: Sequence[str], wanted: str) -> str:
    """The name of a file's complex that is meant, in whatever case.

    Raises:
        InputError: there is none.
    """
    if wanted in names:
        return wanted
    for name in names:
        if name.upper() == wanted.upper():
            return name
    raise InputError(
        f"{path.name}: there is no complex {wanted!r}.",
        hint=f"The file holds {len(names)}, among them {', '.join(names[:5])}.",
    )


def _inspect_one(path: Path, store: Store | None, name: str) -> Inspected:
    try:
        if store is not None:
            quality = Quality.from_plain(store.facts(name)["quality"])
        else:
            quality = measure(read(path, name))
    except InputError as error:
        atoms = residues = None
        if store is None:
            atoms, residues = _sizes(path, name)
        return Inspected(
            name=name,
            quality=None,
            problem=error.message,
            hint=error.hint,
            atoms=atoms,
            residues=residues,
        )
    return Inspected(
        name=name, quality=quality, atoms=quality.atoms, residues=quality.residues
    )


def _sizes(path: Path, name: str) -> tuple[int | None, int | None]:
    """Atoms and residues of a complex whose trajectory is missing or damaged."""
    try:
        atoms = read_atoms(path, name)
    except InputError:
        return None, None
    return atoms.n_atoms, int((atoms.types == CA_TYPE).sum())


def _entry_problem(store: Store, entry: Entry) -> str | None:
    """Why an entry is not what was once written, or holds what is no number."""
    digest, expected = entry.digest(), store.manifest.sha256[entry.name]
    if digest != expected:
        return f"its SHA-256 is {digest[:12]}..., not {expected[:12]}..."
    frames = entry.arrays["frames"]
    for name in ("rotation", "shift", "centre"):
        if not (np.abs(frames[name]) < FARTHEST_SHIFT).all():
            return f"frames: {name} is not a number in some snapshot"
    for name in FRAME_FIELDS:
        missing = np.isnan(frames[name])
        if missing.any() and not missing.all():
            return f"frames: {name} is not a number in some snapshot"
    if not (entry.arrays["ligand_atoms"]["mass"] > 0).all():
        return "ligand_atoms: a mass is not positive"
    return None
