"""Whether each snapshot is a possible molecule in a possible place."""

import math
from collections.abc import Callable, Sequence

from neuralmd_cli.figures.canvas import time_axis
from neuralmd_cli.inspection.stability import Stability, check_stability
from neuralmd_cli.inspection.stability_text import story, verdict
from neuralmd_cli.inspection.verdicts import VERDICTS, Measured
from neuralmd_cli.report.numbers import runs, span
from neuralmd_cli.report.replicas import Replica, counted_on
from neuralmd_cli.report.section import Section, Table


def checked(
    replicas: Sequence[Replica], on_snapshot: Callable[[int], None]
) -> list[Stability]:
    """The checks of every trajectory, on the snapshots that are looked at."""
    found, done = [], 0
    for replica in replicas:
        found.append(
            check_stability(replica.looked, on_snapshot=counted_on(on_snapshot, done))
        )
        done += replica.looked.loaded.n_frames
    return found


def worst_verdict(found: Sequence[Stability]) -> int:
    """Place in `VERDICTS` of the worst check of any trajectory."""
    return max(check.overall for x in found for check in x.checks)


def checks_section(replicas: Sequence[Replica], found: Sequence[Stability]) -> Section:
    """Verdicts over time, and a table of every check."""
    axes = [time_axis(x.looked.loaded.times, x.every) for x in replicas]
    checks = found[0].checks
    # The judged at the top of a chart is its last row.
    names = [x.name for x in checks]
    by_name = [{x.name: x for x in result.checks} for result in found]
    limits = [
        "Odd means unlikely: look at it. Broken means physically or chemically "
        "impossible. A trajectory with neither is possible, not right. Limits and "
        "their sources: docs/stability.md.",
    ]
    limits += [f"Not judged: {a} ({b})." for a, b in found[0].not_judged]
    if max(x.every for x in replicas) > 1:
        limits.append("Checked in evenly spaced snapshots, not in all.")
    return Section(
        key="checks",
        title="Stability checks",
        shows="A verdict per check and snapshot for the trajectory chosen: light is "
        "fine, orange is odd, dark is broken.",
        finding=_finding(replicas, found),
        limits=limits,
        alt="Stripes of verdicts over time, a row per check. "
        + _finding(replicas, found),
        data={
            "labels": [x.label for x in checks],
            "times": [[round(x, 6) for x in places] for places, _ in axes],
            "xlabel": [label for _, label in axes],
            "runs": [
                [runs(held[name].verdicts) if name in held else [] for name in names]
                for held in by_name
            ],
        },
        tables=[_table(checks, by_name), *_stories(replicas, found)],
    )


def _table(checks: Sequence[Measured], by_name: Sequence[dict[str, Measured]]) -> Table:
    """A row per check; where there are several trajectories, the worst of them."""
    rows = []
    for check in checks:
        held = [x[check.name] for x in by_name if check.name in x]
        worst = [float(x.values[x.worst_snapshot]) for x in held]
        sign = "<" if check.low_is_bad else ">"
        rows.append(
            (
                check.label,
                _short(check.at_start),
                span(worst, "", 2).strip(),
                check.unit,
                *(
                    "" if x is None else f"{sign} {x:g}"
                    for x in (check.odd, check.broken)
                ),
                VERDICTS[max(x.overall for x in held)],
            )
        )
    several = " (of several trajectories, the smallest and the largest worst value)"
    return Table(
        caption="Every check" + (several if len(by_name) > 1 else ""),
        header=("Check", "Start", "Worst", "Unit", "Odd", "Broken", "Verdict"),
        rows=rows,
    )


def _stories(replicas: Sequence[Replica], found: Sequence[Stability]) -> list[Table]:
    """When each check was first odd or broken."""
    rows = [
        (replica.name, *story(check, replica.every).split(": ", 1))
        for replica, result in zip(replicas, found, strict=True)
        for check in result.checks
        if check.overall
    ]
    if not rows:
        return []
    return [
        Table(
            caption="When, and which atoms; snapshots are counted from 1 in the file",
            header=("Trajectory", "Check", "What happened"),
            rows=rows,
        )
    ]


def _finding(replicas: Sequence[Replica], found: Sequence[Stability]) -> str:
    """The sentence of one trajectory, or how many of several broke."""
    if len(found) == 1:
        return verdict(found[0], replicas[0].every)
    worst = [max(check.overall for check in x.checks) for x in found]
    broken, odd = worst.count(2), worst.count(1)
    if not broken and not odd:
        return (
            f"Nothing is broken or odd in any of {len(found)} trajectories. That says "
            "possible, not right."
        )
    labels = {
        word: ", ".join(
            dict.fromkeys(
                check.label for x in found for check in x.checks if check.overall == k
            )
        )
        for k, word in enumerate(VERDICTS)
    }
    text = f"Of {len(found)} trajectories, {broken} break somewhere"
    text += f" ({labels['broken']})" if broken else ""
    text += f"; {odd} more are odd somewhere" if odd else ""
    text += f". Odd: {labels['odd']}" if labels["odd"] else ""
    return text + "."


def _short(value: float) -> str:
    if not math.isfinite(value):
        return "none"
    return "0" if abs(value) < 5e-4 else f"{value:.3g}"
