"""What is to be simulated: the ligands of all inputs, one after another."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from neuralmd_cli.errors import InputError
from neuralmd_cli.screen.names import screen_name
from neuralmd_cli.structure.records import check_sdf, stream_records

COLUMNS = ("protein", "ligand", "ligand_index", "ligand_id", "smiles", "name")
"""Of a manifest; the first and one of `ligand` and `ligand_id` are needed."""
_LONGEST_TITLE = 200


@dataclass(frozen=True, kw_only=True)
class Task:
    """One ligand in one protein, or why it cannot be had."""

    number: int  # in the screen, from 1
    title: str
    protein: Path
    source: Path  # the file that holds the ligand
    protein_named: str  # as the user named it
    source_named: str
    record: int  # molecule in that file, from 1; 0 where it is a group of the protein
    text: str = ""  # of the molecule
    first_line: int = 1
    ligand_id: str = ""
    smiles: str = ""
    problem: str = ""
    hint: str = ""

    @property
    def name(self) -> str:
        """What its files are called."""
        return screen_name(self.number, self.title)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A protein and where its ligands come from: a line of a manifest."""

    protein: Path
    ligand: Path | None
    protein_named: str
    ligand_named: str
    index: int | None = None
    ligand_id: str = ""
    smiles: str = ""
    name: str = ""
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that a screen reads: one protein with ligand files, or a manifest."""

    protein: Path | None
    ligands: tuple[Path, ...]
    manifest: Path | None

    def pairs(self) -> Iterator[Pair]:
        """What is to be put together, in order.

        Raises:
            InputError: the manifest is no such table.
        """
        if self.manifest is not None:
            yield from _manifest_pairs(self.manifest)
        elif self.protein is not None:
            for path in self.ligands:
                yield Pair(
                    protein=self.protein,
                    ligand=path,
                    protein_named=str(self.protein),
                    ligand_named=str(path),
                )

    def tasks(self) -> Iterator[Task]:
        """Yield every ligand; a damaged one as its problem.

        Raises:
            InputError: the manifest is no such table.
        """
        number = 1
        for pair in self.pairs():
            for task in _tasks_of(pair):
                yield replace(task, number=number)
                number += 1

    def files(self) -> list[Path]:
        """Every file that is read, each once, in order."""
        found = [] if self.manifest is None else [self.manifest]
        for pair in self.pairs():
            found += [x for x in (pair.protein, pair.ligand) if x is not None]
        return list(dict.fromkeys(found))


def check_inputs(inputs: Inputs) -> None:
    """Refuse before the work what is wrong with the inputs as a whole.

    Raises:
        InputError: no choice or two of them, a ligand file that is no SDF, or a
            manifest without a line.
    """
    one = inputs.protein is not None and bool(inputs.ligands)
    some = inputs.protein is not None or bool(inputs.ligands)
    if inputs.manifest is not None and some:
        raise InputError(
            "--manifest names proteins and ligands itself.",
            hint="Leave --protein and --ligands out, or --manifest.",
        )
    if inputs.manifest is None and not one:
        raise InputError(
            "A screen needs a protein and ligands.",
            hint="Give --protein and --ligands, or a table of both as --manifest.",
        )
    for path in inputs.ligands:
        check_sdf(path)
    if next(inputs.pairs(), None) is None:
        raise InputError(
            f"{inputs.manifest} names no ligand.", hint="Add a line for each."
        )


def _tasks_of(pair: Pair) -> Iterator[Task]:
    """The ligands of one line, not yet numbered."""
    source = pair.ligand or pair.protein
    base = Task(
        number=0,
        title=pair.name or pair.ligand_id,
        protein=pair.protein,
        source=source,
        protein_named=pair.protein_named,
        source_named=pair.ligand_named or pair.protein_named,
        record=0,
    )
    if pair.problem:
        yield replace(base, problem=pair.problem, hint=pair.hint)
        return
    if pair.ligand is None:
        yield replace(base, ligand_id=pair.ligand_id, smiles=pair.smiles)
        return
    try:
        check_sdf(pair.ligand)
    except InputError as error:
        yield replace(base, problem=error.message, hint=error.hint)
        return
    last = 0
    for record in stream_records(pair.ligand):
        last = record.number
        if pair.index is not None and record.number != pair.index:
            # What is damaged before the one that is meant matters to nobody.
            continue
        title = " ".join(x for x in (pair.name, record.title) if x)[:_LONGEST_TITLE]
        yield replace(
            base,
            title=title if pair.index is None else pair.name or title,
            record=record.number,
            text=record.text,
            first_line=record.first_line,
            problem=record.problem,
            hint=record.hint,
        )
        if pair.index is not None:
            return
    if pair.index is not None or not last:
        yield replace(
            base,
            record=pair.index or 1,
            problem=f"{source.name} has no molecule {pair.index or 1}; it has {last}.",
            hint="Correct ligand_index in the manifest.",
        )


def _manifest_pairs(path: Path) -> Iterator[Pair]:
    """The lines of a manifest; paths in it are relative to its folder."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, strict=True)
            _check_columns(path, rows.fieldnames or ())
            for row in rows:
                yield _pair(path, rows.line_num, row)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}.", hint="Check the path."
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(
            f"{path.name} is no table in CSV: {error}.",
            hint="Save it as CSV in UTF-8, its columns parted by commas.",
        ) from error


def _check_columns(path: Path, found: Sequence[str]) -> None:
    unknown = [x for x in found if x not in COLUMNS]
    missing = "protein" not in found or not {"ligand", "ligand_id"} & set(found)
    if missing or unknown or len(set(found)) < len(found):
        raise InputError(
            f"{path.name}: its first line names the columns "
            f"{', '.join(found) or '(none)'}"[:300]
            + ".",
            hint=f"Name protein and ligand there, and if you like "
            f"{', '.join(COLUMNS[2:])}; nothing else.",
        )


def _pair(path: Path, line: int, row: dict[str, str | None]) -> Pair:
    """One line; what is wrong with it is its own problem."""
    # A line that is too long keeps the rest under None; too short ones lack values.
    cells = {k: (row.get(k) or "").strip() for k in COLUMNS}
    too_long = None in row
    where = f"{path.name}, line {line}"
    index, problem = cells["ligand_index"], ""
    if too_long:
        problem = f"{where} has more cells than columns."
    elif not cells["protein"]:
        problem = f"{where} names no protein."
    elif bool(cells["ligand"]) == bool(cells["ligand_id"]):
        problem = f"{where} must name either a ligand or a ligand_id."
    elif index and not (index.isascii() and index.isdigit() and 0 < int(index) < 10**9):
        problem = f"{where}: ligand_index {index[:20]!r} is no number from 1 on."
    elif cells["smiles"] and cells["ligand"]:
        problem = f"{where}: an SDF file has bond orders, smiles would do nothing."
    elif index and cells["ligand_id"]:
        problem = f"{where}: ligand_index means nothing without a ligand file."
    ligand = path.parent / cells["ligand"] if cells["ligand"] else None
    return Pair(
        protein=path.parent / cells["protein"],
        ligand=ligand,
        protein_named=cells["protein"],
        ligand_named=cells["ligand"],
        index=int(index) if index and not problem else None,
        ligand_id=cells["ligand_id"],
        smiles=cells["smiles"],
        name=cells["name"],
        problem=problem,
        hint="Correct that line." if problem else "",
    )
