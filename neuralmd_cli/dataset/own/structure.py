"""A protein's structure file among the residues of a trajectory, atom by atom."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import gemmi
import mdtraj
from mdtraj.core.topology import Residue

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.components import (
    CAPS,
    is_nucleotide,
    is_water,
    parent_name,
)
from neuralmd_cli.structure.coordinates import residue_label
from neuralmd_cli.structure.protein import ProteinFile

BULK = 4
"""A small molecule that is there more often is a solvent or a lipid."""
_SALT = frozenset("Li Na K Rb Cs F Cl Br I".split())
"""Ions that make up a salt solution; metals of a site are others."""
_TERMINAL = {
    "OT1": "O",
    "OC1": "O",
    "O1": "O",
    "OT2": "OXT",
    "OC2": "OXT",
    "O2": "OXT",
}
"""What programs call the two oxygens at the end of a chain."""
_SHOWN = 4


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Heavy atoms of a protein that are in the trajectory.

    The serial number of each atom is its row in the trajectory, plus one.
    """

    structure: gemmi.Structure
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Site:
    """A residue of the structure file."""

    chain: str
    number: int
    residue: gemmi.Residue
    label: str
    kind: str  # amino acid it stands for, or its own name
    is_member: bool  # of a chain, so it must be in the trajectory


def placed(
    file: ProteinFile, topology: mdtraj.Topology, ligand: Residue, source: str
) -> Placed:
    """Find each heavy atom of a protein in a trajectory's topology.

    Residues are found by chain, number and name; else by number and name; else by
    their sequence. Atoms are found by name. Solvent, salt and the ligand are left out,
    and so are small molecules that are not in the trajectory; a chain must be there as
    a whole.

    Args:
        file: the protein.
        topology: of the trajectory.
        ligand: the residue that is the ligand.
        source: name of the protein's file, to begin messages with.

    Raises:
        InputError: a residue or an atom is not in the trajectory, or another element.
    """
    structure = file.structure.clone()
    structure.remove_hydrogens()
    sites, left_out = _without_solvent(list(_sites(structure, file)))
    theirs = [x for x in topology.residues if not is_water(x.name)]
    found = _best_match(sites, theirs)
    _check_residues(sites, found, source)
    missing = Counter[str]()
    for site, other in zip(sites, found, strict=True):
        if other is None:
            missing[site.residue.name] += 1
        elif other.index != ligand.index:
            _number_atoms(site, other, source)
    structure = _only_numbered(structure)
    notes = []
    if left_out:
        notes.append(f"Left out of {source}: {_listed(left_out)}.")
    if missing:
        notes.append(
            f"Left out of {source}, as they are not in the trajectory: "
            f"{_listed(missing)}."
        )
    return Placed(structure=structure, notes=tuple(notes))


def _sites(structure: gemmi.Structure, file: ProteinFile) -> Iterator[_Site]:
    """All residues, their atoms' serial numbers set to none."""
    declared = {x.res_id.name: x.parent_comp_id for x in structure.mod_residues}
    in_backbone = set(file.residue_labels)
    for chain in structure[0]:
        for residue in chain:
            for atom in residue:
                atom.serial = 0
            parent = parent_name(residue.name, declared)
            label = residue_label(chain, residue)
            member = parent is not None and residue.het_flag != "H"
            yield _Site(
                chain=chain.name.strip(),
                number=residue.seqid.num or 0,
                residue=residue,
                label=label,
                kind=_kind(residue.name, parent),
                is_member=label in in_backbone or member,
            )


def _kind(name: str, parent: str | None = None) -> str:
    """What a residue is whatever program wrote it: all cysteines are one, as CYS."""
    known = parent or parent_name(name, {}) or name.upper()
    return {"CYX": "CYS"}.get(known, known)


def _without_solvent(sites: Sequence[_Site]) -> tuple[list[_Site], Counter[str]]:
    """The residues that are neither salt nor, by their number, solvent or lipid."""
    counts = Counter(x.residue.name for x in sites if _is_small(x))
    kept, left_out = [], Counter[str]()
    for site in sites:
        elements = [atom.element.name for atom in site.residue]
        salt = len(elements) == 1 and elements[0] in _SALT
        if _is_small(site) and (salt or counts[site.residue.name] > BULK):
            left_out[site.residue.name] += 1
        elif elements:
            kept.append(site)
    return kept, left_out


def _is_small(site: _Site) -> bool:
    """True for what is part of no chain."""
    polymer = is_nucleotide(site.residue.name) or site.residue.name in CAPS
    return not site.is_member and not polymer


def _best_match(
    sites: Sequence[_Site], theirs: Sequence[Residue]
) -> list[Residue | None]:
    """The way of matching under which most residues of chains are found."""
    ways = [
        _by_key(
            sites,
            theirs,
            lambda x: (x.chain, x.number, x.kind),
            lambda x: (x.chain.chain_id or "", x.resSeq, _kind(x.name)),
        ),
        _by_key(
            sites,
            theirs,
            lambda x: (x.number, x.kind),
            lambda x: (x.resSeq, _kind(x.name)),
        ),
        _by_sequence(sites, theirs),
    ]

    def count(found: Sequence[Residue | None]) -> int:
        return sum(
            y is not None for x, y in zip(sites, found, strict=True) if x.is_member
        )

    return max(ways, key=count)


def _by_key(
    sites: Sequence[_Site],
    theirs: Sequence[Residue],
    our_key: Callable[[_Site], Hashable],
    their_key: Callable[[Residue], Hashable],
) -> list[Residue | None]:
    """The first residue with a key to the first site with it, and so on."""
    waiting: dict[Hashable, list[Residue]] = defaultdict(list)
    for residue in reversed(theirs):
        waiting[their_key(residue)].append(residue)
    return [waiting[key].pop() if waiting[key] else None for key in map(our_key, sites)]


def _by_sequence(
    sites: Sequence[_Site], theirs: Sequence[Residue]
) -> list[Residue | None]:
    """Chains by the order of their residues, all else by name and order."""
    chain = [x for x in theirs if parent_name(x.name, {}) is not None]
    kinds = [_kind(x.name) for x in chain]
    ours = [x.kind for x in sites if x.is_member]
    n = len(ours)
    begins = [k for k in range(len(kinds) - n + 1) if kinds[k : k + n] == ours]
    if not begins or not n:
        return [None] * len(sites)
    run = iter(chain[begins[0] : begins[0] + n])
    others = [x for x in sites if not x.is_member]
    rest = iter(
        _by_key(
            others,
            [x for x in theirs if parent_name(x.name, {}) is None],
            lambda x: x.kind,
            lambda x: _kind(x.name),
        )
    )
    return [next(run) if x.is_member else next(rest) for x in sites]


def _check_residues(
    sites: Sequence[_Site], found: Sequence[Residue | None], source: str
) -> None:
    """Refuse a chain that is not in the trajectory as a whole."""
    members = [(x, y) for x, y in zip(sites, found, strict=True) if x.is_member]
    lost = [x.label for x, y in members if y is None]
    if not lost:
        return
    more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
    raise InputError(
        f"{source}: {len(lost)} of {len(members)} residues are not in the trajectory: "
        f"{', '.join(lost[:_SHOWN])}{more}.",
        hint="Give the protein as it was simulated: the same residues, under the same "
        "numbers or in the same order.",
    )


def _number_atoms(site: _Site, other: Residue, source: str) -> None:
    """Give the atoms of a residue their rows in the trajectory, from 1."""
    theirs = list(other.atoms)
    names = _pdb_names(site, [atom.name for atom in theirs])
    rows: dict[str, tuple[int, int]] = {}
    for name, atom in zip(names, theirs, strict=True):
        number = 0 if atom.element is None else int(atom.element.atomic_number)
        rows.setdefault(name, (atom.index, number))
    ours = list(site.residue)
    names = _pdb_names(site, [atom.name for atom in ours])
    for name, atom in zip(names, ours, strict=True):
        row, number = rows.get(name, (-1, 0))
        if row < 0:
            raise InputError(
                f"{source}: atom {atom.name} of {site.label} is not in the trajectory.",
                hint="Give the protein as it was simulated, with the atom names of the "
                "topology; the topology itself will do if it is a PDB file.",
            )
        if number != atom.element.atomic_number:
            raise InputError(
                f"{source}: atom {atom.name} of {site.label} is "
                f"{atom.element.name}, in the trajectory "
                f"{gemmi.Element(number).name if number else 'without element'}.",
                hint="Give the protein that was simulated, and the topology of the "
                "trajectory.",
            )
        atom.serial = row + 1


def _pdb_names(site: _Site, names: Sequence[str]) -> list[str]:
    """Names of a residue's atoms as the PDB has them, where programs differ."""
    if site.kind == "ILE":
        return ["CD1" if x == "CD" else _terminal(x, names) for x in names]
    return [_terminal(x, names) if site.is_member else x for x in names]


def _terminal(name: str, names: Sequence[str]) -> str:
    return name if "O" in names else _TERMINAL.get(name, name)


def _only_numbered(structure: gemmi.Structure) -> gemmi.Structure:
    """The structure less the residues that got no row."""
    for chain in structure[0]:
        for index in reversed(range(len(chain))):
            if not all(atom.serial for atom in chain[index]):
                del chain[index]
            elif not len(chain[index]):
                del chain[index]
    structure.remove_empty_chains()
    return structure


def _listed(counts: Counter[str]) -> str:
    return ", ".join(
        f"{n} {name}" if n > 1 else name for name, n in counts.most_common()
    )
