"""The results of an evaluation as files: CSV, JSON, Markdown and LaTeX."""

import csv
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

from neuralmd_cli.analysis.metric_table import METRICS
from neuralmd_cli.benchmark.record import EvalRecord
from neuralmd_cli.benchmark.score import Score, skills
from neuralmd_cli.benchmark.table import POOLED, Row
from neuralmd_cli.benchmark.text import table_latex, table_markdown
from neuralmd_cli.errors import OutputError
from neuralmd_cli.outputs import all_or_nothing
from neuralmd_cli.plain_text import spreadsheet_cell

RESULTS, RECORD = "results.csv", "run.json"
NAMES = (RESULTS, "table.csv", "table.json", "table.md", "table.tex", RECORD)
"""What an evaluation leaves in its folder."""


def check_folder(folder: Path) -> None:
    """Make the folder, or refuse before the work what could not be written after it.

    Raises:
        OutputError: it cannot be made, or holds a file of ours that is another's.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be made: {error.strerror}.",
            hint="Choose a folder you may write to with -o.",
        ) from None
    there = [x for x in NAMES if (folder / x).exists()]
    if there and RECORD not in there:
        raise OutputError(
            f"{folder / there[0]} is there already and comes from no earlier "
            "evaluation, so this one would destroy it.",
            hint="Choose another folder with -o.",
        )


def write_results(
    folder: Path, scores: Sequence[Score], rows: Sequence[Row], record: EvalRecord
) -> list[Path]:
    """Write all files of an evaluation, or none.

    Raises:
        OutputError: the folder cannot be written to.
    """
    texts = {
        RESULTS: scores_csv(scores),
        "table.csv": table_csv(rows),
        "table.json": table_json(rows, record),
        "table.md": table_markdown(rows, record),
        "table.tex": table_latex(rows),
        RECORD: record.to_json(),
    }
    with all_or_nothing(folder, NAMES) as temporary:
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in NAMES]


def scores_csv(scores: Sequence[Score]) -> str:
    """One line per rollout; empty where undefined."""
    metrics = [m.name for m in METRICS if m.name not in ("fps", "skill")]
    metrics.remove("snapshots_per_s")
    about = ("row", "model", "weights", "training_seed", "draw", "complex", "failure")

    def line(score: Score, skill: float) -> list[object]:
        values = dict(score.corrected)
        if score.published is not None:
            values |= {x: getattr(score.published, x) for x in POOLED}
        return [
            *(_text(getattr(score, x)) for x in about),
            *(_value(values.get(x, math.nan)) for x in metrics),
            _value(skill),
            _value(score.seconds),
        ]

    rows = (line(x, s) for x, s in zip(scores, skills(scores), strict=True))
    return _csv([*about, *metrics, "skill", "seconds"], rows)


def table_csv(rows: Sequence[Row]) -> str:
    """One line per system and metric: value, interval, spread, the paper's."""
    header = ("row", "model", "rollouts", "failed", "metric", "definition", "unit")
    numbers = ("value", "low", "high", "std", "complexes", "paper", "paper_std")

    def lines() -> Iterable[list[object]]:
        for row in rows:
            for m in METRICS:
                cell, paper = row.cells[m.name], row.paper.get(m.name)
                about = (row.name, row.model, row.rollouts, len(row.failed))
                yield [
                    *(*about, m.name, m.definition, m.unit),
                    *(_value(getattr(cell, x)) for x in numbers[:4]),
                    cell.complexes,
                    "" if paper is None else paper.mean,
                    "" if paper is None else _text(paper.std),
                ]

    return _csv([*header, *numbers], lines())


def table_json(rows: Sequence[Row], record: EvalRecord) -> str:
    """Everything the tables say, and what was evaluated; null where undefined."""
    content = {
        "split": record.split,
        "protocol": record.protocol,
        "rows": [_row_dict(row) for row in rows],
        "unusable": dict(record.unusable),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _row_dict(row: Row) -> dict[str, Any]:
    content = asdict(row)
    content["cells"] = {
        name: {k: _null(v) for k, v in cell.items()}
        for name, cell in content["cells"].items()
    }
    return content


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([spreadsheet_cell(x) if isinstance(x, str) else x for x in row])
    return text.getvalue()


def _text(value: object) -> object:
    return "" if value is None else value


def _value(value: float) -> object:
    return "" if math.isnan(value) else f"{value:.6g}"


def _null(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
