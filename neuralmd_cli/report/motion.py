"""How far the ligand went, how much it moves, and which bonds turn."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neuralmd_cli.analysis.corrected_metrics import position_rmsd
from neuralmd_cli.analysis.rmsf import WINDOW, rmsf, rmsf_per_atom
from neuralmd_cli.analysis.torsion_summary import (
    TURNED,
    TorsionSummary,
    summarise_torsions,
    without_stiff,
)
from neuralmd_cli.analysis.torsions import rotatable_torsions
from neuralmd_cli.figures.canvas import time_axis
from neuralmd_cli.inspection.stability import POSE_ODD
from neuralmd_cli.report.numbers import listed, span
from neuralmd_cli.report.replicas import Replica
from neuralmd_cli.report.section import Section, Table

BINS = 36
MOST_TORSIONS = 12
"""Torsions that are drawn; all are in the table."""


def distances(replica: Replica) -> Float[Tensor, " frames"]:
    """RMSD of the heavy atoms to the start in every snapshot, seen from the pocket, Å.

    Without superposing the ligand on itself: a ligand that leaves as it is has moved.
    """
    return position_rmsd(replica.seen, replica.whole.start.expand_as(replica.seen))


def last_tenth(values: Float[Tensor, " frames"]) -> float:
    """Mean over the last tenth of the snapshots, one at least."""
    return float(values[-max(1, len(values) // 10) :].mean())


def rmsd_section(
    replicas: Sequence[Replica], found: Sequence[Float[Tensor, " frames"]]
) -> Section:
    """Distance from the starting pose over time.

    Args:
        found: each trajectory's `distances`, Å.
    """
    ends = [last_tenth(x) for x in found]
    largest = [float(x.max()) for x in found]
    times, label = _axis(replicas)
    return Section(
        key="rmsd",
        title="Distance from the starting pose",
        shows="Root mean square distance (RMSD) of the ligand's heavy atoms from where "
        "they started, as the pocket sees them: moving, turning and bending all count."
        + _bold(len(replicas))
        + " A click on a point takes the view there.",
        finding=f"Over the last tenth of the time the ligand is {span(ends, 'Å')} from "
        f"its start; the largest distance is {span(largest, 'Å')}. "
        + _poses(ends, len(replicas)),
        limits=(
            f"Up to {POSE_ODD:g} Å two poses usually count as the same. A small RMSD "
            "means that the pose was kept in this simulation, not that it is right.",
        ),
        alt=f"Line chart of RMSD against {label}, {_lines(len(replicas))}; last tenth "
        f"{span(ends, 'Å')}, largest {span(largest, 'Å')}.",
        data={
            "x": [x[:: r.every_point] for x, r in zip(times, replicas, strict=True)],
            "y": [
                listed(y[:: r.every_point])
                for y, r in zip(found, replicas, strict=True)
            ],
            "every": [r.every_point for r in replicas],
            "xlabel": label,
            "limit": POSE_ODD,
        },
        tables=[
            Table(
                caption="RMSD to the start, Å",
                header=("Trajectory", "Snapshots", "Mean", "Last tenth", "Largest"),
                rows=[
                    (
                        r.name,
                        str(len(y)),
                        *(f"{v:.3f}" for v in (y.mean(), last_tenth(y), y.max())),
                    )
                    for r, y in zip(replicas, found, strict=True)
                ],
            )
        ],
    )


def atom_fluctuations(
    replicas: Sequence[Replica],
) -> Float[Tensor, "replicas atoms"]:
    """RMSF of each heavy atom in each trajectory, seen from the pocket, Å."""
    return torch.stack([rmsf_per_atom(x.seen) for x in replicas])


def windows_section(replicas: Sequence[Replica]) -> Section:
    """RMSF of short stretches of time."""
    short = [x.name for x in replicas if x.whole.loaded.n_frames < WINDOW]
    title = "Motion over time"
    if short:
        return Section(
            key="windows",
            title=title,
            missing=f"{short[0]} has fewer snapshots than a window of {WINDOW} takes.",
        )
    found = [rmsf(x.seen).per_window for x in replicas]
    times, label = _axis(replicas)
    middles = [x[WINDOW // 2 : WINDOW // 2 + len(y)] for x, y in _pairs(times, found)]
    means = [float(y.mean()) for y in found]
    kept = [
        (x[:: r.every_point], listed(y[:: r.every_point], 4))
        for (x, y), r in zip(_pairs(middles, found), replicas, strict=True)
    ]
    return Section(
        key="windows",
        title=title,
        shows=f"RMSF of the whole ligand within each {WINDOW} snapshots in a row: how "
        "restless it is at that time, wherever it is." + _bold(len(replicas)),
        finding=f"The mean over all windows is {span(means, 'Å', 3)}. "
        + _restless(found),
        limits=(
            "Motion between two snapshots is not seen, and the value grows with the "
            "time between snapshots: compare only runs with the same interval.",
        ),
        alt=f"Line chart of the RMSF of {WINDOW} snapshots against {label}, "
        f"{_lines(len(replicas))}; means {span(means, 'Å', 3)}.",
        data={"x": [x for x, _ in kept], "y": [y for _, y in kept], "xlabel": label},
        tables=[
            Table(
                caption=f"RMSF of {WINDOW} snapshots, Å",
                header=("Trajectory", "Windows", "Mean", "First", "Last", "Largest"),
                rows=[
                    (
                        r.name,
                        str(len(y)),
                        *(f"{v:.4f}" for v in (y.mean(), y[0], y[-1], y.max())),
                    )
                    for r, y in zip(replicas, found, strict=True)
                ],
            )
        ],
    )


def torsions_section(replicas: Sequence[Replica]) -> Section:
    """How each rotatable bond turns."""
    first, title = replicas[0].whole, "Bonds that turn"
    atoms = rotatable_torsions(first.start, first.bonds)
    limits = [
        f"Each bond's angle is that of the four atoms named. More than {TURNED:.0f}° "
        "from the start is another well of the torsion.",
    ]
    if first.molecule is not None:
        atoms = without_stiff(atoms, first.molecule)
    else:
        limits.append(
            "Amides and double bonds are among them: bond orders are unknown."
        )
    if not len(atoms):
        return Section(
            key="torsions", title=title, missing="This ligand has no bond that turns."
        )
    if not all(bool(x.whole.finite.all()) for x in replicas):
        return Section(
            key="torsions",
            title=title,
            missing="A snapshot has coordinates that are not numbers.",
        )
    found = [
        summarise_torsions(x.whole.positions, x.whole.start, atoms) for x in replicas
    ]
    names = ["–".join(first.atom_names[k] for k in row) for row in atoms.tolist()]
    turned = torch.stack([x.turned for x in found])
    return Section(
        key="torsions",
        title=title,
        shows="Left, each rotatable bond's torsion angle over time in the trajectory "
        "chosen, with its start as a line; right, how often each angle occurs in all "
        "trajectories together.",
        finding=_turns(names, turned),
        limits=limits,
        alt=f"{min(len(names), MOST_TORSIONS)} scatter charts of torsion angle against "
        "time with histograms; the table below holds their values.",
        data=_torsion_data(replicas, found, names, atoms),
        tables=[_torsion_table(found, names)],
    )


def _torsion_data(
    replicas: Sequence[Replica],
    found: Sequence[TorsionSummary],
    names: Sequence[str],
    atoms: Int[Tensor, "torsions 4"],
) -> dict[str, object]:
    """Those that spread most, in the ligand's order."""
    spread = torch.stack([x.spread for x in found]).amax(dim=0)
    chosen = sorted(spread.argsort(descending=True)[:MOST_TORSIONS].tolist())
    times, label = _axis(replicas)
    # The points of all torsions together are no more than three curves'.
    step = [max(1, len(chosen) // 3) * x.every_point for x in replicas]
    every = torch.cat([x.angles for x in found])[:, chosen]
    return {
        "names": [names[k] for k in chosen],
        "atoms": [atoms[k].tolist() for k in chosen],
        "start": listed(found[0].start[chosen], 1),
        "x": [x[::s] for x, s in zip(times, step, strict=True)],
        "angles": [
            [listed(x.angles[::s, k], 0) for k in chosen]
            for x, s in zip(found, step, strict=True)
        ],
        "shares": [
            listed(
                100 * torch.histc(column, bins=BINS, min=-180, max=180) / len(column), 2
            )
            for column in every.T
        ],
        "xlabel": label,
    }


def _torsion_table(found: Sequence[TorsionSummary], names: Sequence[str]) -> Table:
    rows = []
    for k, name in enumerate(names):
        rows.append(
            (
                name,
                f"{float(found[0].start[k]):.0f}",
                span([float(x.spread[k]) for x in found], "", 0).strip(),
                span([float(x.largest_turn[k]) for x in found], "", 0).strip(),
                span([float(x.turned[k]) for x in found], "", 0).strip(),
            )
        )
    return Table(
        caption="Torsions; where there are several trajectories, the smallest and the "
        "largest of them",
        header=(
            "Atoms",
            "Start, °",
            "Spread, °",
            "Largest turn, °",
            f"Snapshots beyond {TURNED:.0f}°, %",
        ),
        rows=rows,
    )


def _turns(names: Sequence[str], turned: Float[Tensor, "replicas torsions"]) -> str:
    """Which bonds changed their well."""
    some = [
        f"{name} ({span((float(x) for x in column), '%', 0)} of the snapshots)"
        for name, column in zip(names, turned.T, strict=True)
        if bool((column > 0).any())
    ]
    if not some:
        return f"None of {len(names)} leaves the well it started in."
    more = f" and {len(some) - 4} more" if len(some) > 4 else ""
    return f"Of {len(names)}, these leave their well: {', '.join(some[:4])}{more}."


def _restless(found: Sequence[Float[Tensor, " windows"]]) -> str:
    """Whether motion dies out or grows, over all trajectories."""
    parts = [(y[: max(1, len(y) // 5)], y[-max(1, len(y) // 5) :]) for y in found]
    first, last = (
        float(torch.cat([p[k] for p in parts]).double().mean()) for k in (0, 1)
    )
    if first > 0 and last < 0.5 * first:
        return "Motion dies out: the last fifth is less than half the first."
    if last > 2 * first:
        return "Motion grows: the last fifth is more than twice the first."
    return "It neither dies out nor grows by more than a factor of two."


def _poses(ends: Sequence[float], n: int) -> str:
    """How many end near the start."""
    kept = sum(x <= POSE_ODD for x in ends)
    if n == 1:
        return f"That is {'within' if kept else 'beyond'} {POSE_ODD:g} Å."
    return f"{kept} of {n} trajectories end within {POSE_ODD:g} Å of it."


def _axis(replicas: Sequence[Replica]) -> tuple[list[list[float]], str]:
    """Where each trajectory's snapshots stand, and one label for all of them."""
    axes = [time_axis(x.whole.loaded.times) for x in replicas]
    labels = {label for _, label in axes}
    if len(labels) > 1:
        counted = [
            [float(k + 1) for k in range(x.whole.loaded.n_frames)] for x in replicas
        ]
        return counted, "snapshot"
    return [[round(x, 6) for x in places] for places, _ in axes], labels.pop()


def _pairs(
    x: Sequence[list[float]], y: Sequence[Float[Tensor, " values"]]
) -> list[tuple[list[float], Float[Tensor, " values"]]]:
    return list(zip(x, y, strict=True))


def _bold(n: int) -> str:
    return " The trajectory chosen is drawn bold." if n > 1 else ""


def _lines(n: int) -> str:
    return "one line" if n == 1 else f"{n} lines, one per trajectory"
