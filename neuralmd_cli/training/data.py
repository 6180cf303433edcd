"""The recordings of a training: which there are, and which are for what.

The only module that knows where recordings come from.
"""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, overload

from neuralmd_cli.errors import InputError
from neuralmd_cli.misato import read_recording, recording_names
from neuralmd_cli.recording import Recording
from neuralmd_cli.training.recipe_file import read_toml

NAMED = ("misato-100", "misato-1000", "misato-all", "own-md")
PARTS = {"train": "train", "val": "validation", "validation": "validation"}
KNOWN_SNAPSHOTS, ALL_SNAPSHOTS = 80, 100
"""Of a single trajectory: what may be learned from, and its length (paper)."""
KEPT_RECORDINGS = 2000
"""Recordings held in memory at once; without obstacles, one takes about 1 MB."""


class Recordings(Sequence[Recording]):
    """Recordings that are read when first asked for.

    Atoms around the ligand that no network sees are left out.
    """

    def __init__(self, places: Sequence[tuple[Path, str]]) -> None:
        self._places = tuple(places)
        self._read = lru_cache(maxsize=KEPT_RECORDINGS)(_read)

    @property
    def names(self) -> list[str]:
        """Names of the complexes; nothing is read for them."""
        return [name for _, name in self._places]

    def __len__(self) -> int:
        """Number of recordings."""
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Recording: ...

    @overload
    def __getitem__(self, index: slice) -> "Recordings": ...

    def __getitem__(self, index: int | slice) -> "Recording | Recordings":
        """Read one, or choose some without reading them."""
        if isinstance(index, slice):
            return Recordings(self._places[index])
        return self._read(*self._places[index])


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a training may see; test snapshots are not in here at all."""

    train: Sequence[Recording]
    validation: Sequence[Recording]
    test_names: tuple[str, ...]
    validation_starts: tuple[int, ...] | None = None  # None: as the recipe says


def load_parts(data: Sequence[Path], split: str) -> Parts:
    """The training and validation parts of a split (the paper's multi-trajectory).

    A complex that is in several files is taken from each.

    Args:
        data: HDF5 files in MISATO's layout.
        split: a name, or a TOML file with the lists train, validation and test.

    Raises:
        InputError: no such split, or complexes of it that no file has.
    """
    wanted = _split_names(split)
    places = {name: list(_places(data, name)) for name in _all_names(wanted)}
    seen = wanted["train"] + wanted["validation"]
    missing = [name for name in seen if not places[name]]
    if missing:
        raise _missing(data, split, missing, len(seen))
    parts = {
        part: Recordings([x for name in names for x in places[name]])
        for part, names in wanted.items()
    }
    return Parts(
        train=parts["train"],
        validation=parts["validation"],
        test_names=tuple(wanted["test"]),
    )


def load_trajectory(data: Sequence[Path], name: str, held: int) -> Parts:
    """One trajectory, divided in time (the paper's single-trajectory protocol).

    Its first 80 % (80 of 100 snapshots) may be learned from, the last `held` of these
    for validation. What comes after is for the test and not in any part.

    Args:
        data: HDF5 files in MISATO's layout.
        name: of the complex; the first file that has it counts.
        held: snapshots for validation; 0: none.

    Raises:
        InputError: no file has it, or too few snapshots are left to learn from.
    """
    found = next(_places(data, name), None)
    if found is None:
        raise _missing(data, name, [name], 1)
    return divided_in_time(_read(*found), held)


def divided_in_time(recording: Recording, held: int) -> Parts:
    """The parts of one trajectory, as `load_trajectory` says.

    Raises:
        InputError: too few snapshots are left to learn from.
    """
    name = recording.name
    known = recording.n_frames * KNOWN_SNAPSHOTS // ALL_SNAPSHOTS
    learned = known - held
    if learned < 2:
        raise InputError(
            f"{name} has {recording.n_frames} snapshots, {known} of them for training "
            f"and {held} of those for validation: too few are left.",
            hint="Lower --set held_snapshots.",
        )
    # It begins with two snapshots that were trained on: the start, and the one before.
    validation = [_snapshots(recording, learned - 2, known)] if held else []
    starts = tuple(sorted({1, 1 + held // 4, 1 + held // 2}))
    return Parts(
        train=[_snapshots(recording, 0, learned)],
        validation=validation,
        test_names=(name,),
        validation_starts=starts if held else None,
    )


def _snapshots(recording: Recording, first: int, stop: int) -> Recording:
    energies = recording.interaction_energies
    return replace(
        recording,
        positions=recording.positions[first:stop],
        backbone=recording.backbone[first:stop],
        obstacle_positions=recording.obstacle_positions[first:stop],
        interaction_energies=None if energies is None else energies[first:stop],
    )


def _read(path: Path, name: str) -> Recording:
    recording = read_recording(path, name)
    return replace(
        recording,
        obstacle_positions=recording.obstacle_positions[:, :0],
        obstacle_numbers=recording.obstacle_numbers[:0],
    )


def _places(data: Sequence[Path], name: str) -> Iterator[tuple[Path, str]]:
    return ((path, name) for path in data if name in _names_in(path))


@lru_cache(maxsize=64)
def _names_in(path: Path) -> frozenset[str]:
    return frozenset(recording_names(path))


def _split_names(split: str) -> dict[str, list[str]]:
    path = Path(split)
    if split == "own-md":
        text = (files("neuralmd_cli") / "dataset" / "lists" / "own_md.toml").read_text()
        return _divided(tomllib.loads(text), split)
    if path.suffix.lower() == ".toml":
        return _divided(read_toml(path), path.name)
    if split in NAMED:
        raise InputError(
            f"The lists and data of the split {split} are not on this machine.",
            hint=f"`neuralmd data fetch {split}` fetches them.",
        )
    raise InputError(
        f"There is no split {split!r}.",
        hint=f"Splits are {', '.join(NAMED)}; or give a .toml file with the lists "
        "train, validation and test.",
    )


def _divided(content: Mapping[str, Any], where: str) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for key, names in content.items():
        part = PARTS.get(key, key)
        if part not in parts:
            raise InputError(
                f"{where}: {key!r} is no part of a split.",
                hint="Parts are train, validation and test.",
            )
        if not isinstance(names, list) or not all(isinstance(x, str) for x in names):
            raise InputError(
                f"{where}: {key} is not a list of names.",
                hint=f'Write it as {key} = ["1ABC", "2ABC"].',
            )
        parts[part] += names
    counts = Counter(x.upper() for x in _all_names(parts))
    twice = sorted(x for x, n in counts.items() if n > 1)
    if twice:
        raise InputError(
            f"{where}: {', '.join(twice[:5])} is there more than once.",
            hint="Name each complex once, in one part.",
        )
    if not parts["train"]:
        raise InputError(
            f"{where}: there is nothing to train on.", hint='Give train = ["1ABC"].'
        )
    return parts


def _all_names(parts: Mapping[str, list[str]]) -> list[str]:
    return [name for names in parts.values() for name in names]


def _missing(
    data: Sequence[Path], split: str, missing: Sequence[str], wanted: int
) -> InputError:
    where = ", ".join(x.name for x in data)
    rest = ", ..." if len(missing) > 5 else ""
    named = split in NAMED and split != "own-md"
    fetch = f"; `neuralmd data fetch {split}` fetches them." if named else "."
    return InputError(
        f"{where}: {len(missing)} of {wanted} complexes of {split} are not there "
        f"({', '.join(missing[:5])}{rest}).",
        hint=f"Give the files that have them with --data{fetch}",
    )
