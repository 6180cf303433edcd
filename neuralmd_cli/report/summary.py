"""What stands at the top and the end of a report: names, numbers, the run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.inspection.stability import Stability
from neuralmd_cli.inspection.verdicts import VERDICTS
from neuralmd_cli.report.checks import worst_verdict
from neuralmd_cli.report.motion import last_tenth
from neuralmd_cli.report.numbers import span
from neuralmd_cli.report.page import Tile
from neuralmd_cli.report.replicas import Replica
from neuralmd_cli.units import PS_PER_NS


def heading(replica: Replica) -> str:
    """The name of the ligand, and of what it is in."""
    opened = replica.looked
    held, name = opened.molecule, ""
    if held is not None and held.HasProp("_Name"):
        name = held.GetProp("_Name").strip()
    where = "" if opened.around is None else f" in {Path(opened.around.source).stem}"
    return (name or opened.loaded.ligand) + where


def lead(replicas: Sequence[Replica], record: dict[str, Any]) -> str:
    """What was simulated, in a sentence."""
    names = [x.name for x in replicas]
    files = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    heavy = len(replicas[0].whole.start)
    model = within(record, "dynamics", "system")
    by = f", predicted by {model}" if model else ""
    return f"{files}. A ligand of {heavy} heavy atoms{by}."


def tiles(
    replicas: Sequence[Replica],
    stable: Sequence[Stability],
    moved: Sequence[Float[Tensor, " frames"]],
    fluctuations: Float[Tensor, "replicas atoms"],
) -> list[Tile]:
    """The few numbers to read first.

    Args:
        moved: RMSD to the start in every snapshot, Å.
        fluctuations: RMSF of each atom in each trajectory, Å.
    """
    counts = [x.whole.loaded.n_frames for x in replicas]
    times = replicas[0].whole.loaded.times
    length = (
        f"{float(times[-1]) / PS_PER_NS:g} ns" if replicas[0].whole.loaded.timed else ""
    )
    many = len(replicas) > 1
    ends = [last_tenth(x) for x in moved]
    worst = worst_verdict(stable)
    words = {0: "nothing odd", 1: "something odd", 2: "something broken"}
    found = [
        Tile(
            label="Snapshots",
            value=f"{sum(counts):,}",
            more=" · ".join(
                x
                for x in (f"{len(replicas)} trajectories" if many else "", length)
                if x
            ),
        ),
        Tile(
            label="Stability checks",
            value=words[worst],
            more="possible, not proven right" if not worst else "see the checks below",
            tone=VERDICTS[worst],
        ),
        Tile(
            label="Distance from the start",
            value=span(ends, "Å"),
            more="RMSD, mean of the last tenth",
        ),
        Tile(
            label="Most mobile atom",
            value=f"{float(fluctuations.mean(dim=0).max()):.2f} Å",
            more="RMSF" + (", mean of the trajectories" if many else ""),
        ),
    ]
    kept = [
        last_tenth(check.values)
        for x in stable
        for check in x.checks
        if check.name == "contacts_kept"
    ]
    if kept:
        found.append(
            Tile(
                label="Starting contacts kept",
                value=span(kept, "%", 0),
                more="residues touched, last tenth",
            )
        )
    return found


def facts(replicas: Sequence[Replica], record: dict[str, Any]) -> list[tuple[str, str]]:
    """The run in a few lines; the record has all."""
    around = replicas[0].looked.around
    found = [("Trajectories", ", ".join(x.name for x in replicas))]
    if around is not None:
        found.append(("Surroundings", around.source))
    if not record:
        return [*found, ("Run record", "none: not simulated by neuralmd, or moved")]
    model = record.get("model")
    if isinstance(model, dict):
        name, digest = model.get("name"), str(model.get("sha256", ""))
        found.append(("Weights", f"{name} (SHA-256 {digest[:12]}…)"))
    for label, *keys in (
        ("Model", "dynamics", "system"),
        ("Length, ns", "ns"),
        ("Interval, ps", "interval_ps"),
        ("Seed", "seed"),
        ("Device", "device"),
        ("Finished", "finished"),
        ("neuralmd", "neuralmd_version"),
    ):
        value = within(record, *keys)
        if value is not None:
            found.append((label, str(value)))
    inputs = record.get("inputs")
    for kind, file in inputs.items() if isinstance(inputs, dict) else ():
        digest = str(within(file, "sha256") or "")[:12]
        found.append((f"Input {kind}", f"{within(file, 'file')} (SHA-256 {digest}…)"))
    command = record.get("command")
    if isinstance(command, list) and command:
        found.append(("Command", " ".join(str(x) for x in command)))
    return found


def within(held: object, *keys: str) -> object:
    """A value of nested JSON; None where it is not there."""
    for key in keys:
        held = held.get(key) if isinstance(held, dict) else None
    return held


def texts(held: object) -> list[str]:
    """The entries of a JSON list as text; nothing where there is no list."""
    return [str(x) for x in held] if isinstance(held, list) else []
