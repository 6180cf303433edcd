"""Which complexes are for training, validation and test: named splits, and users' own.

MISATO's lists come with the package, so nothing here needs the data or a network.
"""

import random
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from neuralmd_cli.errors import InputError
from neuralmd_cli.input_files import check_regular, toml_tables

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
ALIASES = {"validation": "val"}

SINGLE = (
    *("5WIJ", "4ZX0", "3EOV", "4K6W", "1KTI"),
    *("1XP6", "4YUR", "4G3E", "6B7F", "3B9S"),
)
"""The paper's ten single trajectories; each is divided in time, not among complexes."""
FAMILIES = (("JAK1", "JAK2", "TYK2"), ("BRD4", "TAF12"), ("THROMBIN", "UROKINASE"))
"""Targets of our MD set that are too alike to be in two parts."""
FOLDS = 5
SUBSET_SEED = 42


@dataclass(frozen=True, kw_only=True)
class Split:
    """Complexes by id: in parts that do not overlap, or all in one without parts."""

    name: str
    about: str
    parts: Mapping[Part, tuple[str, ...]]
    undivided: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids: training, validation, test."""
        divided = [x for part in PARTS for x in self.parts.get(part, ())]
        return (*divided, *self.undivided)

    def part(self, part: Part | None) -> tuple[str, ...]:
        """The ids of one part; without one, all.

        Raises:
            InputError: the split has no such part.
        """
        if part is None:
            return self.ids
        if not self.parts.get(part):
            raise InputError(
                f"{self.name} has no part {part!r}.",
                hint=f"It has {', '.join(self.parts)}."
                if self.parts
                else "It is one list without parts: leave --part out.",
            )
        return self.parts[part]


def split_names() -> tuple[str, ...]:
    """Names of the splits that come with neuralmd."""
    return tuple(_NAMED)


def load_split(name_or_path: str) -> Split:
    """A split by its name, or from a user's file.

    A TOML file has the lists `train`, `val` (or `validation`) and `test`, or some of
    them; any other file has one id a line, and # begins a comment.

    Raises:
        InputError: no such name or file, or a file that is not as described.
    """
    if name_or_path in _NAMED:
        return _NAMED[name_or_path]()
    path = Path(name_or_path)
    if path.exists() and not path.is_dir():
        return read_split(path)
    raise InputError(
        f"There is no split or file named {name_or_path}.",
        hint=f"Splits are {', '.join(_NAMED)}; or give a file with your own.",
    )


def read_split(path: Path) -> Split:
    """A split from a user's file, see `load_split`.

    Raises:
        InputError: the file cannot be read or is not as described.
    """
    check_regular(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".toml":
            return _from_toml(path, text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as a split ({error}).",
            hint='Write TOML, as train = ["1ABC", "2ABC"], or one id a line.',
        ) from None
    lines = (line.partition("#")[0].split() for line in text.splitlines())
    ids = []
    for number, words in enumerate(lines, start=1):
        if len(words) > 1:
            raise InputError(
                f"{path.name}: line {number} has {len(words)} words instead of one id.",
                hint="Write one id a line; # begins a comment.",
            )
        ids += words
    _check_distinct(path, ids)
    return Split(name=path.name, about="user's list", parts={}, undivided=tuple(ids))


@cache
def official(part: Part) -> tuple[str, ...]:
    """MISATO's own list of a part, peptides included, in its order."""
    return _bundled(f"{part}.txt")


@cache
def peptides() -> frozenset[str]:
    """Complexes of MISATO whose ligand is a peptide, upper case."""
    return frozenset(x.upper() for x in _bundled("peptides.txt"))


@cache
def misato_ids() -> frozenset[str]:
    """Every complex of MISATO's MD file."""
    return frozenset(x for part in PARTS for x in official(part))


def _bundled(name: str) -> tuple[str, ...]:
    folder = files("neuralmd_cli.dataset") / "lists"
    return tuple((folder / name).read_text(encoding="utf-8").split())


def _misato_all() -> Split:
    return Split(
        name="misato-all",
        about="MISATO's official split without peptides",
        parts={p: tuple(x for x in official(p) if x not in peptides()) for p in PARTS},
    )


def _misato_subset(size: int) -> Split:
    """The paper's random subset; the draw is before peptides are left out."""
    ids = sorted(misato_ids())
    random.Random(SUBSET_SEED).shuffle(ids)
    kept = [x for x in ids if x not in peptides()][:size]
    first, second = size * 8 // 10, size * 9 // 10
    return Split(
        name=f"misato-{size}",
        about=f"the NeuralMD paper's random {size} complexes, 80/10/10 %",
        parts={
            "train": tuple(kept[:first]),
            "val": tuple(kept[first:second]),
            "test": tuple(kept[second:]),
        },
    )


def _misato_single() -> Split:
    about = "the paper's ten single trajectories, each divided in time"
    return Split(name="misato-single", about=about, parts={}, undivided=SINGLE)


def _own_md() -> Split:
    text = (files("neuralmd_cli.dataset") / "lists" / "own_md.toml").read_text()
    split = _from_toml(Path("own-md"), text)
    about = "our own MD, by target; what the default weights were trained on"
    return Split(name="own-md", about=about, parts=split.parts)


def _own_fold(fold: int) -> Split:
    """Fold `fold` (from 1) is the test part, the next one validation, the rest train.

    Families go, the largest first and else in a drawn order, to the smallest fold.
    """
    alone = sorted(set(_own_md().ids) - {x for family in FAMILIES for x in family})
    families: list[tuple[str, ...]] = [(x,) for x in alone]
    random.Random(0).shuffle(families)
    folds: list[list[str]] = [[] for _ in range(FOLDS)]
    for family in (*sorted(FAMILIES, key=len, reverse=True), *families):
        min(folds, key=len).extend(family)
    test, val = folds[fold - 1], folds[fold % FOLDS]
    rest = [x for one in folds if one is not test and one is not val for x in one]
    return Split(
        name=f"own-md-fold-{fold}",
        about=f"our own MD by target, fold {fold} of {FOLDS} for test",
        parts={"train": tuple(rest), "val": tuple(val), "test": tuple(test)},
    )


def _fold(fold: int) -> Callable[[], Split]:
    return lambda: _own_fold(fold)


_NAMED: dict[str, Callable[[], Split]] = {
    "misato-all": _misato_all,
    "misato-1000": lambda: _misato_subset(1000),
    "misato-100": lambda: _misato_subset(100),
    "misato-single": _misato_single,
    "own-md": _own_md,
    **{f"own-md-fold-{k}": _fold(k) for k in range(1, FOLDS + 1)},
}


def _from_toml(path: Path, text: str) -> Split:
    parts: dict[Part, tuple[str, ...]] = {}
    for key, ids in toml_tables(text).items():
        part = next((p for p in PARTS if ALIASES.get(key, key) == p), None)
        if part is None:
            raise InputError(
                f"{path.name}: {key!r} is no part of a split.",
                hint="Parts are train, val (or validation) and test.",
            )
        if not isinstance(ids, list) or not all(isinstance(x, str) for x in ids):
            raise InputError(
                f"{path.name}: {key} is not a list of ids.",
                hint=f'Write it as {key} = ["1ABC", "2ABC"].',
            )
        if part in parts:
            raise InputError(
                f"{path.name} has both val and validation.", hint="Keep one of them."
            )
        parts[part] = tuple(ids)
    _check_distinct(path, [x for ids in parts.values() for x in ids])
    return Split(
        name=path.name,
        about="user's split",
        parts={p: parts[p] for p in PARTS if p in parts},
    )


def _check_distinct(path: Path, ids: Sequence[str]) -> None:
    """Upper and lower case are one complex: a leak between parts is a wrong score."""
    counts = Counter(x.upper() for x in ids)
    twice = [x for x, n in counts.items() if n > 1]
    if twice:
        raise InputError(
            f"{path.name}: {', '.join(twice[:5])} "
            f"{'is' if len(twice) == 1 else 'are'} there more than once.",
            hint="Name each complex once, in one part.",
        )
    if not ids:
        raise InputError(
            f"{path.name} names no complex.",
            hint='Write TOML, as train = ["1ABC", "2ABC"], or one id a line.',
        )
