"""What each metric is called, measured in and good for: one table for all output.

Tables, CSV headers and docs/metrics.md are made from it or tested against it.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number a prediction is scored by."""

    name: str  # as in JSON, CSV and options
    label: str  # as in a table for people
    unit: str  # empty for a pure number
    better: Literal["lower", "higher"]
    definition: Literal["published", "corrected"]
    meaning: str


def _published(
    name: str, label: str, unit: str, better: Literal["lower", "higher"], meaning: str
) -> Metric:
    return Metric(
        name=name,
        label=label,
        unit=unit,
        better=better,
        definition="published",
        meaning=meaning,
    )


def _corrected(
    name: str, label: str, unit: str, better: Literal["lower", "higher"], meaning: str
) -> Metric:
    return Metric(
        name=name,
        label=label,
        unit=unit,
        better=better,
        definition="corrected",
        meaning=meaning,
    )


METRICS = (
    _published(
        "mae", "MAE", "Å", "lower", "L1 norm of an atom's error, mean over atoms"
    ),
    _published(
        "rmse", "RMSE", "Å", "lower", "mean distance of an atom from where it should be"
    ),
    _published(
        "matching",
        "Matching",
        "Å",
        "lower",
        "root mean square error of pair distances, an atom with itself included",
    ),
    _published(
        "stability",
        "Stability",
        "%",
        "higher",
        "pair distances within 0.5 Å, an atom with itself included",
    ),
    _published(
        "ligand_collision",
        "Ligand collision",
        "%",
        "lower",
        "atom pairs below covalent distance, bonds and an atom with itself included",
    ),
    _published(
        "binding_collision",
        "Binding collision",
        "%",
        "lower",
        "pairs of ligand and backbone atoms below covalent distance",
    ),
    _published(
        "fps", "FPS", "1/s", "higher", "snapshots/s times the frames of a complex"
    ),
    _corrected(
        "position_rmsd",
        "RMSD",
        "Å",
        "lower",
        "root mean square distance of atoms, the ligand not superposed",
    ),
    _corrected(
        "centre_of_mass_error",
        "Centre of mass",
        "Å",
        "lower",
        "distance of the centres of mass: the part of the error that is place",
    ),
    _corrected(
        "internal_rmsd",
        "Internal RMSD",
        "Å",
        "lower",
        "RMSD after superposing the ligand: the part of the error that is shape",
    ),
    _corrected(
        "pair_matching",
        "Matching, i≠j",
        "Å",
        "lower",
        "root mean square error of pair distances",
    ),
    _corrected(
        "pair_stability",
        "Stability, i≠j",
        "%",
        "higher",
        "pair distances within 0.5 Å",
    ),
    _corrected(
        "pair_distance_distance",
        "Pair distances W1",
        "Å",
        "lower",
        "Wasserstein-1 distance of the distributions of pair distances, whenever taken",
    ),
    _corrected(
        "torsion_distance",
        "Torsions W1",
        "°",
        "lower",
        "Wasserstein-1 distance of the distributions of torsion angles, whenever taken",
    ),
    _corrected(
        "rmsf_error",
        "RMSF error",
        "Å",
        "lower",
        "error of an atom's fluctuation, mean over atoms",
    ),
    _corrected(
        "rmsf_correlation",
        "RMSF correlation",
        "",
        "higher",
        "whether the right atoms are the mobile ones: Pearson's r over atoms",
    ),
    _corrected(
        "pair_collision",
        "Ligand collision, i≠j",
        "%",
        "lower",
        "pairs of atoms, neither same nor bonded, below covalent distance",
    ),
    _corrected(
        "frames_clashing_inside",
        "Frames clashing inside",
        "%",
        "lower",
        "frames in which the ligand runs into itself, by van der Waals radii",
    ),
    _corrected(
        "frames_clashing",
        "Frames clashing",
        "%",
        "lower",
        "frames in which the ligand runs into what stands still around it",
    ),
    _corrected(
        "snapshots_per_s",
        "Snapshots/s",
        "1/s",
        "higher",
        "snapshots predicted per second of wall time, each counted once",
    ),
    _corrected(
        "skill",
        "Skill",
        "",
        "higher",
        "0 for a ligand that stays at the start, 1 for the reference's mean pose",
    ),
)
"""Every metric, in the order tables show them."""


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        KeyError: there is none.
    """
    return {m.name: m for m in METRICS}[name]
