"""The HTML reports of the best ligands, where what makes them is installed."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.screen.journal import Entry

REPORTS = "reports"
"""The folder of the reports."""
_MODULE = "neuralmd_cli.report.write"


def write_reports(
    folder: Path,
    best: Sequence[Entry],
    *,
    suffix: str,
    on_report: Callable[[int], None] = lambda done: None,
) -> tuple[dict[int, str], list[str]]:
    """Write a report for each ligand; one that fails does not stop the others.

    Args:
        folder: of the screen.
        best: the ligands.
        suffix: of the trajectories.
        on_report: told how many are done.

    Returns:
        Of each ligand's number the report in the folder, and notes on what is missing.
    """
    if not best:
        return {}, []
    try:
        write: Callable[..., Any] = import_module(_MODULE).write_report
    except ImportError as error:
        return {}, [
            f"No reports were written: {error.name or 'a package'} is missing. "
            "pip install 'neuralmd[report]', then give the same command again."
        ]
    made, notes = {}, []
    (folder / REPORTS).mkdir(exist_ok=True)
    for done, entry in enumerate(best, start=1):
        name = f"{REPORTS}/{entry.name}.html"
        paths = [folder / x for x in entry.files if x.endswith(suffix)]
        try:
            write(paths, folder / name, title=entry.title or entry.name)
            made[entry.number] = name
        except NeuralMDError as error:
            notes.append(f"No report of {entry.name}: {error.message} {error.hint}")
        except ImportError as error:
            notes.append(
                f"No reports were written: {error.name} is missing. pip install "
                "'neuralmd[report]', then give the same command again."
            )
            break
        on_report(done)
    return made, notes
