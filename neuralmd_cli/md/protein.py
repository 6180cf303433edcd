"""A protein's structure to what leap builds: whole residues in capped stretches."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import gemmi
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from neuralmd_cli.errors import InputError
from neuralmd_cli.md.residues import HEAVY_ATOMS, as_given, at_ph, atom_name
from neuralmd_cli.structure.components import CAPS, is_plain, parent_name
from neuralmd_cli.structure.coordinates import residue_label
from neuralmd_cli.structure.prepare import PreparedComplex
from neuralmd_cli.structure.protein import DISULFIDE_BOND, PEPTIDE_BOND

Place = Float[ndarray, "3"]


@dataclass(frozen=True, kw_only=True)
class Residue:
    """One amino acid, or a cap, and where its heavy atoms are."""

    name: str  # Amber's: HIE, CYX, ASH, ACE, ...
    standard: str  # in MISATO's table; caps: their own name
    label: str  # of the file, "A:57 ALA"; no other residue has it
    chain: str
    seqid: str
    atoms: Mapping[str, Place]  # heavy atoms by name, Å
    missing: tuple[str, ...] = ()  # heavy atoms the file lacks

    @property
    def is_cap(self) -> bool:
        """True for ACE, NME and NHE."""
        return self.name in ("ACE", "NME", "NHE")


Stretch = tuple[Residue, ...]
"""Residues joined by peptide bonds, caps at both ends included."""


@dataclass(frozen=True, kw_only=True)
class Chains:
    """A protein ready to be built, and a word on what was changed."""

    stretches: tuple[Stretch, ...]
    disulfides: tuple[tuple[str, str], ...]  # labels of cysteines
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def residues(self) -> list[Residue]:
        """All residues in order, caps included."""
        return [x for stretch in self.stretches for x in stretch]

    @property
    def n_residues(self) -> int:
        """Number of amino acids."""
        return sum(not x.is_cap for x in self.residues)


def chains_of(
    prepared: PreparedComplex, *, ph: float = 7.4, keep_protonation: bool = False
) -> Chains:
    """The amino acids of a complex, in stretches without a break; no caps yet.

    Args:
        prepared: what `simulate` would start from.
        ph: decides the states of side chains, by their pKa in water.
        keep_protonation: states that the file names, or whose hydrogens it has, stay.

    Raises:
        InputError: a residue of the chain that ff14SB does not have.
    """
    structure = prepared.protein_structure
    declared = {x.res_id.name: x.parent_comp_id for x in structure.mod_residues}
    wanted = set(prepared.residue_labels)
    changed, extra, seen = Counter[str](), Counter[str](), Counter[str]()
    stretches: list[list[Residue]] = []
    for chain in structure[0]:
        current: list[Residue] = []
        for source in chain:
            label = residue_label(chain, source)
            if label not in wanted:
                continue
            # Copies of a molecule may share the name of their chain.
            seen[label] += 1
            if seen[label] > 1:
                label = f"{label}, copy {seen[label]}"
            residue = _residue(source, label, chain.name, declared, extra)
            if not is_plain(source.name):
                changed[f"{source.name} as {residue.standard}"] += 1
            given = None
            if keep_protonation:
                names = frozenset(a.name for a in source if a.is_hydrogen())
                given = as_given(residue.standard, source.name, names)
            state = given or at_ph(residue.standard, ph)
            residue = replace(residue, name=state)
            if current and not _bonded(current[-1], residue):
                stretches.append(current)
                current = []
            current.append(residue)
        if current:
            stretches.append(current)
    found = _with_disulfides(_joined(stretches))
    return Chains(
        stretches=tuple(tuple(x) for x in found.stretches),
        disulfides=found.disulfides,
        notes=tuple(_notes(found, changed, extra, ph)),
        warnings=(),
    )


def _residue(
    source: gemmi.Residue,
    label: str,
    chain: str,
    declared: Mapping[str, str],
    extra: Counter[str],
) -> Residue:
    """Heavy atoms of the parent amino acid; what goes beyond it is counted."""
    parent = parent_name(source.name, declared)
    if parent is None or parent not in HEAVY_ATOMS:
        raise InputError(
            f"{label}: ff14SB has no residue {source.name}.",
            hint="Replace it by the amino acid it was made from, or take it out.",
        )
    wanted = HEAVY_ATOMS[parent]
    atoms: dict[str, Place] = {}
    for atom in source:
        if atom.element.atomic_number < 2:
            continue
        name = atom_name(parent, atom.name)
        if name in wanted:
            atoms.setdefault(name, np.array(atom.pos.tolist()))
        elif name not in ("OXT", "OT2", "OC2"):
            extra[source.name] += 1
    missing = tuple(x for x in wanted if x not in atoms)
    return Residue(
        name=parent,
        standard=parent,
        label=label,
        chain=chain,
        seqid=str(source.seqid),
        atoms={x: atoms[x] for x in wanted if x in atoms},
        missing=missing,
    )


def _joined(stretches: Sequence[list[Residue]]) -> list[list[Residue]]:
    """Stretches whose ends are bonded, put together whatever their order in the file.

    Insertion codes may count backwards, as in thrombin's 1C, 1B, 1A, 1.
    """
    done = [list(x) for x in stretches]
    k = 0
    while k < len(done):
        other = next(
            (x for x in done if x is not done[k] and _bonded(done[k][-1], x[0])), None
        )
        if other is None:
            k += 1
            continue
        done[k] += other
        done = [x for x in done if x is not other]
        k = 0
    return done


def _bonded(first: Residue, second: Residue) -> bool:
    distance = np.linalg.norm(first.atoms["C"] - second.atoms["N"])
    return bool(distance < PEPTIDE_BOND)


def _with_disulfides(stretches: Sequence[Sequence[Residue]]) -> Chains:
    """Cysteines whose sulphurs are at the length of a bond become CYX."""
    sulphurs = [
        (x.label, x.atoms["SG"])
        for stretch in stretches
        for x in stretch
        if x.standard in ("CYS", "CYX") and "SG" in x.atoms
    ]
    pairs: list[tuple[str, str]] = []
    taken: set[str] = set()
    for k, (label, place) in enumerate(sulphurs):
        near = [
            (float(np.linalg.norm(place - other)), name)
            for name, other in sulphurs[k + 1 :]
            if name not in taken
        ]
        if label not in taken and near and min(near)[0] < DISULFIDE_BOND:
            pairs.append((label, min(near)[1]))
            taken |= {label, min(near)[1]}
    done = tuple(
        tuple(_cysteine(x, bonded=x.label in taken) for x in stretch)
        for stretch in stretches
    )
    return Chains(stretches=done, disulfides=tuple(pairs), notes=(), warnings=())


def _cysteine(residue: Residue, *, bonded: bool) -> Residue:
    if residue.standard not in ("CYS", "CYX"):
        return residue
    if bonded:
        return replace(residue, name="CYX", standard="CYX")
    state = residue.name if residue.name == "CYM" else "CYS"
    return replace(residue, name=state, standard="CYS")


def with_bonds_kept(chains: Chains, stretches: Sequence[Stretch]) -> Chains:
    """Other stretches of the same protein, with those disulfides that are whole."""
    there = {x.label for stretch in stretches for x in stretch}
    pairs = tuple(x for x in chains.disulfides if there.issuperset(x))
    bonded = {label for pair in pairs for label in pair}
    return replace(
        chains,
        stretches=tuple(
            tuple(_cysteine(x, bonded=x.label in bonded) for x in stretch)
            for stretch in stretches
        ),
        disulfides=pairs,
    )


def _notes(
    chains: Chains, changed: Counter[str], extra: Counter[str], ph: float
) -> Iterator[str]:
    """What was changed on the way."""
    if changed:
        shown = ", ".join(f"{n} {x}" if n > 1 else x for x, n in changed.most_common(6))
        lost = sum(n for name, n in extra.items() if not is_plain(name))
        yield f"Modified residues simulated as their parent: {shown}" + (
            f" ({lost} atoms left out)." if lost else "."
        )
    states = Counter(x.name for x in chains.residues if x.name != x.standard)
    states.update(x.name for x in chains.residues if x.name == "HIE")
    if states:
        shown = ", ".join(f"{n} {x}" for x, n in states.most_common())
        yield f"Side chains at pH {ph:g}: {shown}; all others as usual."
    if chains.disulfides:
        shown = ", ".join("-".join(x) for x in chains.disulfides[:4])
        yield f"Disulfides by distance: {len(chains.disulfides)} ({shown})."
    lacking = [x for x in chains.residues if x.missing]
    if lacking:
        count = sum(len(x.missing) for x in lacking)
        shown = ", ".join(x.label for x in lacking[:4])
        more = f" and {len(lacking) - 4} more" if len(lacking) > 4 else ""
        yield f"{count} missing heavy atoms built in: {shown}{more}."
    breaks = sum(
        a[-1].chain == b[0].chain for a, b in pairwise(chains.stretches) if a and b
    )
    if breaks:
        yield (
            f"{breaks} chain break{'s' if breaks > 1 else ''} capped with NME and ACE; "
            "missing loops are not modelled."
        )


def hetero_groups(prepared: PreparedComplex) -> list[tuple[str, gemmi.Residue]]:
    """All that is neither amino acid of a chain nor cap, with its label."""
    wanted = set(prepared.residue_labels)
    return [
        (label, residue)
        for chain in prepared.protein_structure[0]
        for residue in chain
        if (label := residue_label(chain, residue)) not in wanted
        and residue.name not in CAPS
    ]
