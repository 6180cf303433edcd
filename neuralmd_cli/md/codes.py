"""Amber's names as the codes of MISATO's tables."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from neuralmd_cli.complex import RESIDUE_NAMES
from neuralmd_cli.errors import InputError

ELEMENTS = (1, 6, 7, 8, 9, 15, 16, 17, 35, 53)
"""Atomic numbers of the element codes 1, 2, ..."""
TYPES = (
    "2C 3C C C* C8 CA CB CC CN CO CR CT CW CX H H1 H4 H5 HA HC HO HP HS N N2 N3 NA NB "
    "O O2 OH S SH br c c1 c2 c3 ca cc cd ce cf cg ch cl cp cq cs cu cx cy cz f h1 h2 "
    "h3 h4 h5 ha hc hn ho hp hs hx i n n1 n2 n3 n4 n7 n8 na nb nc nd ne nf nh ni nj nk "
    "nl nm nn no nq ns nt nu nv nx ny nz o oh op oq os p5 py s s4 s6 sh ss sx sy"
).split()
"""Atom types of the codes 1, 2, ...; 1 to 33 are ff14SB's, the others GAFF2's."""
_RENAMED = {"c5": "c3", "c6": "c3", "CV": "CW", "p2": "p5", "p3": "p5", "p4": "p5"}
"""Types newer than the table, or only in other states, by what it has instead.

GAFF2's sp3 carbons in rings of five and six are c3 in the table's older GAFF2.
"""
_BY_ELEMENT = {1: "hc", 6: "c3", 7: "n3", 8: "o", 15: "p5", 16: "ss"}
_CODES = {name: k for k, name in enumerate(TYPES, start=1)}
_RESIDUES = {name: k for k, name in enumerate(RESIDUE_NAMES, start=1)}


def type_codes(
    types: Sequence[str], numbers: Int[ndarray, " atoms"]
) -> tuple[Int[ndarray, " atoms"], tuple[str, ...]]:
    """The code of each type, and the types that were written as another one.

    Args:
        types: Amber's.
        numbers: atomic numbers, which decide where the table has nothing near.
    """
    codes, renamed = [], set[str]()
    for name, z in zip(types, numbers.tolist(), strict=True):
        known = name
        if name not in _CODES:
            known = _RENAMED.get(name) or _BY_ELEMENT.get(z, "")
            renamed.add(f"{name} as {known}")
        codes.append(_CODES[known])
    return np.array(codes, dtype=np.int64), tuple(sorted(renamed))


def element_codes(numbers: Int[ndarray, " atoms"]) -> Int[ndarray, " atoms"]:
    """The code of each element.

    Raises:
        InputError: an element the table does not have.
    """
    strange = sorted(set(numbers.tolist()) - set(ELEMENTS))
    if strange:
        raise InputError(
            f"MISATO's table has no code for the atomic numbers {strange}.",
            hint="Write a trajectory with -o instead of a store.",
        )
    return np.array([ELEMENTS.index(z) + 1 for z in numbers.tolist()], dtype=np.int64)


def residue_code(standard: str) -> int:
    """The code of a residue of the table; 0 is the ligand."""
    return _RESIDUES[standard]
