"""SDF or MOL file to the ligand: V2000 or V3000, one record or many, gzipped or not."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rdkit import Chem, rdBase

from neuralmd_cli.complex import Ligand
from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.files import (
    ascii_columns,
    is_coordinate_file,
    is_mol_file,
    read_text,
    suffix,
)
from neuralmd_cli.structure.molecule import check_molecule, ligand_tensors

_SEPARATOR = re.compile(r"^\$\$\$\$[^\n]*(?:\n|\Z)", re.MULTILINE)
_ROW = re.compile(r"\s*-?\d+(?:\.\d+)?\s+-?\d")
"""How rows of atoms and bonds begin; properties begin with a letter."""


@dataclass(frozen=True, kw_only=True)
class LigandFile:
    """A ligand as read, with all its atoms, and what a user should know of it."""

    molecule: Chem.Mol  # sanitised, one 3-D conformer, hydrogens of the file kept
    ligand: Ligand  # the heavy atoms, in the order of `molecule`
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LigandRecord:
    """The text of one molecule, and where it stands in its file."""

    text: str
    first_line: int  # from 1


def read_ligand(path: Path, index: int | None = None) -> LigandFile:
    """Read one molecule of an SDF or MOL file.

    Args:
        path: the file, gzipped or not.
        index: which record, from 1; without it the first is taken, and a note says so
            where there are others.

    Raises:
        InputError: no such file or record, not an SDF, or a molecule that cannot be
            simulated (see `check_molecule`).
    """
    text = read_text(path)
    check_kind(path, text)
    records = _records(text)
    if not records:
        raise InputError(
            f"{path.name} is empty.", hint="Give an SDF file with the posed ligand."
        )
    notes: tuple[str, ...] = ()
    if index is not None and not 1 <= index <= len(records):
        raise InputError(
            f"{path.name} has no molecule {index}: it holds {len(records)}.",
            hint=f"Choose --ligand-index from 1 to {len(records)}.",
        )
    where = path.name
    if len(records) > 1:
        where = f"{path.name}, molecule {index or 1} of {len(records)}"
    record = records[(index or 1) - 1]
    molecule = parsed_record(record, where)
    if index is None and len(records) > 1:
        notes = (
            f"{path.name} holds {len(records)} molecules: took the first "
            "(--ligand-index takes another).",
        )
    return ligand_file(molecule, where, notes)


def ligand_file(
    molecule: Chem.Mol, where: str, notes: tuple[str, ...] = ()
) -> LigandFile:
    """Check, sanitise and wrap a parsed molecule.

    Raises:
        InputError: the molecule cannot be simulated as a ligand.
    """
    molecule = Chem.Mol(molecule)
    found = check_molecule(molecule, where)
    return LigandFile(
        molecule=molecule, ligand=ligand_tensors(molecule), notes=(*notes, *found)
    )


def with_hydrogens(molecule: Chem.Mol) -> Chem.Mol:
    """The molecule with every hydrogen its bonding asks for, placed by geometry.

    Atoms already there keep their index and place; new hydrogens come last.
    """
    with rdBase.BlockLogs():
        return Chem.AddHs(molecule, addCoords=True)


def check_kind(path: Path, text: str) -> None:
    """Refuse other file types by name, with the way to go from each."""
    if is_mol_file(path, text):
        return
    if is_coordinate_file(path, text):
        raise InputError(
            f"{path.name} is a structure file: it names no bond orders, so they would "
            "have to be guessed.",
            hint="Convert the ligand to SDF, or take it from the protein file with "
            "--ligand-id and --smiles.",
        )
    kind = suffix(path)
    raise InputError(
        f"{path.name}: ligands {f'in the format {kind}' if kind else 'of this kind'} "
        "cannot be read.",
        hint="Convert it to SDF, with its bond orders and its pose in the pocket.",
    )


def _records(text: str) -> list[LigandRecord]:
    """The molecules of an SDF, split at its $$$$ lines."""
    records, first = [], 1
    *ended, rest = _SEPARATOR.split(text)
    for part in ended:
        records.append(LigandRecord(text=part, first_line=first))
        first += part.count("\n") + 1
    # What follows the last $$$$ is a record only if it holds a molecule.
    if rest.strip():
        records.append(LigandRecord(text=rest.rstrip("\n") + "\n", first_line=first))
    return records


def parsed_record(record: LigandRecord, where: str) -> Chem.Mol:
    """The record's molecule, unsanitised.

    Args:
        record: of an SDF or MOL file.
        where: file and record, to begin the message with.

    Raises:
        InputError: RDKit's reason why there is none, with the line in the file.
    """
    title, *block = record.text.split("\n", 1)
    # RDKit cannot say its reason where a column ends within a letter's bytes.
    record = replace(record, text="\n".join([title, *map(ascii_columns, block)]))
    _check_block(record, where)
    with rdBase.BlockLogs():
        molecule = Chem.MolFromMolBlock(record.text, sanitize=False, removeHs=False)
    if molecule is not None:
        return molecule
    with _rdkit_messages() as messages:
        Chem.MolFromMolBlock(record.text, sanitize=False, removeHs=False)
    reasons = [line for message in messages for line in message.splitlines() if line]
    # RDKit puts the time of day before its reason.
    reason = re.sub(
        r"^\[[\d:]+\]\s*", "", reasons[-1] if reasons else "it is cut short"
    )

    def in_file(match: re.Match[str]) -> str:
        return f"line {int(match[1]) + record.first_line - 1}"

    # RDKit counts lines from the start of the record.
    reason = re.sub(r"line\s*(\d+)", in_file, reason).rstrip(".")
    raise InputError(
        f"{where} (from line {record.first_line}) cannot be parsed: {reason}.",
        hint="Write the file again with the program it came from.",
    )


def _check_block(record: LigandRecord, where: str) -> None:
    """Refuse what RDKit would pass over: atoms, bonds or a molecule not counted.

    Raises:
        InputError: with the first line that the counts line leaves out.
    """
    lines = record.text.split("\n")
    ends = [k for k, line in enumerate(lines) if line.startswith("M  END")]
    if len(ends) > 1:
        raise InputError(
            f"{where}: a second molecule ends at line {record.first_line + ends[1]}, "
            "with no $$$$ line between the two.",
            hint="Write each molecule to a file of its own, or put $$$$ between them.",
        )
    if len(lines) < 4 or "V3000" in lines[3] or not ends:
        return
    atoms, bonds = lines[3][:3].strip(), lines[3][3:6].strip()
    if not (atoms.isdecimal() and bonds.isdecimal()):
        return
    counted = 4 + int(atoms) + int(bonds)
    for k in range(counted, ends[0]):
        if _ROW.match(lines[k]):
            raise InputError(
                f"{where}: line {record.first_line + k} is one more than the {atoms} "
                f"atoms and {bonds} bonds of the counts line: {lines[k]!r}.",
                hint="The molecule would be another one. Write the file again with the "
                "program it came from.",
            )


@contextmanager
def _rdkit_messages() -> Iterator[list[str]]:
    """Collect what RDKit would write to stderr; only its logger knows the reasons."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger = logging.getLogger("rdkit")
    handlers = logger.handlers
    logger.handlers = [Collector()]
    rdBase.LogToPythonLogger()
    try:
        yield messages
    finally:
        rdBase.LogToCppStreams()
        logger.handlers = handlers
