"""Caps for the ends of chains: ACE before, NME after, from what is there or by rule."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import gemmi
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from neuralmd_cli.md.protein import Chains, Residue, Stretch
from neuralmd_cli.structure.components import CAPS

Place = Float[ndarray, "3"]
_REACH = 2.0
"""Å; a cap's bond to its chain is shorter."""
_TURNS = tuple(float(x) for x in range(-180, 180, 30))
"""Dihedrals tried for a cap that has to be placed, degrees."""


def capped(
    chains: Chains,
    structure: gemmi.Structure,
    neighbours: Mapping[str, tuple[Residue | None, Residue | None]],
    ligand: Float[ndarray, "atoms 3"],
) -> Chains:
    """Every stretch with ACE before and NME after it.

    A cap takes the atoms of the neighbouring residue, where the chain was cut there, or
    of the file's own cap; else it is placed by standard geometry where most room is.

    Args:
        chains: stretches without caps.
        structure: the file, whose caps are used.
        neighbours: residues before and after each one (by label), cut or not.
        ligand: its heavy atoms, Å; caps keep away from it.
    """
    given = [
        {a.name: np.array(a.pos.tolist()) for a in residue if not a.is_hydrogen()}
        for chain in structure[0]
        for residue in chain
        if residue.name in CAPS
    ]
    points = [p for x in chains.residues for p in x.atoms.values()]
    crowd = np.array([*points, *ligand])
    done: list[Stretch] = []
    for stretch in chains.stretches:
        first, last = stretch[0], stretch[-1]
        ace = _ace(first, neighbours.get(first.label, (None, None))[0], given, crowd)
        # Caps on both sides of a small gap must not take each other's place.
        crowd = np.array([*crowd, *ace.atoms.values()])
        nme = _nme(last, neighbours.get(last.label, (None, None))[1], given, crowd)
        crowd = np.array([*crowd, *nme.atoms.values()])
        done.append((ace, *stretch, nme))
    return replace(chains, stretches=tuple(done))


def _ace(
    first: Residue,
    before: Residue | None,
    given: Sequence[Mapping[str, Place]],
    crowd: Float[ndarray, "atoms 3"],
) -> Residue:
    n, ca, c = (first.atoms[x] for x in ("N", "CA", "C"))
    if before is not None and {"C", "O"} <= before.atoms.keys():
        places = {
            "CH3": before.atoms["CA"],
            "C": before.atoms["C"],
            "O": before.atoms["O"],
        }
        return _cap("ACE", first, places)
    for cap in given:
        if "C" in cap and "O" in cap and np.linalg.norm(cap["C"] - n) < _REACH:
            methyl = cap.get("CH3", cap.get("CA"))
            if methyl is not None:
                return _cap("ACE", first, {"CH3": methyl, "C": cap["C"], "O": cap["O"]})

    def built(turn: float) -> dict[str, Place]:
        carbon = placed(c, ca, n, 1.335, 121.9, turn)
        return {
            "CH3": placed(ca, n, carbon, 1.52, 116.6, 180.0),
            "C": carbon,
            "O": placed(ca, n, carbon, 1.229, 122.9, 0.0),
        }

    return _cap("ACE", first, _roomiest(built, crowd))


def _nme(
    last: Residue,
    after: Residue | None,
    given: Sequence[Mapping[str, Place]],
    crowd: Float[ndarray, "atoms 3"],
) -> Residue:
    n, ca, c = (last.atoms[x] for x in ("N", "CA", "C"))
    if after is not None:
        return _cap("NME", last, {"N": after.atoms["N"], "C": after.atoms["CA"]})
    for cap in given:
        if "N" in cap and np.linalg.norm(cap["N"] - c) < _REACH:
            methyl = cap.get("C", cap.get("CH3", cap.get("CA")))
            if methyl is not None:
                return _cap("NME", last, {"N": cap["N"], "C": methyl})
    if "O" in last.atoms:
        # The amide plane is given by the carbonyl: N is opposite to O.
        nitrogen = _opposite(last.atoms["O"], ca, c)
        trans = placed(ca, c, nitrogen, 1.449, 121.9, 180.0)
        return _cap("NME", last, {"N": nitrogen, "C": trans})

    def built(turn: float) -> dict[str, Place]:
        nitrogen = placed(n, ca, c, 1.335, 116.6, turn)
        return {"N": nitrogen, "C": placed(ca, c, nitrogen, 1.449, 121.9, 180.0)}

    return _cap("NME", last, _roomiest(built, crowd))


def _opposite(oxygen: Place, ca: Place, c: Place) -> Place:
    """The nitrogen of an amide whose C, O and CA are known."""
    return placed(oxygen, ca, c, 1.335, 116.6, 180.0)


def _cap(name: str, of: Residue, atoms: Mapping[str, Place]) -> Residue:
    return Residue(
        name=name,
        standard=name,
        label=f"{name} of {of.label}",
        chain=of.chain,
        seqid=of.seqid,
        atoms=atoms,
    )


def _roomiest(
    built: Callable[[float], Mapping[str, Place]], crowd: Float[ndarray, "atoms 3"]
) -> Mapping[str, Place]:
    """The one of all turns whose nearest neighbour is farthest."""

    def room(turn: float) -> float:
        points = np.array(list(built(turn).values()))
        gaps = np.linalg.norm(crowd[None] - points[:, None], axis=-1)
        # Its own bonds are always near: judged by the atoms beyond those.
        return float(np.sort(gaps, axis=1)[:, 3:].min()) if len(crowd) > 6 else 0.0

    return built(max(_TURNS, key=room))


def placed(
    a: Place, b: Place, c: Place, length: float, angle: float, dihedral: float
) -> Place:
    """The atom at a bond length from c, a bond angle at c, and a dihedral a-b-c-d.

    Args:
        a, b, c: atoms before it, Å.
        length: Å.
        angle: b-c-d, degrees.
        dihedral: degrees.
    """
    bond = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, bond)
    normal /= np.linalg.norm(normal)
    across = np.cross(normal, bond)
    theta, phi = np.radians(angle), np.radians(dihedral)
    inside = np.array(
        [
            -length * np.cos(theta),
            length * np.sin(theta) * np.cos(phi),
            length * np.sin(theta) * np.sin(phi),
        ]
    )
    place: Place = c + inside @ np.stack([bond, across, normal])
    return place
