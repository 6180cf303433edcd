"""Which residue of a topology is the ligand."""

from collections import Counter
from pathlib import Path

import gemmi
import mdtraj
from mdtraj.core.topology import Residue

from neuralmd_cli.errors import InputError
from neuralmd_cli.topology import LIGAND_REMARK

_CAPS = {"ACE", "NME", "NMA", "NHE", "NH2"}
_BACKBONE = {"N", "CA", "C"}
_SHOWN = 8


def find_ligand(topology: mdtraj.Topology, top: Path, wanted: str | None) -> Residue:
    """The ligand's residue: the one asked for, the one our PDB names, or the only one.

    Args:
        topology: what was read from `top`.
        wanted: NAME, NAME:CHAIN or NAME:CHAIN:NUMBER.

    Raises:
        InputError: no residue, or more than one, could be meant.
    """
    residues = list(topology.residues)
    if wanted is not None:
        matches = [r for r in residues if _matches(r, wanted)]
        if len(matches) == 1:
            return matches[0]
        candidates = matches or _candidates(residues)
        problem = "has no" if not matches else f"has {len(matches)} times"
        raise InputError(
            f"{top.name} {problem} residue {wanted}. {_listed(candidates)}",
            hint="Name one residue as NAME:CHAIN:NUMBER with --ligand-residue.",
        )
    if written_by_us(top):
        return residues[-1]
    candidates = _candidates(residues)
    if len(candidates) != 1:
        what = (
            "no residue that could be" if not candidates else "several candidates for"
        )
        raise InputError(
            f"{top.name} has {what} the ligand. {_listed(candidates)}",
            hint="Name it with --ligand-residue NAME or NAME:CHAIN:NUMBER.",
        )
    return candidates[0]


def residue_label(residue: Residue) -> str:
    """The residue as NAME:CHAIN:NUMBER, the way `find_ligand` takes it."""
    return f"{residue.name}:{_chain(residue)}:{residue.resSeq}"


def _matches(residue: Residue, wanted: str) -> bool:
    """True if the residue has the name, and the chain and number if given."""
    own = residue_label(residue).split(":")
    asked = wanted.split(":")
    return len(asked) <= len(own) and all(
        a == o for a, o in zip(asked, own, strict=False) if a
    )


def _chain(residue: Residue) -> str:
    """Name of the residue's chain, or its place among the chains."""
    return residue.chain.chain_id or str(residue.chain.index)


def _candidates(residues: list[Residue]) -> list[Residue]:
    """Residues of several heavy atoms that are no polymer, water or cap.

    Buffers and polyatomic ions (glycerol, sulfate) only count if nothing else is left.
    """
    found: list[Residue] = []
    buffers: list[Residue] = []
    for residue in residues:
        known = gemmi.find_tabulated_residue(residue.name)
        heavy = [a for a in residue.atoms if a.element is None or a.element.number > 1]
        polymer = known.is_amino_acid() or known.is_nucleic_acid()
        protein = _BACKBONE <= {atom.name for atom in heavy} or residue.is_protein
        water = known.is_water() or residue.is_water
        if polymer or protein or water or residue.name in _CAPS or len(heavy) < 2:
            continue
        (buffers if known.kind == gemmi.ResidueKind.BUF else found).append(residue)
    return found or buffers


def written_by_us(top: Path) -> bool:
    """True if a topology of ours, which has its ligand last, was read from `top`."""
    with top.open("rb") as file:
        return file.read(len(LIGAND_REMARK)) == LIGAND_REMARK.encode()


def _listed(candidates: list[Residue]) -> str:
    """The candidates in one sentence."""
    if not candidates:
        return "Nothing in it is other than polymer, water, caps and ions."
    counts = Counter(residue.name for residue in candidates)
    names = [residue_label(r) for r in candidates if counts[r.name] == 1]
    names += [f"{name} ({n} times)" for name, n in counts.items() if n > 1]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"Candidates: {', '.join(names[:_SHOWN])}{more}."
