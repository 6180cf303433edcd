"""Amber topology files: the few sections we need of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int
from numpy import ndarray

_IFCAP = 29  # place of the cap flag among the POINTERS


@dataclass(frozen=True, kw_only=True)
class Topology:
    """Atoms and residues of an Amber topology, in its order."""

    names: tuple[str, ...]
    types: tuple[str, ...]  # Amber's, as CX or c3
    numbers: Int[ndarray, " atoms"]  # atomic numbers
    residue_names: tuple[str, ...]
    residue_of: Int[ndarray, " atoms"]  # index of each atom's residue

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.names)


def read_topology(path: Path) -> Topology:
    """Read names, types, elements and residues of a prmtop file."""
    sections = _sections(path.read_text())
    first = np.array([int(x) for x in sections["RESIDUE_POINTER"]]) - 1
    names = tuple(sections["ATOM_NAME"])
    residue_of = np.searchsorted(first, np.arange(len(names)), side="right") - 1
    return Topology(
        names=names,
        types=tuple(sections["AMBER_ATOM_TYPE"]),
        numbers=np.array([int(x) for x in sections["ATOMIC_NUMBER"]]),
        residue_names=tuple(sections["RESIDUE_LABEL"]),
        residue_of=residue_of,
    )


def without_cap(path: Path) -> None:
    """Take the cap out of a topology that leap made by solvateCap, in place.

    Its water stays; OpenMM does not read caps, and our own wall replaces it.
    """
    lines = path.read_text().split("\n")
    start = next(k for k, x in enumerate(lines) if x.startswith("%FLAG POINTERS"))
    row, column = divmod(_IFCAP, 10)
    line = lines[start + 2 + row]
    lines[start + 2 + row] = f"{line[: 8 * column]}{0:8d}{line[8 * column + 8 :]}"
    path.write_text("\n".join(lines))


def _sections(text: str) -> dict[str, list[str]]:
    """The fixed-width fields of each section, without blanks around them."""
    found: dict[str, list[str]] = {}
    for block in text.split("%FLAG ")[1:]:
        head, *lines = block.split("\n")
        while lines and lines[0].startswith("%COMMENT"):
            del lines[0]
        # As in %FORMAT(20a4) and %FORMAT(5E16.8).
        kind = lines[0].partition("(")[2].partition(")")[0]
        digits = "".join(x if x.isdigit() or x == "." else " " for x in kind)
        width = int(digits.split()[1].partition(".")[0])
        fields = [
            line[k : k + width].strip()
            for line in lines[1:]
            for k in range(0, len(line), width)
        ]
        found[head.strip()] = fields if width == 4 else [x for x in fields if x]
    return found
