"""From the journals of a screen to its tables, its page and its record."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from neuralmd_cli.errors import OutputError
from neuralmd_cli.screen.folder import PAGE, RECORD, read_record, write_record
from neuralmd_cli.screen.journal import Entry, read_entries
from neuralmd_cli.screen.measures import FLAGS, LIMITS, RULE, ranked
from neuralmd_cli.screen.overview import write_overview
from neuralmd_cli.screen.reports import write_reports
from neuralmd_cli.screen.tables import (
    FAILURE_COLUMNS,
    FAILURES_CSV,
    RESULT_COLUMNS,
    RESULTS_CSV,
    RESULTS_PARQUET,
    Cell,
    failure_rows,
    result_rows,
    write_csv_table,
    write_parquet,
)
from neuralmd_cli.screen.work import peak_memory_mb


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The result of a whole screen."""

    rows: list[dict[str, Cell]]  # of the results, best first
    failures: list[dict[str, Cell]]
    record: dict[str, Any]
    notes: list[str]

    @property
    def failed(self) -> int:
        """How many ligands have no result."""
        return len(self.failures)


def finish(folder: Path, *, reports: int, command: Sequence[str]) -> Finished:
    """Rank all results and write what people look at; the journals stay.

    Raises:
        OutputError: something cannot be written.
    """
    record = read_record(folder)
    if record is None:
        raise OutputError(f"{folder / RECORD} is gone.", hint="Begin anew.")
    record = {k: v for k, v in record.items() if k != "schema"}
    entries = list(_latest(folder, record["ligands"]).values())
    best = ranked([x for x in entries if x.is_result])
    kind = record["settings"]["trajectories"]
    made, notes = write_reports(folder, best[:reports], suffix=f".{kind}")
    rows = list(result_rows(best, made))
    failures = list(failure_rows(x for x in entries if not x.is_result))
    write_csv_table(folder / RESULTS_CSV, RESULT_COLUMNS, rows)
    write_csv_table(folder / FAILURES_CSV, FAILURE_COLUMNS, failures)
    outputs = [RESULTS_CSV, FAILURES_CSV, PAGE]
    if write_parquet(folder / RESULTS_PARQUET, rows):
        outputs.insert(1, RESULTS_PARQUET)
    else:
        # One of an earlier run would not be of these results.
        (folder / RESULTS_PARQUET).unlink(missing_ok=True)
        notes.append(
            f"No {RESULTS_PARQUET} was written: pip install 'neuralmd[screen]', then "
            "give the same command again; nothing is simulated twice."
        )
    record = record | {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "finished_by": list(command),
        "results": len(rows),
        "failures": len(failures),
        "flagged": sum(1 for x in best if x.flags),
        "ranking": RULE,
        "limits": LIMITS,
        "flags": FLAGS,
        "cost": _cost(best),
        "notes": notes,
        "outputs": outputs,
    }
    write_overview(folder / PAGE, rows, failures, record)
    write_record(folder, record)
    return Finished(rows=rows, failures=failures, record=record, notes=notes)


def _latest(folder: Path, total: int) -> dict[int, Entry]:
    """The last word on each ligand, in the order of the input."""
    found = {x.number: x for x in read_entries(folder) if 1 <= x.number <= total}
    return dict(sorted(found.items()))


def _cost(best: Sequence[Entry]) -> dict[str, float]:
    """Time and memory, as far as they were kept."""
    if not best:
        return {}
    seconds = [x.seconds for x in best]
    return {
        "seconds_per_ligand_median": round(statistics.median(seconds), 3),
        "seconds_per_ligand_largest": round(max(seconds), 3),
        "seconds_of_all_ligands": round(sum(seconds), 1),
        "peak_memory_mb_of_a_worker": max(x.memory_mb for x in best),
        "peak_memory_mb_of_the_end": peak_memory_mb(),
    }
