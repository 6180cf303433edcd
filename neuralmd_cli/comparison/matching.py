"""Which atoms, snapshots and residues of two trajectory files are the same."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from mdtraj.core.topology import Residue
from numpy import ndarray
from torch import Tensor

from neuralmd_cli.errors import InputError
from neuralmd_cli.ligand_residue import residue_label
from neuralmd_cli.readers import LoadedTrajectory, ca_atoms

Match = Literal["times", "frames"]
"""Snapshots of the same time, or of the same number, are compared."""

_RESIDUES = 4
"""A fit on fewer residues than these would say little about the pocket."""

_SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of the predicted and of the reference file that belong together."""

    predicted: Int[Tensor, " rows"]
    reference: Int[Tensor, " rows"]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _HeavyAtoms:
    """Heavy atoms of a ligand: rows among all its atoms, names, elements, bonds."""

    rows: list[int]
    names: list[str]
    numbers: list[int]
    bonds: set[frozenset[int]]  # as places in `rows`

    @classmethod
    def of(cls, loaded: LoadedTrajectory) -> "_HeavyAtoms":
        rows: list[int] = loaded.heavy.nonzero()[:, 0].tolist()
        place = {row: k for k, row in enumerate(rows)}
        bonds = {
            frozenset((place[a], place[b]))
            for a, b in loaded.bonds.tolist()
            if a in place and b in place
        }
        names = [loaded.atom_names[row] for row in rows]
        return cls(rows, names, loaded.atomic_numbers[rows].tolist(), bonds)


def match_atoms(predicted: LoadedTrajectory, reference: LoadedTrajectory) -> Rows:
    """Heavy atoms of both ligands, by name, else in file order.

    Names count if they are the same set, each once; elements and, where both
    topologies have bonds, the bonds must then agree, so that two programs' C1 are not
    taken for each other. Else the order of the files counts, on the same conditions.

    Returns:
        Rows among all atoms of each ligand, in the reference's order.

    Raises:
        InputError: the ligands are not the same, or their atoms cannot be matched.
    """
    ours, theirs = _HeavyAtoms.of(predicted), _HeavyAtoms.of(reference)
    in_order = list(range(len(theirs.rows)))
    by_name = None
    if set(ours.names) == set(theirs.names) and _unique(ours) and _unique(theirs):
        place = {name: k for k, name in enumerate(ours.names)}
        by_name = [place[name] for name in theirs.names]
    for order, note in ((by_name, ""), (in_order, "atoms were matched in file order")):
        if order is not None and _same(ours, theirs, order):
            if note and ours.names != theirs.names:
                note += ": their names differ"
            return Rows(
                predicted=torch.tensor([ours.rows[k] for k in order]),
                reference=torch.tensor(theirs.rows),
                notes=(note,) if note else (),
            )
    raise InputError(
        f"The ligands {predicted.ligand} of {predicted.path.name} and "
        f"{reference.ligand} of {reference.path.name} are not the same: "
        f"{_difference(ours, theirs)}.",
        hint="Give topologies of the same molecule, its heavy atoms named alike or in "
        "one order; --ligand-residue says which residue is meant.",
    )


def match_frames(
    predicted: LoadedTrajectory, reference: LoadedTrajectory, how: Match
) -> Rows:
    """Snapshots to compare: those at common times, or the first with the first.

    Raises:
        InputError: no common time, or times that cannot be compared.
    """
    if how == "times" and not (predicted.timed or reference.timed):
        how = "frames"
    if how == "frames":
        n = min(predicted.n_frames, reference.n_frames)
        same = torch.arange(n)
        longest = max(predicted.n_frames, reference.n_frames)
        notes = [f"snapshots were matched by number, 1 to {n}, whatever their times"]
        if longest > n:
            notes.append(f"{longest - n} snapshots of the longer file are left out")
        return Rows(predicted=same, reference=same, notes=tuple(notes))
    ours, theirs = _times(predicted), _times(reference)
    nearest = np.searchsorted((theirs[1:] + theirs[:-1]) / 2, ours)
    spacing = min(_spacing(ours), _spacing(theirs))
    # XTC holds float32: seven digits of a time
    tolerance = np.maximum(1e-3 * min(spacing, 1.0), 1e-6 * np.abs(ours))
    common = np.flatnonzero(np.abs(theirs[nearest] - ours) <= tolerance)
    if not len(common):
        raise InputError(
            f"No snapshot is at the same time: {_span(predicted)}, {_span(reference)}.",
            hint="Write them at common times, or compare snapshot by snapshot with "
            "--match frames.",
        )
    notes = [
        f"{len(common)} of {len(times)} snapshots of {file.path.name} are at times the "
        "other has, and compared"
        for file, times in ((predicted, ours), (reference, theirs))
        if len(common) < len(times)
    ]
    return Rows(
        predicted=torch.from_numpy(common),
        reference=torch.from_numpy(nearest[common]),
        notes=tuple(notes),
    )


def match_residues(
    predicted: LoadedTrajectory, reference: LoadedTrajectory
) -> Rows | None:
    """Residues of both proteins, as places among their CA atoms.

    All in file order if the sequences are the same, else those of the same name, chain
    and number; None if these are too few for a fit.
    """
    ours, theirs = (
        [atom.residue for atom in ca_atoms(x.topology, x.ligand_index)]
        for x in (predicted, reference)
    )
    if len(ours) < _RESIDUES or len(theirs) < _RESIDUES:
        return None
    if [r.name for r in ours] == [r.name for r in theirs]:
        same = torch.arange(len(ours))
        return Rows(predicted=same, reference=same)
    our_labels, their_labels = map(_once, (ours, theirs))
    common = [label for label in their_labels if label in our_labels]
    if len(common) < _RESIDUES:
        return None
    return Rows(
        predicted=torch.tensor([our_labels[x] for x in common]),
        reference=torch.tensor([their_labels[x] for x in common]),
        notes=(
            f"{len(common)} residues are in both proteins ({len(ours)} and "
            f"{len(theirs)}), by name, chain and number",
        ),
    )


def _once(residues: list[Residue]) -> dict[str, int]:
    """Place of each residue whose label no other has."""
    labels = [residue_label(r) for r in residues]
    counts = Counter(labels)
    return {label: k for k, label in enumerate(labels) if counts[label] == 1}


def _unique(atoms: _HeavyAtoms) -> bool:
    """Whether no two atoms have the same name."""
    return len(set(atoms.names)) == len(atoms.names)


def _same(ours: _HeavyAtoms, theirs: _HeavyAtoms, order: list[int]) -> bool:
    """Whether our atoms, in this order, have their elements and bonds."""
    if len(ours.rows) != len(order):
        return False
    if [ours.numbers[k] for k in order] != theirs.numbers:
        return False
    place = {old: new for new, old in enumerate(order)}
    moved = {frozenset(place[k] for k in bond) for bond in ours.bonds}
    return not ours.bonds or not theirs.bonds or moved == theirs.bonds


def _difference(ours: _HeavyAtoms, theirs: _HeavyAtoms) -> str:
    """What keeps two ligands from being the same, most telling first."""
    if len(ours.rows) != len(theirs.rows):
        return f"{len(ours.rows)} heavy atoms and {len(theirs.rows)}"
    if Counter(ours.numbers) != Counter(theirs.numbers):
        return "they have other elements"
    if set(ours.names) == set(theirs.names):
        return "atoms of the same name are bonded differently"
    lone = sorted(set(ours.names) - set(theirs.names))
    more = ", ..." if len(lone) > _SHOWN else ""
    return (
        "their order differs, and the names too (only the first has "
        f"{', '.join(lone[:_SHOWN])}{more})"
    )


def _times(loaded: LoadedTrajectory) -> Float[ndarray, " frames"]:
    """Times in ps, if they can be matched."""
    times: ndarray = loaded.times.double().numpy()
    if loaded.timed and bool((np.diff(times) > 0).all()):
        return times
    problem = "has times that fall back" if loaded.timed else "holds no times"
    raise InputError(
        f"{loaded.path.name} {problem}, so its snapshots cannot be matched by time.",
        hint="If they correspond one by one, compare them with --match frames.",
    )


def _spacing(times: Float[ndarray, " frames"]) -> float:
    """Shortest time between snapshots, ps."""
    return float(np.diff(times).min()) if len(times) > 1 else np.inf


def _span(loaded: LoadedTrajectory) -> str:
    """File, first and last time."""
    times = loaded.times
    return f"{loaded.path.name} has {float(times[0]):g} to {float(times[-1]):g} ps"
