"""The few numbers a run is summarised by."""

from torch import Tensor

from neuralmd_cli.analysis.geometry import rmsd
from neuralmd_cli.analysis.rmsf import rmsf_per_atom
from neuralmd_cli.analysis.validity import bond_lengths, contacts, internal_clashes
from neuralmd_cli.complex import Complex
from neuralmd_cli.trajectory import Check, Trajectory

Row = tuple[str, Tensor, str, str]


def summarise(trajectory: Trajectory, complex_: Complex) -> list[Check]:
    """Motion, validity and contact of a simulated ligand, in the pocket's frame.

    Args:
        trajectory: the start, then one frame or more; RMSF leaves the start out, as
            the trajectory file does.
        complex_: the same ligand, its bonds, and what it can hit, in the coordinates of
            the trajectory.
    """
    positions, ligand = trajectory.positions, complex_.ligand
    moved = rmsd(positions)
    shaken = rmsf_per_atom(positions[1:])
    bonds = bond_lengths(positions, ligand.bonds)
    inner = internal_clashes(positions, ligand.atomic_numbers, ligand.bonds)
    rows: list[Row] = [
        *_over_time(moved, trajectory.times),
        ("rmsd_mean", moved[1:].mean(), "Å", "ligand RMSD to the start, mean"),
        ("rmsd_max", moved.max(), "Å", "ligand RMSD to the start, largest"),
        ("rmsf_mean", shaken.mean(), "Å", "RMSF, mean over heavy atoms"),
        ("rmsf_max", shaken.max(), "Å", "RMSF of the most mobile atom"),
        (
            "bonds_intact",
            100 * bonds.intact.mean(),
            "%",
            "bonds within 25 % of their starting length",
        ),
        (
            "bond_change_max",
            bonds.largest_change.max(),
            "Å",
            "largest change of any bond length",
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


def _over_time(moved: Tensor, times: Tensor) -> list[Row]:
    """RMSD after each quarter of the simulated time."""
    last = len(times) - 1
    frames = sorted({max(1, round(last * k / 4)) for k in (1, 2, 3, 4)})
    at = [(k, float(times[k])) for k in frames]
    return [
        (f"rmsd_at_{ps:g}_ps", moved[k], "Å", f"ligand RMSD to the start at {ps:g} ps")
        for k, ps in at
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
            f"closest contact of heavy atoms, at {at_ps:g} ps",
        ),
        (
            "frames_clashing",
            100 * (touch.clashing_atoms > 0).double().mean(),
            "%",
            "frames that clash (below 0.75 of the vdW distance)",
        ),
    ]
