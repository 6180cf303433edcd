"""Where the recordings of the complexes are that a user asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neuralmd_cli.dataset.recordings import Recordings, open_recordings
from neuralmd_cli.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the recording of a complex is."""

    recordings: Recordings
    name: str  # in its file
    label: str  # in results: the name, with the file's where two files have it


def find(
    data: Sequence[Path], wanted: Sequence[str], *, of: str, fetch: str | None
) -> list[Place]:
    """Every recording of the wanted complexes, one per file that has it.

    Args:
        data: files in MISATO's layout, or stores.
        wanted: names, in any case.
        of: what to call them in messages.
        fetch: what `neuralmd data fetch` takes to get them, if it can.

    Raises:
        InputError: no file has one of them; all are counted.
    """
    files = [open_recordings(x) for x in data]
    known = [{x.upper(): x for x in file.names} for file in files]
    found, missing = [], []
    for name in wanted:
        there = [
            (file, names[name.upper()])
            for file, names in zip(files, known, strict=True)
            if name.upper() in names
        ]
        if not there:
            missing.append(name)
        for file, own in there:
            label = own if len(there) == 1 else f"{own}@{file.path.stem}"
            found.append(Place(recordings=file, name=own, label=label))
    if missing:
        raise missing_data(data, missing, len(wanted), of=of, fetch=fetch)
    return found


def missing_data(
    data: Sequence[Path],
    missing: Sequence[str],
    wanted: int,
    *,
    of: str,
    fetch: str | None,
) -> InputError:
    """What to say where complexes are in no file."""
    where = ", ".join(x.name for x in data) or "No data file is given"
    more = ", ..." if len(missing) > 5 else ""
    command = f" `neuralmd data fetch {fetch}` gets them." if fetch else ""
    return InputError(
        f"{where}: {len(missing)} of {wanted} complexes of {of} are not there "
        f"({', '.join(missing[:5])}{more}).",
        hint=f"Give the files that have them with --data.{command}",
    )
