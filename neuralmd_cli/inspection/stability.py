"""Is each snapshot a possible molecule in a possible place? docs/stability.md."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.analysis.chirality import inverted
from neuralmd_cli.analysis.geometry import in_frame_of
from neuralmd_cli.analysis.ideal_geometry import (
    DistanceBounds,
    Largest,
    angle_triples,
    bond_pairs,
    bounds_of_start,
    distance_bounds,
    flat_groups,
    out_of_plane,
    thermal_ranges,
)
from neuralmd_cli.analysis.published_metrics import matching, stability
from neuralmd_cli.analysis.strain import strain
from neuralmd_cli.analysis.validity import CLASH_SHARE, internal_clashes
from neuralmd_cli.comparison.matching import Match, match_atoms, match_frames
from neuralmd_cli.inspection.pocket_contacts import closeness, contacts_kept
from neuralmd_cli.inspection.verdicts import Measured
from neuralmd_cli.opening.opened import Opened
from neuralmd_cli.readers import LoadedTrajectory

BOUND_BROKEN = 25.0
"""% a bond or an angle's span may exceed its distance-geometry bounds (PoseBusters)."""
FLAT_BROKEN = 0.25
"""Å an atom may be out of the plane of its ring or double bond (PoseBusters)."""
SPREADS_ODD = 6.0
"""Thermal spreads a bond or angle may be outside start and MMFF94's rest value.

The largest in 250 snapshots of all-atom molecular dynamics is 5.4.
"""
STRAIN_ODD = 10.0
"""kcal/mol; our choice."""
STRAIN_BROKEN = 83.0
"""kcal/mol: the mean energy of a C-C bond."""
POSE_ODD = 2.0
"""Å of RMSD up to which two poses count as the same."""
KEPT_ODD, KEPT_BROKEN = 50.0, 10.0
"""% of starting contacts; borrowed from CAPRI's classes of protein-protein models."""


@dataclass(frozen=True, kw_only=True)
class Stability:
    """All checks that could be made, and why others could not."""

    checks: tuple[Measured, ...]
    not_judged: tuple[tuple[str, str], ...]  # label and reason
    times: Float[Tensor, " frames"]  # ps
    agreement: "Agreement | None"


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The paper's Stability and Matching against a reference, snapshot by snapshot."""

    times: Float[Tensor, " compared"]  # ps, of the trajectory
    stability: Float[Tensor, " compared"]  # %
    matching: Float[Tensor, " compared"]  # Å
    notes: tuple[str, ...]


def check_stability(
    opened: Opened,
    reference: LoadedTrajectory | None = None,
    *,
    match: Match = "times",
    on_snapshot: Callable[[int], None] = lambda done: None,
) -> Stability:
    """Every check of a trajectory, against limits or, with a reference, against that.

    Args:
        match: which snapshots of the reference belong to which.
        on_snapshot: told how many snapshots' strain is done, the slow part.

    Raises:
        InputError: the reference is of another ligand, or at no common time.
    """
    checks, missing = list(_shape(opened)), list[tuple[str, str]]()
    if opened.molecule is None:
        without = f"bond orders unknown: {opened.molecule_missing}"
        missing += [(label, without) for label in ("Planarity", "Stereochemistry")]
        missing.append(("Strain", without))
    else:
        checks += _chemistry(opened, opened.molecule)
        tense = _energy(opened, on_snapshot)
        if tense:
            checks += tense
        else:
            missing.append(("Strain", "MMFF94 has no type for one of its atoms"))
    checks += _place(opened)
    if opened.around is None:
        missing += [
            (label, opened.around_missing)
            for label in ("Protein contact", "Contacts kept")
        ]
    order = {name: k for k, name in enumerate(_ORDER)}
    nowhere = torch.tensor(torch.nan, dtype=torch.double)
    checks = [
        replace(x, values=torch.where(opened.finite, x.values, nowhere)) for x in checks
    ]
    return Stability(
        checks=tuple(sorted(checks, key=lambda x: order[x.name])),
        not_judged=tuple(missing),
        times=opened.loaded.times,
        agreement=None if reference is None else _agreement(opened, reference, match),
    )


_ORDER = (
    "bond_lengths",
    "bond_angles",
    "bond_lengths_thermal",
    "bond_angles_thermal",
    "planarity",
    "stereochemistry",
    "internal_clashes",
    "protein_clashes",
    "strain",
    "pose_rmsd",
    "contacts_kept",
)


def _shape(opened: Opened) -> list[Measured]:
    """Bonds, angles and clashes inside, which need no bond orders."""
    pairs = bond_pairs(opened.bonds)
    ends = angle_triples(opened.bonds, len(opened.start))[:, [0, 2]]
    frames = _with_start(opened)

    def bounds(of: Int[Tensor, "pairs 2"]) -> DistanceBounds:
        if opened.molecule is None:
            return bounds_of_start(opened.start, of)
        return distance_bounds(opened.molecule, of)

    inside = internal_clashes(frames, opened.atomic_numbers, opened.bonds)
    return [
        _of_largest(
            opened,
            bounds(of).excess(frames),
            name=name,
            label=label,
            unit="%",
            broken=BOUND_BROKEN,
            between=between,
        )
        for name, label, of, between in (
            ("bond_lengths", "Bond lengths", pairs, "-"),
            ("bond_angles", "Bond angles", ends, "..."),
        )
    ] + [
        _split(
            inside.double(),
            name="internal_clashes",
            label="Inner clashes",
            unit="pairs",
            broken=0.0,
        )
    ]


def _chemistry(opened: Opened, molecule: Chem.Mol) -> list[Measured]:
    """Planes and stereochemistry."""
    frames = _with_start(opened)
    counts, atoms = inverted(molecule, opened.start, frames)
    return [
        _of_largest(
            opened,
            out_of_plane(frames, flat_groups(molecule)),
            name="planarity",
            label="Planarity",
            unit="Å",
            broken=FLAT_BROKEN,
        ),
        _split(
            counts,
            name="stereochemistry",
            label="Stereochemistry",
            unit="inverted",
            broken=0.0,
            worst=_names(opened, atoms, ", "),
        ),
    ]


def _energy(opened: Opened, on_snapshot: Callable[[int], None]) -> list[Measured]:
    """Strain, and bonds and angles by MMFF94; nothing where it has no types."""
    full, positions, _ = opened.all_atoms()
    energies = strain(full, positions, on_snapshot)
    frames = _with_start(opened)
    terms = (
        ("bond_lengths_thermal", "Bonds, thermal", bond_pairs(opened.bonds)),
        (
            "bond_angles_thermal",
            "Angles, thermal",
            angle_triples(opened.bonds, len(opened.start)),
        ),
    )
    if energies is None:
        return []
    found = [
        Measured(
            name="strain",
            label="Strain",
            unit="kcal/mol",
            values=energies,
            at_start=0.0,
            odd=STRAIN_ODD,
            broken=STRAIN_BROKEN,
        )
    ]
    for name, label, atoms in terms:
        ranges = thermal_ranges(full, atoms, opened.start)
        if ranges is not None:
            found.append(
                _of_largest(
                    opened,
                    ranges.deviation(frames),
                    name=name,
                    label=label,
                    unit="σ",
                    odd=SPREADS_ODD,
                )
            )
    return found


def _place(opened: Opened) -> list[Measured]:
    """Pose, clashes with the surroundings, contacts kept."""
    positions = in_frame_of("pocket", opened.positions, opened.loaded.ca_positions)
    moved = (positions - opened.start).double().square().sum(dim=2).mean(dim=1).sqrt()
    found = [
        Measured(
            name="pose_rmsd",
            label="Pose RMSD",
            unit="Å",
            values=moved,
            at_start=0.0,
            odd=POSE_ODD,
        )
    ]
    if opened.around is None:
        return found
    shares, pairs = closeness(opened, opened.around)
    kept, had = contacts_kept(opened, opened.around)
    found.append(
        _split(
            shares,
            name="protein_clashes",
            label="Protein contact",
            unit="vdW",
            broken=CLASH_SHARE,
            low_is_bad=True,
            worst=pairs,
        )
    )
    if had:
        found.append(
            _split(
                kept,
                name="contacts_kept",
                label="Contacts kept",
                unit="%",
                odd=KEPT_ODD,
                broken=KEPT_BROKEN,
                low_is_bad=True,
            )
        )
    return found


def _agreement(opened: Opened, reference: LoadedTrajectory, match: Match) -> Agreement:
    """Matching and Stability of the snapshots both have."""
    atoms = match_atoms(opened.loaded, reference)
    frames = match_frames(opened.loaded, reference, match)
    ours = opened.loaded.positions[frames.predicted][:, atoms.predicted]
    theirs = reference.positions[frames.reference][:, atoms.reference]
    return Agreement(
        times=opened.loaded.times[frames.predicted],
        stability=stability(ours, theirs),
        matching=matching(ours, theirs),
        notes=(*reference.notes, *atoms.notes, *frames.notes),
    )


def _with_start(opened: Opened) -> Float[Tensor, "frames atoms 3"]:
    """The start, then the snapshots."""
    return torch.cat([opened.start[None], opened.positions])


def _split(
    values: Float[Tensor, " frames"],
    *,
    name: str,
    label: str,
    unit: str,
    odd: float | None = None,
    broken: float | None = None,
    low_is_bad: bool = False,
    worst: str = "",
) -> Measured:
    """A measure whose first value is the start's."""
    return Measured(
        name=name,
        label=label,
        unit=unit,
        values=values[1:].double(),
        at_start=float(values[0]),
        odd=odd,
        broken=broken,
        low_is_bad=low_is_bad,
        worst=worst,
    )


def _of_largest(
    opened: Opened,
    found: Largest,
    *,
    name: str,
    label: str,
    unit: str,
    odd: float | None = None,
    broken: float | None = None,
    between: str = "-",
) -> Measured:
    """A measure of the worst of several groups of atoms, with their names."""
    place = int(found.values[1:].argmax()) + 1
    atoms: list[int] = found.atoms[place].tolist()
    return _split(
        found.values,
        name=name,
        label=label,
        unit=unit,
        odd=odd,
        broken=broken,
        worst=_names(opened, list(dict.fromkeys(atoms)), between),
    )


def _names(opened: Opened, atoms: list[int], between: str) -> str:
    return between.join(opened.atom_names[k] for k in atoms)
