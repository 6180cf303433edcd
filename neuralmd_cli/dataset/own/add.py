"""One more entry in a store, which is replaced as a whole or not at all."""

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.outputs import claimed, staging
from neuralmd_cli.recording import Reading

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an entry goes, and what is there already."""

    output: Path
    name: str
    all_atom: bool
    before: Mapping[str, str]  # SHA-256 of the entries that stay, by name
    replaces: bool = False  # an entry of this name gives way


def place_for(
    output: Path, name: str, *, all_atom: bool = False, replace: bool = False
) -> Place:
    """Check, before the work, that an entry can be added.

    Args:
        output: the store; made by `add` if it is not there.
        name: of the entry.
        all_atom: keep the protein's heavy atoms in every snapshot. A store that is
            there already has its own way.
        replace: an entry of this name gives way.

    Raises:
        InputError: a name that is none or taken, or a file that is no store.
        OutputError: the folder is missing.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of an entry.",
            hint="Take letters, digits, and _ . + - inside: --name MINE_1.",
        )
    if not output.exists():
        if not output.parent.is_dir():
            raise OutputError(
                f"{output.parent} is not a folder, so {output.name} cannot be written.",
                hint="Create it first.",
            )
        return Place(output=output, name=name, all_atom=all_atom, before={})
    with Store(output) as store:
        manifest = store.manifest
    if all_atom and not manifest.all_atom:
        raise InputError(
            f"{output.name} is there already and does not keep all atoms.",
            hint="Leave out --all-atom, or start another store.",
        )
    taken = [x for x in manifest.names if x.upper() == name.upper()]
    if taken and not replace:
        raise InputError(
            f"{output.name} holds {taken[0]} already.",
            hint="Choose another --name, or give --replace.",
        )
    before = {k: v for k, v in manifest.sha256.items() if k not in taken}
    return Place(
        output=output,
        name=name,
        all_atom=manifest.all_atom,
        before=before,
        replaces=bool(taken),
    )


def add(place: Place, reading: Reading, *, source: str) -> tuple[Manifest, Entry]:
    """Write the store with one more entry; until it is whole, the old one stays.

    Args:
        place: as `place_for` gives it.
        reading: what to add.
        source: name of the file it comes from.

    Raises:
        OutputError: the store cannot be written, another process is writing it, or has
            written it since the place was looked for.
    """
    with claimed(place.output):
        _check_unchanged(place)
        return _added(place, reading, source)


def _check_unchanged(place: Place) -> None:
    """Refuse where an entry would be lost that came meanwhile."""
    now: Mapping[str, str] = {}
    if place.output.exists():
        with Store(place.output) as store:
            now = store.manifest.sha256
    others = {k: v for k, v in now.items() if k.upper() != place.name.upper()}
    if others != dict(place.before) or (len(now) > len(others) and not place.replaces):
        raise OutputError(
            f"Another process has written {place.output} meanwhile.",
            hint="Run the command again.",
        )


def _added(place: Place, reading: Reading, source: str) -> tuple[Manifest, Entry]:
    entry = entry_of(
        reading.recording, measure(reading), source=source, all_atom=place.all_atom
    )
    output = place.output
    sources = {
        name: Source(path=output, group=f"{COMPLEXES}/{name}", sha256=sha256)
        for name, sha256 in place.before.items()
    }
    try:
        with _work_folder(output) as folder:
            part = folder / "part.h5"
            write_part(part, entry)
            sources[place.name] = Source(
                path=part, group=entry.name, sha256=entry.digest()
            )
            manifest = put_together(output, sources, all_atom=place.all_atom)
    except OSError as error:
        raise OutputError(
            f"{output} cannot be written: {error.strerror or error}.",
            hint="Check that the disk has space left and the folder may be written to.",
        ) from error
    return manifest, entry


@contextmanager
def _work_folder(output: Path) -> Iterator[Path]:
    """Beside the store; what a killed process left in it goes first."""
    folder = staging(output)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
