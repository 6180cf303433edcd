"""The residues that ff14SB has: their heavy atoms, and their states at a pH."""

from collections.abc import Mapping

HEAVY_ATOMS: Mapping[str, tuple[str, ...]] = {
    name: ("N", "CA", "C", "O", *side.split())
    for name, side in {
        "ALA": "CB",
        "ARG": "CB CG CD NE CZ NH1 NH2",
        "ASN": "CB CG OD1 ND2",
        "ASP": "CB CG OD1 OD2",
        "CYS": "CB SG",
        "CYX": "CB SG",
        "GLN": "CB CG CD OE1 NE2",
        "GLU": "CB CG CD OE1 OE2",
        "GLY": "",
        "HIE": "CB CG ND1 CD2 CE1 NE2",
        "ILE": "CB CG1 CG2 CD1",
        "LEU": "CB CG CD1 CD2",
        "LYS": "CB CG CD CE NZ",
        "MET": "CB CG SD CE",
        "PHE": "CB CG CD1 CD2 CE1 CE2 CZ",
        "PRO": "CB CG CD",
        "SER": "CB OG",
        "THR": "CB OG1 CG2",
        "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
        "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH",
        "VAL": "CB CG1 CG2",
    }.items()
}
"""Heavy atoms of each residue within a chain, by its name in MISATO's table."""

STANDARD = {
    "HIE": "HIE",
    "HID": "HIE",
    "HIP": "HIE",
    "ASH": "ASP",
    "GLH": "GLU",
    "LYN": "LYS",
    "CYM": "CYS",
}
"""The residue of MISATO's table for each state it has no code for."""

_PKA = {"ASP": 3.7, "GLU": 4.2, "HIE": 6.0, "CYS": 8.5, "LYS": 10.4}
"""pKa of free side chains in water; no environment is considered."""
_ACID = {"ASP": "ASH", "GLU": "GLH", "HIE": "HIP"}
_BASE = {"CYS": "CYM", "LYS": "LYN"}
_SYNONYMS = {
    ("ILE", "CD"): "CD1",
    ("*", "OT1"): "O",
    ("*", "OC1"): "O",
    ("MET", "SE"): "SD",
    ("CYS", "SE"): "SG",
}


def atom_name(residue: str, name: str) -> str:
    """Amber's name of a heavy atom that a file may call otherwise."""
    return _SYNONYMS.get((residue, name)) or _SYNONYMS.get(("*", name)) or name


def at_ph(residue: str, ph: float) -> str:
    """The state in which most of a residue's side chains are at a pH.

    Neutral histidines are HIE, as all of MISATO's are.
    """
    pka = _PKA.get(residue)
    if pka is None:
        return residue
    states = _ACID if ph < pka else _BASE
    return states.get(residue, residue)


def as_given(residue: str, name: str, hydrogens: frozenset[str]) -> str | None:
    """The state that a file says: by its residue name, or else by its hydrogens.

    Args:
        residue: the standard residue.
        name: in the file.
        hydrogens: names of the residue's hydrogens in the file.

    Returns:
        Amber's name, or None where the file does not say.
    """
    upper = name.upper()
    if STANDARD.get(upper) == residue:
        return upper
    named = {"HSD": "HID", "HSE": "HIE", "HSP": "HIP"}.get(upper)
    if named is not None or not hydrogens:
        return named
    delta, epsilon = "HD1" in hydrogens, bool(hydrogens & {"HE2", "2HE"})
    if residue == "HIE" and (delta or epsilon):
        return "HIP" if delta and epsilon else "HID" if delta else "HIE"
    if residue == "ASP" and hydrogens & {"HD1", "HD2"}:
        return "ASH"
    if residue == "GLU" and hydrogens & {"HE1", "HE2"}:
        return "GLH"
    if residue == "LYS" and 0 < len({x for x in hydrogens if "HZ" in x}) < 3:
        return "LYN"
    return None
