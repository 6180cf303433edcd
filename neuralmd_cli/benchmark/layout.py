"""Which columns a table has, and how a number is written in it."""

import math

from neuralmd_cli.analysis.metric_table import METRICS, metric
from neuralmd_cli.benchmark.table import Cell, Row

PUBLISHED = ("mae", "rmse", "matching", "stability")
"""The paper's four."""
CORRECTED = (
    "position_rmsd",
    "centre_of_mass_error",
    "internal_rmsd",
    "rmsf_correlation",
    "skill",
    "snapshots_per_s",
)
"""What to judge by."""
INTERVALS = ("position_rmsd", "skill")
"""Shown with their interval where there is little room."""
SHORT = {
    "centre_of_mass_error": "Centre",
    "internal_rmsd": "Internal",
    "rmsf_correlation": "RMSF r",
    "position_rmsd": "RMSD [95 %]",
    "skill": "Skill [95 %]",
    "snapshots_per_s": "Snaps/s",
}


def rest(definition: str) -> tuple[str, ...]:
    """The metrics of a definition that the main columns leave out."""
    shown = (*PUBLISHED, *CORRECTED)
    return tuple(
        x.name for x in METRICS if x.definition == definition and x.name not in shown
    )


def heading(name: str, *, short: bool = False) -> str:
    """A column's name with its unit."""
    about = metric(name)
    label = SHORT.get(name, about.label) if short else about.label
    return f"{label} ({about.unit})" if about.unit and not short else label


def number(value: float, name: str) -> str:
    """As many digits as are worth reading; a dash for what is undefined."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 1000 or name in ("fps", "snapshots_per_s"):
        return f"{value:.0f}" if abs(value) < 1e5 else f"{value:.1e}"
    wide = metric(name).unit in ("%", "°") or abs(value) >= 100
    return (
        f"{value:.1f}"
        if wide
        else f"{value:.3f}"
        if abs(value) < 10
        else f"{value:.2f}"
    )


def with_spread(cell: Cell, name: str) -> str:
    """The value, ± over seeds if there are several."""
    text = number(cell.value, name)
    return text if math.isnan(cell.std) else f"{text} ± {number(cell.std, name)}"


def with_interval(cell: Cell, name: str) -> str:
    """The value and its interval, if it has one."""
    text = number(cell.value, name)
    if math.isnan(cell.low):
        return text
    digits = 2 if abs(cell.value) < 10 else 1 if abs(cell.value) < 100 else 0
    return f"{cell.value:.{digits}f} [{cell.low:.{digits}f}, {cell.high:.{digits}f}]"


def paper_cell(row: Row, name: str) -> str:
    """The paper's value, ± over its seeds; a dash where it has none."""
    own = row.paper.get(name)
    if own is None:
        return "-"
    spread = "" if own.std is None else f" ± {own.std:.2f}"
    return f"{own.mean:g}{spread}"
