"""A ligand file's molecule among the residues of a trajectory, atom by atom."""

from collections import Counter
from collections.abc import Iterable, Sequence

import gemmi
import mdtraj
import numpy as np
import torch
from jaxtyping import Float, Int
from mdtraj.core.topology import Residue
from numpy import ndarray
from rdkit import Chem, rdBase

from neuralmd_cli.analysis.geometry import superpose_onto
from neuralmd_cli.connectivity import bonds_by_distance
from neuralmd_cli.errors import InputError
from neuralmd_cli.ligand_residue import residue_label
from neuralmd_cli.structure.atom_names import skeleton
from neuralmd_cli.structure.components import is_nucleotide, is_water, parent_name
from neuralmd_cli.structure.molecule import heavy_atoms

_MOST_MATCHES = 2000
_SHOWN = 6


def residue_of(
    topology: mdtraj.Topology, molecule: Chem.Mol, wanted: str | None, where: str
) -> Residue:
    """The residue that is the molecule: the one asked for, or the only one like it.

    Args:
        topology: of the trajectory.
        molecule: the ligand.
        wanted: NAME, NAME:CHAIN or NAME:CHAIN:NUMBER; the elements decide without it.
        where: names of topology and ligand file, to begin messages with.

    Raises:
        InputError: none, several, or one of other elements.
    """
    ours = formula(
        molecule.GetAtomWithIdx(i).GetAtomicNum() for i in heavy_atoms(molecule)
    )
    if wanted is not None:
        found = [x for x in topology.residues if _is(x, wanted)]
    else:
        found = [x for x in topology.residues if formula(_numbers(x)) == ours]
    if len(found) > 1:
        raise InputError(
            f"{where}: {len(found)} residues could be the ligand: {_listed(found)}.",
            hint="Name one with --ligand-residue, as in "
            f"{residue_label(found[0])} (name, chain, number).",
        )
    if found and formula(_numbers(found[0])) != ours:
        raise InputError(
            f"{where}: the trajectory's {residue_label(found[0])} has the heavy atoms "
            f"{formula(_numbers(found[0]))}, the ligand file {ours}.",
            hint="Give the SDF file of the ligand that was simulated.",
        )
    if not found:
        others = [x for x in topology.residues if _could_be(x)]
        what = f"residue {wanted}" if wanted else f"residue with the heavy atoms {ours}"
        there = f"it has {_listed(others)}" if others else "it has no small molecule"
        raise InputError(
            f"{where}: the trajectory has no {what}; {there}.",
            hint="Give the SDF file of the ligand that was simulated, and as topology "
            "the one of the trajectory.",
        )
    return found[0]


def matched_atoms(
    topology: mdtraj.Topology,
    residue: Residue,
    molecule: Chem.Mol,
    positions: Float[ndarray, "members 3"],
    where: str,
) -> Int[ndarray, " heavy"]:
    """The residue's atom that is each heavy atom of the molecule, as places in it.

    Elements and bonds decide. Where symmetry leaves a choice it is the order of the
    files, if that fits, else the atoms that best lie on the molecule's own pose.

    Args:
        topology: of the trajectory.
        residue: of the same elements.
        molecule: with its conformer.
        positions: of the residue's atoms in one frame, not cut by a box, Å.
        where: to begin messages with.

    Raises:
        InputError: the atoms are bonded otherwise than the molecule's.
    """
    numbers = np.array(_numbers(residue))
    rows = np.flatnonzero(numbers > 1)
    heavy = heavy_atoms(molecule)
    place = {atom: k for k, atom in enumerate(heavy)}
    query = skeleton(
        [molecule.GetAtomWithIdx(i).GetAtomicNum() for i in heavy],
        [
            (place[b.GetBeginAtomIdx()], place[b.GetEndAtomIdx()])
            for b in molecule.GetBonds()
            if b.GetBeginAtomIdx() in place and b.GetEndAtomIdx() in place
        ],
    )
    by_distance = bonds_by_distance(numbers[rows], positions[rows])
    matches: list[tuple[int, ...]] = []
    for bonds in (
        [(a, b) for a, b in by_distance.tolist()],
        _stated(topology, residue, rows),
    ):
        target = skeleton(numbers[rows].tolist(), bonds)
        if target.GetNumBonds() == query.GetNumBonds():
            matches += target.GetSubstructMatches(
                query, uniquify=False, maxMatches=_MOST_MATCHES
            )
        if matches:
            break
    else:
        raise InputError(
            f"{where}: the atoms of the trajectory's {residue_label(residue)} are not "
            "bonded as the ligand file says.",
            hint="Give the SDF file of the ligand that was simulated, in its tautomer.",
        )
    in_order = tuple(range(len(rows)))
    if in_order in matches:
        return rows
    pose = torch.from_numpy(molecule.GetConformer().GetPositions()[list(heavy)])
    poses = torch.from_numpy(positions[rows].astype(np.float64))[torch.tensor(matches)]
    onto = pose.expand_as(poses)
    far = (superpose_onto(poses, poses, onto) - onto).square().sum(dim=(1, 2))
    chosen: ndarray = rows[list(matches[int(far.argmin())])]
    return chosen


def stereo_note(
    molecule: Chem.Mol, positions: Float[ndarray, "heavy 3"], where: str
) -> tuple[str, ...]:
    """A note where the trajectory begins with another stereoisomer than the file's.

    Args:
        molecule: the ligand.
        positions: of its heavy atoms in the first frame, Å.
        where: to begin the note with.
    """
    ours, theirs = (Chem.RemoveAllHs(molecule) for _ in range(2))
    theirs.GetConformer().SetPositions(positions.astype(np.float64))
    names = []
    for each in (ours, theirs):
        with rdBase.BlockLogs():
            Chem.AssignStereochemistryFrom3D(each)
        names.append(Chem.MolToSmiles(each))
    if names[0] == names[1]:
        return ()
    return (
        f"{where}: the trajectory begins with another stereoisomer than the ligand "
        f"file's: {names[1]}, not {names[0]}.",
    )


def parents_in(
    residue: Residue,
    molecule: Chem.Mol,
    chosen: Int[ndarray, " heavy"],
    positions: Float[ndarray, "members 3"],
) -> Int[ndarray, " members"]:
    """For each atom of the residue one it is bonded to; -1 for the first.

    Args:
        residue: the ligand's.
        molecule: the same from its file.
        chosen: what `matched_atoms` gave.
        positions: as `matched_atoms` takes them.
    """
    parents = np.full(residue.n_atoms, -1)
    heavy = {
        atom: int(row) for atom, row in zip(heavy_atoms(molecule), chosen, strict=True)
    }
    todo, seen = [heavy_atoms(molecule)[0]], {heavy_atoms(molecule)[0]}
    while todo:
        atom = todo.pop()
        for other in molecule.GetAtomWithIdx(atom).GetNeighbors():
            index = other.GetIdx()
            if index in heavy and index not in seen:
                seen.add(index)
                todo.append(index)
                parents[heavy[index]] = heavy[atom]
    rest = np.setdiff1d(np.arange(residue.n_atoms), chosen)
    far = np.linalg.norm(positions[rest][:, None] - positions[chosen][None], axis=-1)
    parents[rest] = chosen[far.argmin(axis=1)]
    return parents


def formula(numbers: Iterable[int]) -> str:
    """Heavy atoms by element: "C24 N O3"."""
    counts = Counter(gemmi.Element(z).name for z in numbers if z > 1)
    return " ".join(f"{x}{n if n > 1 else ''}" for x, n in sorted(counts.items()))


def _numbers(residue: Residue) -> list[int]:
    """Atomic numbers; 0 for a virtual site."""
    return [0 if a.element is None else a.element.atomic_number for a in residue.atoms]


def _is(residue: Residue, wanted: str) -> bool:
    own = residue_label(residue).split(":")
    asked = wanted.split(":")
    return len(asked) <= len(own) and all(
        a == o for a, o in zip(asked, own, strict=False) if a
    )


def _could_be(residue: Residue) -> bool:
    """True for residues of several heavy atoms that are no polymer and no water."""
    heavy = sum(z > 1 for z in _numbers(residue))
    name = residue.name
    polymer = parent_name(name, {}) is not None or is_nucleotide(name)
    return heavy > 1 and not polymer and not is_water(name)


def _listed(residues: Sequence[Residue]) -> str:
    shown = [f"{residue_label(x)} ({formula(_numbers(x))})" for x in residues[:_SHOWN]]
    more = f" and {len(residues) - _SHOWN} more" if len(residues) > _SHOWN else ""
    return ", ".join(shown) + more


def _stated(
    topology: mdtraj.Topology, residue: Residue, rows: Int[ndarray, " heavy"]
) -> list[tuple[int, int]]:
    """Bonds of the topology between heavy atoms, as places in `rows`."""
    first = next(residue.atoms).index
    place = {first + row: k for k, row in enumerate(rows.tolist())}
    pairs = {(min(a.index, b.index), max(a.index, b.index)) for a, b in topology.bonds}
    return [(place[a], place[b]) for a, b in sorted(pairs) if {a, b} <= set(place)]
