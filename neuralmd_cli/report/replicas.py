"""The trajectories of one report: found, opened, and seen to be of one ligand."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.analysis.geometry import in_frame_of
from neuralmd_cli.errors import InputError
from neuralmd_cli.opening.opened import Opened, open_trajectory
from neuralmd_cli.readers import topology_path

MOST_REPLICAS = 20
MOST_LOOKED = 500
"""Snapshots of a trajectory that are checked, searched for contacts, shown in 3-D."""
MOST_LOOKED_IN_ALL = 2000
LEAST_LOOKED = 100
MOST_POINTS = 2000
"""Points of one curve."""
MOST_POINTS_IN_ALL = 12_000


@dataclass(frozen=True, kw_only=True)
class Source:
    """Which files, and how the ligand, its bonds and its protein are found in them."""

    top: Path | None = None
    ligand_residue: str | None = None
    ligand: Path | None = None
    smiles: str | None = None
    protein: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Replica:
    """One trajectory: all its snapshots of the ligand, and some with surroundings."""

    whole: Opened  # every snapshot, the ligand alone
    looked: Opened  # each `every`-th snapshot, with what stands around
    every: int
    every_point: int  # each such snapshot is a point of a curve

    @property
    def name(self) -> str:
        """The file's name."""
        return self.whole.loaded.path.name

    @property
    def seen(self) -> Float[Tensor, "frames atoms 3"]:
        """Heavy atoms in every snapshot, as the pocket sees them, Å."""
        loaded = self.whole.loaded
        return in_frame_of("pocket", self.whole.positions, loaded.ca_positions)


def expanded(paths: Sequence[Path]) -> list[Path]:
    """The trajectories meant: a run's name stands for all its replicas.

    `simulate --replicas 3 -o traj.dcd` writes traj_r1.dcd to traj_r3.dcd; where there
    is no traj.dcd, that name means all that the run record traj.json lists.

    Raises:
        InputError: none, too many, or one twice.
    """
    found = [file for path in paths for file in _of_run(path)]
    if not found:
        raise InputError("A report needs a trajectory.", hint="Name at least one.")
    if len(found) > MOST_REPLICAS:
        raise InputError(
            f"{len(found)} trajectories are too many for one report.",
            hint=f"Name at most {MOST_REPLICAS}; neuralmd screen has a page for more.",
        )
    twice = [x for k, x in enumerate(found) if x.resolve() in _resolved(found[:k])]
    if twice:
        raise InputError(f"{twice[0]} is named twice.", hint="Name each file once.")
    return found


def open_replicas(paths: Sequence[Path], source: Source) -> list[Replica]:
    """Open them all.

    Raises:
        InputError: a file cannot be read, or they are not of one ligand.
    """
    wholes = [_opened(path, source, with_surroundings=False) for path in paths]
    first = wholes[0]
    for other in wholes[1:]:
        same = other.atom_names == first.atom_names and torch.equal(
            other.atomic_numbers, first.atomic_numbers
        )
        if not same:
            raise InputError(
                f"{other.loaded.path.name} has another ligand than "
                f"{first.loaded.path.name}: {other.loaded.ligand}, {len(other.start)} "
                f"heavy atoms, against {first.loaded.ligand}, {len(first.start)}.",
                hint="A report is about one ligand: its runs or replicas.",
            )
    looked = min(MOST_LOOKED, max(LEAST_LOOKED, MOST_LOOKED_IN_ALL // len(paths)))
    points = min(MOST_POINTS, MOST_POINTS_IN_ALL // len(paths))
    replicas = []
    for path, whole in zip(paths, wholes, strict=True):
        n = whole.loaded.n_frames
        every = -(-n // looked)
        replicas.append(
            Replica(
                whole=whole,
                looked=_opened(path, source, every=every),
                every=every,
                every_point=-(-n // points),
            )
        )
    return replicas


def counted_on(on_snapshot: Callable[[int], None], done: int) -> Callable[[int], None]:
    """What counts one trajectory's snapshots, after `done` of those before it."""
    return lambda k: on_snapshot(done + k)


def run_record(path: Path, top: Path | None) -> dict[str, Any] | None:
    """The run record of a trajectory, if one beside its topology lists it."""
    beside = topology_path(path, top).with_suffix(".json")
    try:
        held: Any = json.loads(beside.read_text(encoding="utf-8"))
        return held if path.name in held["outputs"] else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _opened(
    path: Path, source: Source, *, every: int = 1, with_surroundings: bool = True
) -> Opened:
    return open_trajectory(
        path,
        top=source.top,
        ligand_residue=source.ligand_residue,
        ligand=source.ligand,
        smiles=source.smiles,
        protein=source.protein,
        every=every,
        with_surroundings=with_surroundings,
    )


def _of_run(path: Path) -> list[Path]:
    """The file itself, or the replicas of the run of that name."""
    if path.exists():
        return [path]
    try:
        record: Any = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        outputs = [str(name) for name in record["outputs"]]
    except (OSError, ValueError, LookupError, TypeError):
        return [path]
    pattern = rf"{re.escape(path.stem)}_r\d+{re.escape(path.suffix)}"
    return [path.with_name(x) for x in outputs if re.fullmatch(pattern, x)] or [path]


def _resolved(paths: Sequence[Path]) -> set[Path]:
    return {path.resolve() for path in paths}
