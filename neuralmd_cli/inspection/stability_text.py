"""What the stability checks found, in sentences."""

from neuralmd_cli.inspection.stability import Stability
from neuralmd_cli.inspection.verdicts import Measured, Verdict, first_of


def verdict(result: Stability, every: int) -> str:
    """One sentence: whether anything broke, and when first."""
    times = result.times.tolist()
    broken, odd = first_of(result.checks, "broken"), first_of(result.checks, "odd")
    if broken is not None:
        names = [x.label for x in result.checks if x.first("broken") == broken]
        if all(x.start_verdict == 2 for x in result.checks if x.label in names):
            return (
                f"Broken from the start: {', '.join(names)}. Mend the input before "
                "reading anything from this trajectory."
            )
        return (
            f"First broken at snapshot {numbered(broken, every)} "
            f"({times[broken]:g} ps): {', '.join(names)}."
        )
    if odd is not None:
        names = [x.label for x in result.checks if x.first("odd") is not None]
        return (
            f"Nothing is broken; odd from snapshot {numbered(odd, every)} "
            f"({times[odd]:g} ps): {', '.join(names)}."
        )
    return "Nothing is broken or odd. That says possible, not right."


def story(check: Measured, every: int) -> str:
    """When a check was first odd and broken, and which atoms are worst when."""
    words: tuple[Verdict, ...] = ("odd", "broken")
    parts = []
    for word in words:
        first = check.first(word)
        limit = check.odd if word == "odd" else check.broken
        if first is not None and limit is not None:
            bad = int((check.verdicts >= words.index(word) + 1).sum())
            parts.append(
                f"{word} in {bad} of {len(check.values)} snapshots, first in "
                f"{numbered(first, every)}"
            )
    if check.start_verdict >= check.overall:
        parts.append("so already at the start")
    worst = f" ({check.worst})" if check.worst else ""
    parts.append(f"worst in {numbered(check.worst_snapshot, every)}{worst}")
    return f"{check.label}: {'; '.join(parts)}"


def numbered(snapshot: int, every: int) -> int:
    """The snapshot's number in the file, from 1."""
    return snapshot * every + 1
