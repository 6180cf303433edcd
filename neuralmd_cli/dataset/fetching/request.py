"""Which complexes a user means: a split, a file with one, or ids."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neuralmd_cli.dataset.fetching.source import MISATO, listed
from neuralmd_cli.dataset.splits import (
    Part,
    load_split,
    misato_ids,
    peptides,
    split_names,
)
from neuralmd_cli.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Requested:
    """Which complexes to fetch, and the name their file gets by default."""

    ids: tuple[str, ...]
    file_name: str


def requested(target: str, part: Part | None = None, *, url: str) -> Requested:
    """The complexes meant by a split's name, a file with a split, or ids with commas.

    Raises:
        InputError: no such split or part, an unknown id (any is known at an address
            other than MISATO's), or a complex with a peptide for a ligand.
    """
    if target in split_names() or Path(target).is_file():
        split = load_split(target)
        ids = [x.upper() for x in split.part(part)]
        name = "-".join(x for x in (Path(target).stem, part) if x)
    else:
        ids = [x.strip().upper() for x in target.split(",") if x.strip()]
        ids = list(dict.fromkeys(ids))
        name = ids[0] if len(ids) == 1 else "misato-selection"
        if part is not None:
            raise InputError(
                f"{target} has no part {part!r}.", hint="Only splits have parts."
            )
    unknown = [x for x in ids if x not in misato_ids()] if url == MISATO.url else []
    if unknown or not ids:
        raise InputError(
            f"{listed(unknown) or repr(target)} is neither a split nor in MISATO.",
            hint=_alternatives(target, unknown),
        )
    refused = [x for x in ids if x in peptides()]
    if refused:
        raise InputError(
            f"{listed(refused)}: the ligand is a peptide, which neuralmd cannot use.",
            hint="Leave it out.",
        )
    return Requested(ids=tuple(ids), file_name=f"{name}.hdf5")


def _alternatives(target: str, unknown: Sequence[str]) -> str:
    names = difflib.get_close_matches(target.lower(), split_names(), n=3)
    close = [
        *names,
        *(y for x in unknown[:3] for y in difflib.get_close_matches(x, misato_ids())),
    ]
    if close:
        return f"Near it are {', '.join(close)}."
    return f"Give PDB ids, a file of ids, or one of {', '.join(split_names())}."
