"""Which residues the ligand interacts with, and when."""

from collections.abc import Callable, Sequence

import torch

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.figures.canvas import time_axis
from neuralmd_cli.inspection.interactions import (
    KINDS,
    Interaction,
    Interactions,
    check_prolif,
    interactions,
)
from neuralmd_cli.report.numbers import runs, span
from neuralmd_cli.report.replicas import Replica, counted_on
from neuralmd_cli.report.section import Section, Table

LEAST = 5.0
"""% of the snapshots of a trajectory that an interaction needs to be drawn."""
MOST_ROWS = 40

_TITLE = "Protein-ligand contacts over time"

Row = tuple[str, str]


def contacts_section(
    replicas: Sequence[Replica], on_snapshot: Callable[[int], None]
) -> tuple[Section, tuple[str, ...]]:
    """The barcode of interactions and what was noted on the way.

    Without ProLIF, or where the protein or bond orders are unknown, the section says
    so and the page goes on without it.
    """
    found, done = list[Interactions](), 0
    try:
        check_prolif()
        for replica in replicas:
            found.append(interactions(replica.looked, counted_on(on_snapshot, done)))
            done += replica.looked.loaded.n_frames
    except NeuralMDError as error:
        why = Section(
            key="contacts", title=_TITLE, missing=error.message, hint=error.hint
        )
        return why, ()
    notes = tuple(note for result in found for note in result.notes)
    return _section(replicas, found), notes


def _section(replicas: Sequence[Replica], found: Sequence[Interactions]) -> Section:
    """The rows that are often enough there, the commonest at the top."""
    by_row: list[dict[Row, Interaction]] = [
        {(x.residue.label, x.kind): x for x in result.found} for result in found
    ]
    rows = dict.fromkeys(row for held in by_row for row in held)
    shares = {
        row: [held[row].share if row in held else 0.0 for held in by_row]
        for row in rows
    }
    at_start = {row for row in rows if row in by_row[0] and by_row[0][row].at_start}
    often = [row for row in rows if row in at_start or max(shares[row]) >= LEAST]
    often.sort(key=lambda row: (-sum(shares[row]), row))
    drawn = often[:MOST_ROWS]
    if not drawn:
        return Section(
            key="contacts",
            title=_TITLE,
            missing="ProLIF finds no interaction in the start, nor any that "
            f"{LEAST:g} % of the snapshots have.",
        )
    axes = [time_axis(x.looked.loaded.times, x.every) for x in replicas]
    rest = len(rows) - len(drawn)
    return Section(
        key="contacts",
        title=_TITLE,
        shows="Left, the interaction fingerprint (ProLIF) of the trajectory chosen: a "
        "bar wherever the interaction is there. Right, the share of the snapshots that "
        "have it, a dot per trajectory. A ring marks what the start has.",
        finding=_kept(drawn, shares, at_start)
        + (f" {rest} rarer ones are not drawn." if rest else ""),
        limits=_limits(found[0], replicas),
        alt=f"Barcode chart of {len(drawn)} interactions over time. "
        + _kept(drawn, shares, at_start),
        data={
            "rows": [f"{residue} {KINDS[kind]}" for residue, kind in drawn],
            "residues": [residue for residue, _ in drawn],
            "kinds": [kind for _, kind in drawn],
            "words": KINDS,
            "start": [row in at_start for row in drawn],
            "shares": [[round(x, 1) for x in shares[row]] for row in drawn],
            "times": [[round(x, 6) for x in places] for places, _ in axes],
            "xlabel": [label for _, label in axes],
            "runs": [
                [runs(held[row].present.long()) if row in held else [] for row in drawn]
                for held in by_row
            ],
        },
        tables=[
            Table(
                caption="Interactions and the share of snapshots that have them",
                header=("Residue", "Interaction", "At start", "Share"),
                rows=[
                    (
                        residue,
                        KINDS[kind],
                        "yes" if (residue, kind) in at_start else "no",
                        span(shares[residue, kind], "%", 0),
                    )
                    for residue, kind in often
                ],
            )
        ],
    )


def _limits(found: Interactions, replicas: Sequence[Replica]) -> list[str]:
    """What the barcode cannot say."""
    limits = []
    if found.rigid:
        limits.append(
            "The protein is rigid in this model, so side chains that would turn away "
            "or follow do not: shares of 0 and 100 % are commoner than in molecular "
            "dynamics."
        )
    limits.append("Interactions through water are not seen.")
    if found.ligand_hydrogens.startswith("added"):
        limits.append(
            f"The ligand's hydrogens were {found.ligand_hydrogens}: where a hydroxyl "
            "points is a guess, and so are its hydrogen bonds."
        )
    if max(x.every for x in replicas) > 1:
        limits.append(_thinned(replicas))
    return limits


def _thinned(replicas: Sequence[Replica]) -> str:
    looked = sum(x.looked.loaded.n_frames for x in replicas)
    whole = sum(x.whole.loaded.n_frames for x in replicas)
    return f"Looked for in {looked:,} of {whole:,} snapshots, evenly spaced."


def _kept(
    drawn: Sequence[Row], shares: dict[Row, list[float]], at_start: set[Row]
) -> str:
    """Which starting interactions stay, and the commonest."""
    mean = {row: float(torch.tensor(shares[row]).mean()) for row in drawn}
    first = max(drawn, key=lambda row: mean[row])
    text = (
        f"The commonest is {first[0]} ({KINDS[first[1]]}), in {mean[first]:.0f} % of "
        "the snapshots."
    )
    had = [row for row in drawn if row in at_start]
    if not had:
        return f"The start has none of them. {text}"
    kept = sum(mean[row] >= 50 for row in had)
    return (
        f"Of {len(had)} interactions of the start, {kept} last in at least half of "
        f"the snapshots. {text}"
    )
