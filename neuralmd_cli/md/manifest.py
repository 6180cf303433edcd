"""Many complexes of a table into one store, each by a process of its own."""

import csv
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.md.store import merge, stored_names

COLUMNS = {
    "protein": "--protein",
    "ligand": "--ligand",
    "ligand_index": "--ligand-index",
    "ligand_id": "--ligand-id",
    "smiles": "--smiles",
    "charges": "--charges",
    "ns": "--ns",
    "interval_ps": "--interval-ps",
    "equilibration_ps": "--equilibration-ps",
    "solvent": "--solvent",
    "seed": "--seed",
}
"""The option that each column gives; an empty field leaves it as for all."""
_FILES = ("protein", "ligand")
_METHODS = ("am1-bcc", "gasteiger")
_PATIENCE_S = 20.0
"""With a process that was asked to end."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One complex of the table."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Done:
    """How one complex went."""

    name: str
    problem: str  # empty where there is none
    was_there: bool = False


def read_manifest(path: Path) -> list[Row]:
    """Read a CSV file with the column `protein`, and of the others those needed.

    Files are relative to the table. Without the column `name`, a complex is named
    after the folder of its protein, or after the protein where all are in one folder.

    Raises:
        InputError: unreadable, an unknown column, no protein, or a name twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            rows = list(table)
            columns = list(table.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: the table cannot be read ({error}).",
            hint="Give a CSV file with a header: name,protein,ligand.",
        ) from error
    strange = [x for x in columns if x not in (*COLUMNS, "name")]
    if strange or "protein" not in columns:
        what = (
            f"the column {strange[0]!r} is not known"
            if strange
            else "there is no column protein"
        )
        raise InputError(
            f"{path.name}: {what}.",
            hint=f"Columns are name, {', '.join(COLUMNS)}.",
        )
    folders = {Path(x["protein"] or "").parent for x in rows}
    found = [
        _row(x, k, path, by_folder=len(folders) == len(rows))
        for k, x in enumerate(rows, start=2)
    ]
    names = [x.name for x in found]
    twice = sorted({x for x in names if names.count(x) > 1})
    if twice:
        raise InputError(
            f"{path.name}: {', '.join(twice[:4])} is there more than once.",
            hint="Give each complex its own name in the column name.",
        )
    if not found:
        raise InputError(f"{path.name} holds no complexes.", hint="Give at least one.")
    return found


def _row(values: dict[str, str], line: int, path: Path, *, by_folder: bool) -> Row:
    protein = (values.get("protein") or "").strip()
    if not protein:
        raise InputError(
            f"{path.name}: line {line} names no protein.", hint="Fill in its file."
        )
    options: list[str] = []
    for column, option in COLUMNS.items():
        value = (values.get(column) or "").strip()
        if not value:
            continue
        is_file = column in _FILES or (column == "charges" and value not in _METHODS)
        options += [option, str((path.parent / value).resolve()) if is_file else value]
    file = Path(protein)
    default = file.parent.name if by_folder and file.parent.name else file.stem
    name = (values.get("name") or default).strip()
    return Row(
        name=name.upper().replace(".", "_").replace(" ", "_"), options=(*options,)
    )


def run_set(
    rows: Sequence[Row],
    store: Path,
    arguments: Sequence[str],
    *,
    jobs: int,
    on_done: Callable[[Done], None] = lambda done: None,
) -> list[Done]:
    """Simulate every complex that the store lacks, and put all into it.

    Each complex is kept in a file of its own until the end, so a run that is stopped
    goes on where it was. Its processes end with it.

    Args:
        rows: complexes.
        store: a file in MISATO's layout; made if it is not there.
        arguments: options for all of them.
        jobs: so many at a time.
        on_done: told of each.

    Raises:
        OutputError: the store cannot be written.
    """
    parts = store.with_name(f"{store.name}.parts")
    there = set(stored_names(store))
    try:
        parts.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{parts} cannot be written: {error.strerror or error}.",
            hint="Choose another folder for --store.",
        ) from error
    results = []
    children = _Children()
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        waiting = []
        try:
            for row in rows:
                part = parts / f"{row.name}.hdf5"
                if row.name in there or part.exists():
                    results.append(Done(name=row.name, problem="", was_there=True))
                    on_done(results[-1])
                    continue
                job = pool.submit(_simulate, row, part, arguments, jobs, children)
                waiting.append(job)
            for future in as_completed(waiting):
                results.append(future.result())
                on_done(results[-1])
        except BaseException:
            for future in waiting:
                future.cancel()
            children.stop()
            raise
    finished = [parts / f"{row.name}.hdf5" for row in rows]
    finished = [x for x in finished if x.exists()]
    if finished:
        merge(store, finished)
        for part in finished:
            part.unlink()
    if not any(parts.iterdir()):
        parts.rmdir()
    order = {row.name: k for k, row in enumerate(rows)}
    return sorted(results, key=lambda x: order[x.name])


class _Children:
    """The processes that run, to be ended together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def run(self, command: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
        """Exit code, and what was said on stderr."""
        with self._lock:
            if self._stopped:
                return -signal.SIGTERM, ""
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=env,
            )
            self._running.append(child)
        _, said = child.communicate()
        return child.returncode, said.decode(errors="replace")

    def stop(self) -> None:
        """End them, and start no more; each keeps what it has written."""
        with self._lock:
            self._stopped = True
        for child in self._running:
            child.terminate()
        for child in self._running:
            try:
                child.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                child.kill()


def _simulate(
    row: Row, part: Path, arguments: Sequence[str], jobs: int, children: _Children
) -> Done:
    """One complex by `neuralmd md`; its own words where it fails."""
    env = dict(os.environ)
    if jobs > 1:
        env.setdefault("OPENMM_CPU_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    command = [
        *(sys.executable, "-m", "neuralmd_cli", "md", *arguments, *row.options),
        *("--store", str(part), "--name", row.name, "--quiet"),
    ]
    code, said = children.run(command, env)
    if code == 0:
        return Done(name=row.name, problem="")
    lines = said.strip().splitlines()
    told = [x for x in lines if x.startswith("Error:")]
    problem = (told or lines or [f"stopped with exit code {code}"])[-1]
    return Done(name=row.name, problem=problem.removeprefix("Error:").strip())
