"""PDB or mmCIF text to one clean gemmi model: no water, no alternate locations."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import gemmi

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.components import is_water
from neuralmd_cli.structure.files import (
    ascii_columns,
    has_pdb_atoms,
    is_mmcif,
    is_mol_file,
    read_text,
    suffix,
)

FARTHEST = 1e5
"""Å; coordinates beyond are no molecule's."""
_BLANK = "\0"
MOST_ODD = 0.1
"""Share of atoms up to which lines of another form are damage, not a writer's way."""
_ATOM_LINE = re.compile(r"^(?:ATOM|HETA).*$", re.MULTILINE | re.IGNORECASE)
"""gemmi asks for no more than four letters of a record's name, large or small."""
_EMPTY_LINES = re.compile(r"\n{1000,}")
_END = re.compile(r"^END *\n", re.MULTILINE)
_NO_ATOMS_HINT = "Give the PDB or mmCIF file of the protein."


def parse_structure(path: Path) -> gemmi.Structure:
    """All models of a PDB or mmCIF file; the content decides which of the two it is.

    Raises:
        InputError: no such file, neither format, no atoms, or unreadable coordinates.
    """
    return structure_from_text(read_text(path), path)


def structure_from_text(text: str, path: Path) -> gemmi.Structure:
    """As `parse_structure`, for text already read; `path` serves the messages."""
    if is_mmcif(text):
        structure = _from_mmcif(text, path.name)
    elif has_pdb_atoms(text) and suffix(path) not in (".pdbqt", ".sdf", ".mol2"):
        text = ascii_columns(text)
        _check_columns(text, path.name)
        # Gemmi looks at each of them; a bomb may hold millions.
        structure = _from_pdb(_EMPTY_LINES.sub("\n", text), path.name)
    else:
        raise _not_a_structure(text, path)
    structure.merge_chain_parts()
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise InputError(f"{path.name} holds no atoms.", hint=_NO_ATOMS_HINT)
    for label, atom in labelled_atoms(structure[0]):
        # Written so that NaN fails as well.
        if not all(abs(x) < FARTHEST for x in atom.pos.tolist()):
            raise InputError(
                f"{path.name}: atom {atom.name} of {label} has no coordinates that "
                f"could be its own: {', '.join(f'{x:g}' for x in atom.pos.tolist())}.",
                hint="Remove the atom or correct its coordinates.",
            )
    return structure


def residue_label(chain: gemmi.Chain, residue: gemmi.Residue) -> str:
    """A residue's name for people: "A:57B SER"; the chain only where it has one."""
    prefix = f"{chain.name}:" if chain.name.strip() else ""
    return f"{prefix}{residue.seqid} {residue.name}"


def labelled_atoms(model: gemmi.Model) -> Iterator[tuple[str, gemmi.Atom]]:
    """Every atom of the model with the label of its residue."""
    for chain in model:
        for residue in chain:
            label = residue_label(chain, residue)
            for atom in residue:
                yield label, atom


def cleaned(
    structure: gemmi.Structure, source: str
) -> tuple[gemmi.Structure, tuple[str, ...]]:
    """One model with one location per atom and without water, and what was dropped.

    Of several models the first is kept. Of the alternate locations of a residue the
    one with the highest mean occupancy is kept as a whole, so that its atoms fit
    together; an atom that lacks it takes its own most occupied location.
    """
    structure = structure.clone()
    notes = []
    if len(structure) > 1:
        notes.append(f"{source} holds {len(structure)} models: took the first.")
        del structure[1:]
    settled, waters = 0, 0
    for chain in structure[0]:
        settled += _drop_minor_residues(chain)
        for residue in chain:
            settled += _drop_minor_locations(residue)
        others = [x for x in chain if not is_water(x.name)]
        if len(others) < len(chain):
            waters += len(chain) - len(others)
            _keep(chain, others)
    structure.remove_empty_chains()
    if settled:
        notes.append(
            f"{_count(settled, 'residue')} with alternate locations: "
            "took the most occupied."
        )
    if waters:
        notes.append(f"{_count(waters, 'water')} left out.")
    return structure, tuple(notes)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _drop_minor_residues(chain: gemmi.Chain) -> int:
    """Where residues of two names share a place, keep the more occupied one."""
    kept: list[gemmi.Residue] = []
    dropped = 0
    for first in reversed(list(chain)):
        second = kept[-1] if kept else None
        if second is None or not _are_alternatives(first, second):
            kept.append(first)
            continue
        dropped += 1
        if _mean_occupancy(first) >= _mean_occupancy(second):
            kept[-1] = first
    if dropped:
        _keep(chain, kept[::-1])
    return dropped


def _keep(chain: gemmi.Chain, residues: list[gemmi.Residue]) -> None:
    """Drop the other residues at once: one by one, each would move all behind it."""
    copies = [x.clone() for x in residues]
    del chain[:]
    chain.append_residues(copies)


def _are_alternatives(first: gemmi.Residue, second: gemmi.Residue) -> bool:
    """True if the two residues are marked as alternate locations of each other."""
    if first.seqid != second.seqid or first.name == second.name:
        return False
    ours, theirs = {a.altloc for a in first}, {a.altloc for a in second}
    return not (ours & theirs or _BLANK in ours | theirs)


def _mean_occupancy(atoms: gemmi.Residue | list[gemmi.Atom]) -> float:
    # Rounded, or the order in which equal occupancies are added would decide.
    return round(sum(atom.occ for atom in atoms) / max(len(atoms), 1), 4)


def _drop_minor_locations(residue: gemmi.Residue) -> bool:
    """Keep one location of each atom; True if there was a choice to make."""
    by_label: dict[str, list[gemmi.Atom]] = {}
    for atom in residue:
        by_label.setdefault(atom.altloc, []).append(atom)
    blank = {atom.name for atom in by_label.pop(_BLANK, [])}
    if not by_label:
        return False
    order = sorted(by_label, key=lambda x: (-_mean_occupancy(by_label[x]), x))
    best = order[0]
    chosen: dict[str, str] = {}
    for name in {atom.name for atoms in by_label.values() for atom in atoms} - blank:
        places = {a.altloc: a.occ for x in order for a in by_label[x] if a.name == name}
        chosen[name] = best if best in places else max(places, key=lambda x: places[x])
    several = len(by_label) > 1
    for index in reversed(range(len(residue))):
        atom = residue[index]
        if atom.altloc == _BLANK:
            continue
        if chosen.get(atom.name) == atom.altloc:
            atom.altloc = _BLANK
        else:
            del residue[index]
    return several


def _from_mmcif(text: str, source: str) -> gemmi.Structure:
    """The first block with atoms; gemmi's own words where the syntax is wrong."""
    try:
        document = gemmi.cif.read_string(text)
        for block in document:
            if block.find_loop("_atom_site.Cartn_x"):
                return gemmi.make_structure_from_block(block)
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"{source} is not valid mmCIF: {error}.",
            hint="Fetch the file again, or convert it with gemmi convert.",
        ) from error
    raise InputError(f"{source} holds no atoms.", hint=_NO_ATOMS_HINT)


def _from_pdb(text: str, source: str) -> gemmi.Structure:
    """Gemmi's reading; its own words where it finds a line wrong."""
    try:
        return gemmi.read_structure_string(text, format=gemmi.CoorFormat.Pdb)
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{source} is not a valid PDB file: {reason}.",
            hint="Correct or remove that line, or fetch the file again.",
        ) from error


def _check_columns(text: str, source: str) -> None:
    """Refuse PDB atoms whose coordinate columns hold no number, or a cut one.

    gemmi would read such columns as 0 or as the digits before the first wrong sign.
    A line that lost or gained a letter still holds numbers, only others: what gives it
    away is a decimal point that is not where all the other lines have theirs.
    """
    odd: list[tuple[int, str]] = []
    atoms = 0
    for found in _ATOM_LINE.finditer(text):
        line = found[0]
        atoms += 1
        fields = line[30:38], line[38:46], line[46:54]
        if not all(map(_is_finite, fields)):
            number = text.count("\n", 0, found.start()) + 1
            raise InputError(
                f"{source}: line {number} has no coordinates in columns 31 to 54: "
                f"{line[:54]!r}.",
                hint="Correct or remove that line; PDB columns are fixed.",
            )
        if any(x[4:5] != "." for x in fields) or len(line) < 54 or line[27:30].strip():
            odd.append((found.start(), line))
    if odd and len(odd) <= MOST_ODD * atoms:
        start, line = odd[0]
        number = text.count("\n", 0, start) + 1
        raise InputError(
            f"{source}: line {number} has its columns elsewhere than the other atoms, "
            f"or is cut short: {line[:66]!r}.",
            hint="Correct or remove that line; PDB columns are fixed.",
        )


def _is_finite(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def atoms_after_end(text: str) -> bool:
    """True if a PDB text goes on with atoms after END, where reading stops."""
    end = _END.search(text)
    return end is not None and has_pdb_atoms(text[end.end() :])


def _not_a_structure(text: str, path: Path) -> InputError:
    """What the file seems to be instead of a protein."""
    name = path.name
    if not text.strip():
        return InputError(f"{name} is empty.", hint=_NO_ATOMS_HINT)
    if is_mol_file(path, text):
        return InputError(
            f"{name} is an SDF or MOL file, not a protein structure.",
            hint="Give it to --ligand, and a PDB or mmCIF file to --protein.",
        )
    if suffix(path) in (".pdbqt", ".mol2", ".gro", ".bcif", ".mmtf"):
        return InputError(
            f"{name}: proteins in the format {suffix(path)} cannot be read.",
            hint="Convert it to PDB or mmCIF.",
        )
    if text.startswith("HEADER") or suffix(path) in (".pdb", ".ent"):
        return InputError(f"{name} holds no ATOM records.", hint=_NO_ATOMS_HINT)
    return InputError(f"{name} is neither PDB nor mmCIF.", hint=_NO_ATOMS_HINT)
