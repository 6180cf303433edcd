"""The tables of an evaluation as Markdown and LaTeX, and what failed in words."""

from collections import Counter
from collections.abc import Mapping, Sequence

from neuralmd_cli.benchmark.layout import (
    CORRECTED,
    INTERVALS,
    PUBLISHED,
    heading,
    paper_cell,
    rest,
    with_interval,
    with_spread,
)
from neuralmd_cli.benchmark.record import EvalRecord
from neuralmd_cli.benchmark.table import Row
from neuralmd_cli.plain_text import printable

CAPTION = (
    "Published: the paper's definitions and pooling, coordinates as recorded, ± over "
    "seeds. Corrected: seen from the pocket, snapshots given away left out, means over "
    "complexes with 95 % bootstrap intervals. Skill: 0 for a ligand that stays, 1 for "
    "the reference's own mean pose."
)


def table_markdown(rows: Sequence[Row], record: EvalRecord) -> str:
    """The paper's four metrics, ours, and all others, as pipe tables."""
    parts = [
        f"{record.title()}.",
        "By the paper's definitions, ± over seeds; the paper's own values below ours:",
        _pipe(_grid(rows, PUBLISHED, paper=True)),
        "By corrected definitions, mean over complexes:",
        _pipe(_grid(rows, CORRECTED)),
        "All other metrics:",
        _pipe(_grid(rows, rest("published"), paper=True)),
        _pipe(_grid(rows, rest("corrected"))),
        CAPTION,
        *failure_notes(rows, record.unusable),
    ]
    return "\n\n".join(parts) + "\n"


def failure_notes(rows: Sequence[Row], unusable: Mapping[str, str]) -> list[str]:
    """What is in no mean, and why, a sentence each."""
    notes = [f"Not scored: {name}. {why}" for name, why in unusable.items()]
    for row in rows:
        if not row.failed:
            continue
        why = Counter(row.failed.values())
        reasons = [f"{_first(row, x)}: {x}" for x in list(why)[:3]]
        more = f"; and {len(why) - 3} other reasons" if len(why) > 3 else ""
        notes.append(
            f"{row.name}: {len(row.failed)} of {row.rollouts} rollouts failed and are "
            f"in no mean of its row ({'; '.join(reasons)}{more})."
        )
    return notes


def _first(row: Row, reason: str) -> str:
    """The first complex that failed for a reason, and how many others did."""
    names = [k for k, v in row.failed.items() if v == reason]
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def _grid(
    rows: Sequence[Row], metrics: Sequence[str], *, paper: bool = False
) -> list[list[str]]:
    """Header and lines of a table for people."""
    failed = any(row.failed for row in rows)
    lines = [["Model", *(["Failed"] if failed else []), *map(heading, metrics)]]
    for row in rows:
        cells = [_cell(row, x) for x in metrics]
        count = [f"{len(row.failed)} of {row.rollouts}"] if failed else []
        lines.append([row.name, *count, *cells])
        if paper and any(x in row.paper for x in metrics):
            values = [paper_cell(row, x) for x in metrics]
            lines.append([f"{row.name}, the paper's", *["-" for _ in count], *values])
    return lines


def _cell(row: Row, name: str) -> str:
    show = with_interval if name in INTERVALS else with_spread
    return show(row.cells[name], name)


def _pipe(grid: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in grid[0][1:])]
    lines = (map(_plain, grid[0]), rule, *(map(_plain, x) for x in grid[1:]))
    return "\n".join(f"| {' | '.join(x)} |" for x in lines)


def _plain(text: str) -> str:
    """A cell that stays one: names come from checkpoints, which may say anything."""
    letters = printable(text).replace("\n", " ").replace("\\", "\\\\")
    return letters.replace("|", r"\|").replace("<", "&lt;")


def table_latex(rows: Sequence[Row]) -> str:
    """The paper's four metrics and ours as two tabulars of the package booktabs."""
    return "\n".join(
        _tabular(_grid(rows, metrics, paper=paper))
        for metrics, paper in ((PUBLISHED, True), (CORRECTED, False))
    )


def _tabular(grid: Sequence[Sequence[str]]) -> str:
    lines = [" & ".join(map(_tex, row)) + r" \\" for row in grid]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{l{'r' * (len(grid[0]) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


_TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "%": r"\%",
        "_": r"\_",
        "&": r"\&",
        "#": r"\#",
        "Å": r"\AA{}",
        "±": r"$\pm$",
        "°": r"\textdegree{}",
        "≠": r"$\neq$",
    }
)


def _tex(text: str) -> str:
    return text.translate(_TEX)
