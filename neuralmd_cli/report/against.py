"""Trajectories against a reference, by every metric."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.comparison.compare import Comparison, compare
from neuralmd_cli.comparison.matching import Match
from neuralmd_cli.figures.canvas import time_axis
from neuralmd_cli.readers import LoadedTrajectory
from neuralmd_cli.report.numbers import listed, span
from neuralmd_cli.report.replicas import MOST_POINTS_IN_ALL, Replica
from neuralmd_cli.report.section import Section, Table


def reference_section(
    replicas: Sequence[Replica], reference: LoadedTrajectory, match: Match
) -> tuple[Section, tuple[str, ...]]:
    """Each trajectory against the reference, and what was noted on the way.

    Raises:
        InputError: the reference is of another ligand, or at no common time.
    """
    found = [compare(x.whole.loaded, reference, match=match) for x in replicas]
    first = found[0]
    notes = tuple(note for x in found for note in x.notes)
    errors = [float(x.rmsd["predicted"].mean()) for x in found]
    frozen = float(first.rmsd["frozen"].mean())
    step = -(-sum(len(x.times) for x in found) // MOST_POINTS_IN_ALL)
    axes = [time_axis(x.times) for x in found]
    frame = {
        "pocket": "Both are seen from the pocket of the reference's start.",
        "none": "Coordinates are compared as the files have them.",
    }
    section = Section(
        key="reference",
        title=f"Against the reference {reference.path.name}",
        shows="Above, the distance of each trajectory from the reference at the same "
        "time, beside two poses that never move: the reference's own start, and its "
        "mean pose. Below, the RMSF of each atom in both.",
        finding=f"On average {span(errors, 'Å')} from the reference; a ligand that "
        f"never moves is {frozen:.2f} Å away. " + _skill(found),
        limits=[
            f"{frame[first.superposed]} {len(first.times)} snapshots are compared.",
            "Snapshots of molecular dynamics are random: even a perfect model is not "
            "at the reference's place at the same time, so look at skill and at RMSF "
            "as well. docs/metrics.md explains each metric.",
        ],
        alt="Line chart of the RMSD to the reference over time, and bar chart of the "
        f"RMSF of each atom. Mean RMSD {span(errors, 'Å')}, frozen ligand "
        f"{frozen:.2f} Å.",
        data={
            "x": [[round(v, 6) for v in places[::step]] for places, _ in axes],
            "y": [listed(x.rmsd["predicted"][::step]) for x in found],
            "frozen": listed(first.rmsd["frozen"][::step]),
            "mean": listed(first.rmsd["mean_pose"][::step]),
            "xlabel": axes[0][1],
            "atoms": list(first.atom_names),
            "predicted": listed(_mean([x.rmsf["predicted"] for x in found])),
            "reference": listed(first.rmsf["reference"]),
        },
        tables=[_table(found, name) for name in ("corrected", "published")],
    )
    return section, notes


def _table(found: Sequence[Comparison], definition: str) -> Table:
    """Each metric by one set of definitions, for the prediction and two still poses."""
    rows = []
    for k, row in enumerate(found[0].rows):
        if row.metric.definition != definition:
            continue
        digits = 1 if row.metric.unit in {"%", "°"} else 3
        rows.append(
            (
                row.metric.label,
                span([x.rows[k].predicted for x in found], "", digits).strip(),
                *(span([x], "", digits).strip() for x in (row.frozen, row.mean_pose)),
                row.metric.unit,
                row.metric.better,
            )
        )
    caption = {
        "corrected": "By corrected definitions",
        "published": "By the paper's definitions, coordinates of the files",
    }
    return Table(
        caption=caption[definition],
        header=("Metric", "Predicted", "Frozen", "Mean pose", "Unit", "Better"),
        rows=rows,
    )


def _skill(found: Sequence[Comparison]) -> str:
    """The one number that says whether moving helped."""
    skills = [
        row.predicted for x in found for row in x.rows if row.metric.name == "skill"
    ]
    return (
        f"Skill is {span(skills, '', 3).strip()}, where 0 is a ligand that never moves "
        "and 1 the best fixed pose."
    )


def _mean(values: Sequence[Float[Tensor, " atoms"]]) -> Float[Tensor, " atoms"]:
    return torch.stack(list(values)).mean(dim=0)
