"""The few numbers a run is summarised by."""

from torch import Tensor

from neuralmd_cli.analysis.geometry import rmsd
from neuralmd_cli.analysis.rmsf import rmsf
from neuralmd_cli.analysis.validity import bond_lengths, contacts, internal_clashes
from neuralmd_cli.complex import Complex
from neuralmd_cli.trajectory import Check, Trajectory

Row = tuple[str, Tensor, str, str]


def summarise(trajectory: Trajectory, complex_: Complex) -> list[Check]:
    """Motion, validity and contact of a simulated ligand, in the pocket's frame.

    Args:
        trajectory: at least two frames, the first being the start.
        complex_: the same ligand, its bonds, and what it can hit, in the coordinates of
            the trajectory.
    """
    positions, ligand = trajectory.positions, complex_.ligand
    moved = rmsd(positions)
    shaken = rmsf(positions, window=2)
    bonds = bond_lengths(positions, ligand.bonds)
    inner = internal_clashes(positions, ligand.atomic_numbers, ligand.bonds)
    rows: list[Row] = [
        ("rmsd_end", moved[-1], "Å", "ligand RMSD to the start, last frame"),
        ("rmsd_mean", moved.mean(), "Å", "ligand RMSD to the start, mean over time"),
        ("rmsd_max", moved.max(), "Å", "ligand RMSD to the start, largest"),
        ("rmsf_mean", shaken.per_atom.mean(), "Å", "RMSF, mean over heavy atoms"),
        ("rmsf_max", shaken.per_atom.max(), "Å", "RMSF of the most mobile heavy atom"),
        (
            "bonds_intact",
            100 * bonds.intact.mean(),
            "%",
            "bonds within 25 % of their starting length, mean over frames",
        ),
        (
            "bond_change_max",
            bonds.largest_change.max(),
            "Å",
            "largest change of a bond length in any frame",
        ),
        (
            "frames_clashing_inside",
            100 * (inner > 0).double().mean(),
            "%",
            "frames in which the ligand runs into itself",
        ),
    ]
    if len(complex_.protein.obstacle_positions):
        rows += _contact_rows(trajectory, complex_)
    return [
        Check(name=name, value=float(value), unit=unit, meaning=meaning)
        for name, value, unit, meaning in rows
    ]


def _contact_rows(trajectory: Trajectory, complex_: Complex) -> list[Row]:
    """The closest contact with the surroundings, and how often it is a clash."""
    touch = contacts(
        trajectory.positions,
        complex_.ligand.atomic_numbers,
        complex_.protein.obstacle_positions,
        complex_.protein.obstacle_numbers,
    )
    at_ps = float(trajectory.times[int(touch.distances.argmin())])
    return [
        (
            "contact_min",
            touch.distances.min(),
            "Å",
            f"closest heavy-atom contact with the surroundings, at {at_ps:g} ps",
        ),
        (
            "frames_clashing",
            100 * (touch.clashing_atoms > 0).double().mean(),
            "%",
            "frames with a contact below 0.75 of the van der Waals distance",
        ),
    ]
