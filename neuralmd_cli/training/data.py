"""The recordings of a training: which there are, and which are for what.

The only module that knows where recordings come from.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import torch
from jaxtyping import Bool
from torch import Tensor

from neuralmd_cli.complex import NEAR
from neuralmd_cli.dataset.molecules import ligand_molecule
from neuralmd_cli.dataset.recordings import Recordings as Files
from neuralmd_cli.dataset.recordings import open_recordings
from neuralmd_cli.dataset.splits import load_split, split_names
from neuralmd_cli.errors import InputError
from neuralmd_cli.recording import Recording
from neuralmd_cli.training.recipe_file import read_toml

PARTS = {"train": "train", "val": "validation", "validation": "validation"}
KNOWN_SNAPSHOTS, ALL_SNAPSHOTS = 80, 100
"""Of a single trajectory: what may be learned from, and its length (paper)."""
PER_SNAPSHOT = (
    *("positions", "centres", "interaction_energies"),
    *("ligand_rmsds", "distances", "buried_areas"),
)
KEPT_RECORDINGS = 2000
"""Recordings held in memory at once; without obstacles, one takes about 1 MB."""
REACH = NEAR + 1.0
"""Å; atoms that never come so near are in no batch, wherever noise puts the ligand."""


class Recordings(Sequence[Recording]):
    """Recordings that are read when first asked for.

    What the model does not see is left out: see `_read`.
    """

    def __init__(
        self, places: Sequence[tuple[Path, str]], *, pocket: bool = False
    ) -> None:
        self._places, self._pocket = tuple(places), pocket
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
            return Recordings(self._places[index], pocket=self._pocket)
        return self._read(*self._places[index], self._pocket)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a training may see; test snapshots are not in here at all."""

    train: Sequence[Recording]
    validation: Sequence[Recording]
    test_names: tuple[str, ...]
    validation_starts: tuple[int, ...] | None = None  # None: as the recipe says


def load_parts(data: Sequence[Path], split: str, *, pocket: bool = False) -> Parts:
    """The training and validation parts of a split (the paper's multi-trajectory).

    A complex that is in several files is taken from each.

    Args:
        data: HDF5 files in MISATO's layout.
        split: a name, or a TOML file with the lists train, validation and test.
        pocket: the model sees atoms around the ligand, and its bond orders.

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
        part: Recordings([x for name in names for x in places[name]], pocket=pocket)
        for part, names in wanted.items()
    }
    return Parts(
        train=parts["train"],
        validation=parts["validation"],
        test_names=tuple(wanted["test"]),
    )


def load_trajectory(
    data: Sequence[Path], name: str, held: int, *, pocket: bool = False
) -> Parts:
    """One trajectory, divided in time (the paper's single-trajectory protocol).

    Its first 80 % (80 of 100 snapshots) may be learned from, the last `held` of these
    for validation. What comes after is for the test and not in any part.

    Args:
        data: HDF5 files in MISATO's layout.
        name: of the complex; the first file that has it counts.
        held: snapshots for validation; 0: none.
        pocket: the model sees atoms around the ligand, and its bond orders.

    Raises:
        InputError: no file has it, or too few snapshots are left to learn from.
    """
    found = next(_places(data, name), None)
    if found is None:
        raise _missing(data, name, [name], 1)
    return divided_in_time(_read(*found, pocket), held)


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
    """Some of the snapshots; a protein known in the first only stays as it is."""
    fields: tuple[str, ...] = PER_SNAPSHOT
    if recording.has_moving_protein:
        fields += ("backbone", "obstacle_positions")
    cut: dict[str, Any] = {
        name: value[first:stop]
        for name in fields
        if (value := getattr(recording, name)) is not None
    }
    # The motion is to the first snapshot, which may be gone.
    cut["pocket_motion"] = None
    return replace(recording, **cut)


def _read(path: Path, name: str, pocket: bool) -> Recording:
    """A recording without the atoms around that no batch will hold.

    For a model that sees the pocket these are the far ones, and the ligand comes with
    its bond orders, as in `simulate`; for all others, every one.

    Raises:
        InputError: bond orders are needed and cannot be known.
    """
    recording = _opened(path).read(name)
    if not pocket:
        return _with_obstacles(
            recording, torch.zeros_like(recording.obstacle_numbers, dtype=torch.bool)
        )
    molecule = ligand_molecule(_opened(path), name, recording)
    return replace(_with_obstacles(recording, _near(recording)), molecule=molecule)


def _with_obstacles(
    recording: Recording, kept: Bool[Tensor, " obstacles"]
) -> Recording:
    return replace(
        recording,
        obstacle_positions=recording.obstacle_positions[:, kept],
        obstacle_numbers=recording.obstacle_numbers[kept],
        backbone_rows=None,
    )


def _near(recording: Recording) -> Bool[Tensor, " obstacles"]:
    """Which atoms are ever near the ligand, in their snapshot or in the first."""
    near = torch.zeros_like(recording.obstacle_numbers, dtype=torch.bool)
    for frame, ligand in enumerate(recording.positions):
        at = frame if recording.has_moving_protein else 0
        for places in recording.obstacle_positions[[0, at]]:
            near |= torch.cdist(places, ligand).amin(dim=1) < REACH
    return near


def _places(data: Sequence[Path], name: str) -> Iterator[tuple[Path, str]]:
    return ((path, name) for path in data if name in _names_in(path))


@lru_cache(maxsize=64)
def _names_in(path: Path) -> frozenset[str]:
    return frozenset(_opened(path).names)


@lru_cache(maxsize=64)
def _opened(path: Path) -> Files:
    return open_recordings(path)


def _split_names(split: str) -> dict[str, list[str]]:
    path = Path(split)
    if split in split_names():
        parts = load_split(split).parts
        if not parts:
            raise InputError(
                f"The split {split} is not divided into parts to train and test on.",
                hint="Its trajectories are divided in time: --trajectory ID.",
            )
        named = {PARTS.get(part, part): list(ids) for part, ids in parts.items()}
        return {"train": [], "validation": [], "test": [], **named}
    if path.suffix.lower() == ".toml":
        return _divided(read_toml(path), path.name)
    raise InputError(
        f"There is no split {split!r}.",
        hint=f"Splits are {', '.join(split_names())}; or give a .toml file with the "
        "lists train, validation and test.",
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
    named = split in split_names() and split.startswith("misato")
    fetch = f"; `neuralmd data fetch {split}` fetches them." if named else "."
    return InputError(
        f"{where}: {len(missing)} of {wanted} complexes of {split} are not there "
        f"({', '.join(missing[:5])}{rest}).",
        hint=f"Give the files that have them with --data{fetch}",
    )
