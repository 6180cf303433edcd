"""What a residue name means: amino acid and its parent, cap, water or other group."""

from collections.abc import Mapping

import gemmi

from neuralmd_cli.complex import RESIDUE_NAMES

TYPE_OF = {name: index for index, name in enumerate(RESIDUE_NAMES)}
"""Index into RESIDUE_NAMES of each name the model knows."""

CAPS = frozenset({"ACE", "NME", "NMA", "NH2", "FOR", "NHE"})
"""Terminal caps; they have no N, CA, C triple of their own."""

_WATERS = frozenset("HOH WAT DOD H2O TIP TIP3 TIP4 TP3 T3P T4P SOL SPC".split())

# Names that force fields and modelling programs write; the component dictionary
# behind gemmi's table does not list them. All histidines are one type for the model.
_VARIANTS = {
    "HIS": "HIE",
    "HID": "HIE",
    "HIP": "HIE",
    "HSD": "HIE",
    "HSE": "HIE",
    "HSP": "HIE",
    "HISD": "HIE",
    "HISE": "HIE",
    "HISH": "HIE",
    "ASH": "ASP",
    "ASPP": "ASP",
    "GLH": "GLU",
    "GLUP": "GLU",
    "LYN": "LYS",
    "LSN": "LYS",
    "ARN": "ARG",
    "CYM": "CYS",
    "CYS2": "CYX",
    "SEC": "CYS",  # selenium for sulphur
    "PYL": "LYS",
}
_BY_LETTER = {
    gemmi.find_tabulated_residue(name).one_letter_code: name
    for name in RESIDUE_NAMES
    if gemmi.find_tabulated_residue(name).is_amino_acid()
} | {"H": "HIE"}


def is_water(name: str) -> bool:
    """True for every name under which programs write water."""
    return name in _WATERS or bool(gemmi.find_tabulated_residue(name).is_water())


def is_nucleotide(name: str) -> bool:
    """True for a DNA or RNA residue."""
    return bool(gemmi.find_tabulated_residue(name).is_nucleic_acid())


def is_plain(name: str) -> bool:
    """True for the 20 amino acids under any protonation-state name."""
    bare = _bare(name)
    return bare in TYPE_OF or (bare in _VARIANTS and bare not in ("SEC", "PYL"))


def parent_name(name: str, declared: Mapping[str, str]) -> str | None:
    """The amino acid of RESIDUE_NAMES that a residue is, or was made from.

    Force-field names first, then gemmi's table of modified residues (MSE is written
    there as a kind of M), then what the file itself declares (MODRES and its mmCIF
    counterpart, as `declared`). None where nobody says: it is never guessed.
    """
    bare = _bare(name)
    if bare in CAPS:
        return None
    if bare in TYPE_OF:
        return bare
    if bare in _VARIANTS:
        return _VARIANTS[bare]
    info = gemmi.find_tabulated_residue(bare)
    if info.is_amino_acid() and info.one_letter_code.upper() in _BY_LETTER:
        return _BY_LETTER[info.one_letter_code.upper()]
    parent = declared.get(bare, "")
    return parent_name(parent, {}) if parent and parent != bare else None


def _bare(name: str) -> str:
    """Amber's names of terminal residues (NALA, CHIE) without the leading letter."""
    upper = name.upper()
    inner = upper[1:]
    if len(upper) == 4 and upper[0] in "NC" and (inner in TYPE_OF or inner == "HIS"):
        return inner
    if len(upper) == 4 and upper[0] in "NC" and len(_VARIANTS.get(inner, "")) == 3:
        return inner
    return upper
