"""Prepare every shared structure and write what happened as a Markdown table.

    python scripts/survey_structures.py ../shared docs/structure_survey.md

Each row is one input and ends in a prepared complex, a protein or ligand read alone,
or the one message a user would get.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.files import suffix
from neuralmd_cli.structure.ligand import read_ligand
from neuralmd_cli.structure.prepare import prepare
from neuralmd_cli.structure.protein import read_protein

Row = tuple[str, str, str]

# Ligands taken from the structure file itself, as with --ligand-id and --smiles.
BY_NAME = [
    ("pdb/1eve.pdb", "E20", "COc1cc2CC(CC3CCN(CC3)Cc4ccccc4)C(=O)c2cc1OC"),
    ("pdb/1eve.pdb", "E20", None),
    ("pdb/1eve.pdb", "NAG", None),
    ("pdb/1eve.pdb", "NAG:A:3001", "CC(=O)NC1COC(CO)C(O)C1O"),
    ("pdb/1acj.pdb", "THA", "c1ccc2c(c1)c(c3CCCCc3[nH+]2)N"),
    ("pdb/1xdn.pdb", "ATP", "Nc1ncnc2c1ncn2C1OC(COP(O)(=O)OP(O)(=O)OP(O)(O)=O)C(O)C1O"),
    ("pdb/5ddr.pdb", "GLN:A", None),
    ("pdb/4dst.pdb", "MG:A:203", None),
    ("pdb/4dst.pdb", "XYZ", None),
    ("mmcif/4CUP.cif", "ZYB", None),
    ("mmcif/4CUP.cif", "MOH:A:2972", "CO"),
    ("mmcif/5PTI.cif.gz", "PO4", None),
]


def outcome(act: Callable[[], tuple[str, tuple[str, ...]]]) -> tuple[str, str]:
    """What a user would see: the result and its notes, or the message and its hint."""
    try:
        result, notes = act()
    except InputError as error:
        return "refused", f"{error.message} {error.hint}"
    return result, " ".join(notes)


def prepared(
    protein: Path, ligand: Path | None = None, **options: str | None
) -> tuple[str, tuple[str, ...]]:
    """Size of a prepared complex, and its notes."""
    made = prepare(protein, ligand, **options)
    residues, atoms = made.complex.protein.n_residues, made.complex.ligand.n_atoms
    return f"{residues} residues, {atoms} heavy atoms", (*made.notes, *made.warnings)


def complexes(root: Path) -> Iterator[Row]:
    """Every folder with each of its ligand files, series and cofactors included."""
    for folder in sorted(x for x in root.iterdir() if x.is_dir()):
        for path in sorted(folder.glob("*.sdf")):
            yield (
                f"{folder.name}: protein.pdb + {path.name}",
                *outcome(partial(prepared, folder / "protein.pdb", path)),
            )


def series(root: Path) -> Iterator[Row]:
    """Every further member of each congeneric series; one row for each series."""
    for path in sorted(root.glob("*/ligand_series_am1bcc.sdf")):
        good, refused = 0, []
        total = path.read_text().count("$$$$")
        for index in range(1, total + 1):
            try:
                prepare(path.parent / "protein.pdb", path, ligand_index=index)
                good += 1
            except InputError as error:
                refused.append(error.message.split(": ", 1)[1])
        yield path.parent.name, f"{good} of {total}", " ".join(refused)


def alone(root: Path) -> Iterator[Row]:
    """Every structure and ligand file read alone."""

    def protein(path: Path) -> tuple[str, tuple[str, ...]]:
        file = read_protein(path)
        count = int(file.protein.segments.max()) + 1
        segments = f"{count} segment{'' if count == 1 else 's'}"
        return f"{file.protein.n_residues} residues, {segments}", file.notes

    def ligand(path: Path) -> tuple[str, tuple[str, ...]]:
        file = read_ligand(path)
        return f"{file.ligand.n_atoms} heavy atoms", file.notes

    for path in sorted(x for x in root.glob("*/*") if x.is_file()):
        is_ligand = suffix(path) in (".sdf", ".mol2")
        act = ligand if is_ligand else protein
        name = f"{path.parent.name}/{path.name}"
        yield (name, *outcome(partial(act, path)))


def by_name(root: Path) -> Iterator[Row]:
    """Ligands taken out of the protein's own file."""
    for name, spec, smiles in BY_NAME:
        options = f"{name} --ligand-id {spec}" + (" --smiles ..." if smiles else "")
        yield (
            options,
            *outcome(partial(prepared, root / name, ligand_id=spec, smiles=smiles)),
        )


def table(title: str, rows: Iterator[Row]) -> list[str]:
    """Lines of one Markdown section."""
    lines = [f"## {title}", "", "| input | outcome | notes |", "|---|---|---|"]
    lines += [
        "| " + " | ".join(x.replace("|", "\\|") for x in row) + " |" for row in rows
    ]
    return [*lines, ""]


def main() -> None:
    """Write the survey."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    data = options.shared / "data"
    lines = [
        "# What happens with real structure files",
        "",
        "Written by `scripts/survey_structures.py`. Every input is prepared, or",
        "refused with the one message shown; the notes are those a run prints.",
        "",
        *table("Complexes, each ligand file", complexes(data / "complexes")),
        *table("Congeneric series, every member", series(data / "complexes")),
        *table("Structures and ligands alone", alone(data / "structures")),
        *table("Ligands by name", by_name(data / "structures")),
    ]
    options.output.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
