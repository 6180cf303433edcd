"""The whole grid of a table: models x data sets x seeds, resumable cell by cell."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from neuralmd_cli.benchmark.text import table_markdown
from neuralmd_cli.device import resolve_device
from neuralmd_cli.figures.canvas import check_figure_path
from neuralmd_cli.figures.rmsf_windows import plot_rmsf_windows
from neuralmd_cli.reproduction.cells import Cell, check_models
from neuralmd_cli.reproduction.maker import Maker, Part
from neuralmd_cli.reproduction.plan import Plan, available, data_sets
from neuralmd_cli.run_record import hashed
from neuralmd_cli.writers import atomic_path


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of the paper, made anew."""

    plan: Plan
    parts: list[Part]
    notes: list[str]  # what is missing
    files: list[Path]


def reproduce(
    plan: Plan,
    folder: Path,
    *,
    device: str = "auto",
    command: Sequence[str] = (),
    on_cell: Callable[[str], None] = lambda text: None,
    on_start: Callable[[str, int], None] = lambda stage, total: None,
    on_step: Callable[[str, int], None] = lambda label, done: None,
) -> Grid:
    """Make every cell that is not there yet, then the tables and the figure of all.

    A cell is a file of its own, so that a run that was stopped goes on where it was,
    in the midst of a training too.

    Args:
        plan: what to make.
        folder: where.
        device: where to compute.
        command: as typed, for the record.
        on_cell: told what each cell gave.
        on_start: told how many cells there are.
        on_step: told how many are done.

    Raises:
        InputError: data that are missing, with the command that fetches them.
        OutputError: cells that were made with other options.
    """
    sets = data_sets(plan)
    there, notes = available(plan, sets)
    check_models(plan, there)
    if plan.table == "fig3":
        check_figure_path(folder / "fig3.png")
    where = resolve_device(device)
    hashes = {x.name: hashed(x).sha256 for x in plan.data}
    on_start("cells", sum(1 + len(x.models) * len(plan.seeds) for x in there))
    parts, done = [], [0]
    for one in there:
        maker = Maker(plan, one, folder, hashes, where)
        made: list[Cell] = []
        for cell, text in maker.cells(lambda label: on_step(label, done[0])):
            done[0] += 1
            made.append(cell)
            on_cell(text)
        parts.append(maker.part(made, command))
    return Grid(plan=plan, parts=parts, notes=notes, files=_write(plan, folder, parts))


def _write(plan: Plan, folder: Path, parts: Sequence[Part]) -> list[Path]:
    """What covers all data sets: one Markdown file, and for fig3 the figure."""
    path = folder / f"{plan.table}.md"
    recipe = json.dumps(
        {"preset": plan.preset, "set": list(plan.settings), "epochs": plan.epochs}
    )
    head = f"# {plan.table}\n\nTraining: {recipe}; seeds {list(plan.seeds)}.\n"
    text = [head, *(table_markdown(x.rows, x.record) for x in parts)]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(text), encoding="utf-8")
    files = [path]
    if plan.table == "fig3":
        panels = {
            name: curves for part in parts for name, curves in part.curves.items()
        }
        for suffix in (".png", ".svg"):
            figure = folder / f"fig3{suffix}"
            plot_rmsf_windows(
                figure,
                panels,
                first_snapshot=parts[0].first_scored,
                title="Motion within 5 snapshots, seen from the pocket",
            )
            files.append(figure)
    return files
