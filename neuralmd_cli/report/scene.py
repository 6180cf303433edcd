"""What the 3-D view shows: the ligand in every snapshot, its pocket, the backbone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gemmi
import numpy as np
import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.analysis.geometry import (
    ANCHORS,
    pocket_anchors,
    superpose_onto,
)
from neuralmd_cli.connectivity import bonds_by_distance
from neuralmd_cli.figures.canvas import time_axis
from neuralmd_cli.opening.surroundings import Residue, Surroundings
from neuralmd_cli.report.numbers import listed, packed
from neuralmd_cli.report.replicas import Replica
from neuralmd_cli.report.section import Section
from neuralmd_cli.structure.protein import read_protein

NEAR = 5.0
"""A residue whose heavy atoms come this near the ligand is drawn, Å."""
MOST_BYTES = 6_000_000
"""Coordinates of all trajectories together, before base64."""

_BACKBONE = ("N", "CA", "C", "O")


@dataclass(frozen=True, kw_only=True)
class _Atom:
    """A heavy atom of the pocket where it stands at first."""

    residue: Residue
    name: str
    number: int
    position: tuple[float, float, float]  # Å

    @property
    def key(self) -> tuple[Residue, str]:
        """What it is called in every trajectory."""
        return self.residue, self.name


def scene_section(
    replicas: Sequence[Replica], distances: Sequence[Float[Tensor, " frames"]]
) -> Section:
    """The view with every trajectory.

    Args:
        distances: RMSD to the start in every snapshot, for the strip below the view.
    """
    first = replicas[0].looked
    moves = any(
        x.looked.around is not None and len(x.looked.around.positions) > 1
        for x in replicas
    )
    pocket = _pocket_atoms(replicas, moves)
    onto = _anchors(replicas[0])
    atoms = len(first.start) + (len(pocket) if moves else 0)
    total = sum(x.looked.loaded.n_frames for x in replicas)
    thin = -(-total * atoms * 6 // MOST_BYTES)
    origin = first.start.mean(dim=0)
    films = [
        _film(x, onto, origin, pocket if moves else [], thin, rmsd)
        for x, rmsd in zip(replicas, distances, strict=True)
    ]
    every = max(x.every for x in replicas) * thin
    frames = sum(film["frames"] for film in films)
    return Section(
        key="scene",
        title="The ligand in its pocket",
        shows="Drag to turn, scroll or pinch to zoom, point at an atom for its name. "
        f"Residues that come within {NEAR:g} Å of the ligand are drawn; the ghost is "
        "the starting pose.",
        finding=f"The view holds {frames:,} snapshots"
        + (f", each {_ordinal(every)} of the file." if every > 1 else ", all."),
        limits=_limits(first.around, first.around_missing, moves),
        alt="Three-dimensional model of the ligand moving in its pocket; the controls "
        "below it play it. The charts and tables of this page give the same motion in "
        "numbers.",
        data={
            "ligand": _ligand(replicas[0], origin),
            "films": films,
            "pocket": _pocket(pocket, origin) if pocket else None,
            "backbone": None if moves else _backbone(replicas[0], origin),
        },
    )


def _limits(around: Surroundings | None, missing: str, moves: bool) -> list[str]:
    if around is None:
        return [f"The protein is not shown: {missing}."]
    if moves:
        return [
            "Every snapshot is laid on the pocket of the first, so what is seen is "
            "the motion of the ligand and of side chains within the pocket."
        ]
    return [
        "The protein is rigid in this model: side chains neither give way nor follow, "
        "and there is no water. Hydrogens are not drawn.",
    ]


def _pocket_atoms(replicas: Sequence[Replica], moves: bool) -> list[_Atom]:
    """Heavy atoms of residues near the ligand in any snapshot of any trajectory.

    Where the protein moves, only those that every trajectory has.
    """
    near, atoms = set[Residue](), dict[tuple[Residue, str], _Atom]()
    held = [x.looked.around for x in replicas]
    for replica, around in zip(replicas, held, strict=True):
        if around is None:
            continue
        near |= _near(replica, around)
        for row, place in zip(
            around.heavy.nonzero()[:, 0].tolist(),
            around.at(0)[around.heavy].tolist(),
            strict=True,
        ):
            atom = _Atom(
                residue=around.residues[int(around.residue_rows[row])],
                name=around.atom_names[row],
                number=int(around.atomic_numbers[row]),
                position=(place[0], place[1], place[2]),
            )
            atoms.setdefault(atom.key, atom)
    found = [atom for atom in atoms.values() if atom.residue in near]
    if moves:
        places = [_places(x) for x in held]
        found = [atom for atom in found if all(atom.key in x for x in places)]
    return sorted(found, key=lambda x: (x.residue.chain, x.residue.label))


def _near(replica: Replica, around: Surroundings) -> set[Residue]:
    """Residues that come near the ligand."""
    near = torch.zeros(len(around.residues), dtype=torch.bool)
    heavy = around.heavy
    owners = around.residue_rows[heavy]
    poses = torch.cat([replica.looked.start[None], replica.looked.positions])
    for k, pose in enumerate(poses.nan_to_num(1e6)):
        places = around.at(max(k - 1, 0))[heavy]
        near[owners[(torch.cdist(places, pose) < NEAR).any(dim=1)]] = True
    return {
        r for r, is_near in zip(around.residues, near.tolist(), strict=True) if is_near
    }


def _places(around: Surroundings | None) -> dict[tuple[Residue, str], int]:
    """Row of each atom by what it is called."""
    if around is None:
        return {}
    owners = [around.residues[k] for k in around.residue_rows.tolist()]
    return {
        key: row for row, key in enumerate(zip(owners, around.atom_names, strict=True))
    }


def _anchors(replica: Replica) -> Float[Tensor, "frames anchors 3"] | None:
    """What every snapshot is laid on; None where the protein does not move."""
    ca = replica.looked.loaded.ca_positions
    if ca.shape[1] < ANCHORS or bool((ca == ca[0]).all()):
        return None
    return pocket_anchors(ca, replica.looked.positions[0])


def _film(
    replica: Replica,
    onto: Float[Tensor, "frames anchors 3"] | None,
    origin: Float[Tensor, " 3"],
    pocket: Sequence[_Atom],
    thin: int,
    rmsd: Float[Tensor, " snapshots"],
) -> dict[str, Any]:
    """Coordinates of one trajectory as the pocket of the first sees them."""
    opened = replica.looked
    moving = opened.positions
    if pocket and opened.around is not None:
        places = _places(opened.around)
        others = opened.around.positions[:, [places[atom.key] for atom in pocket]]
        moving = torch.cat([moving, others.expand(len(moving), -1, -1)], dim=1)
    own = _anchors(replica)
    if onto is not None and own is not None and own.shape[1] == onto.shape[1]:
        moving = superpose_onto(moving, own, onto[:1].expand_as(own))
    moving = moving[::thin]
    times, label = time_axis(opened.loaded.times, replica.every)
    step = replica.every * thin
    return {
        "name": replica.name,
        "frames": len(moving),
        "atoms": moving.shape[1],
        "coordinates": packed(moving - origin),
        "times": [round(x, 6) for x in times[::thin]],
        "timelabel": label,
        "every": step,
        "rmsd": listed(rmsd[::step]),
    }


def _ligand(replica: Replica, origin: Float[Tensor, " 3"]) -> dict[str, Any]:
    """Atoms and bonds of the ligand at the start."""
    opened = replica.whole
    table = Chem.GetPeriodicTable()
    if opened.molecule is None:
        bonds = [[a, b, 1] for a, b in opened.bonds.tolist()]
    else:
        flat = Chem.Mol(opened.molecule)
        Chem.Kekulize(flat)
        bonds = [
            [b.GetBeginAtomIdx(), b.GetEndAtomIdx(), int(b.GetBondTypeAsDouble())]
            for b in flat.GetBonds()
        ]
    return {
        "name": opened.loaded.ligand,
        "atoms": [table.GetElementSymbol(z) for z in opened.atomic_numbers.tolist()],
        "names": list(opened.atom_names),
        "bonds": bonds,
        "start": packed((opened.start - origin)[None]),
    }


def _pocket(atoms: Sequence[_Atom], origin: Float[Tensor, " 3"]) -> dict[str, Any]:
    """Residues near the ligand, with their bonds by distance."""
    start = torch.tensor([x.position for x in atoms]).reshape(-1, 3)
    numbers = np.array([x.number for x in atoms], dtype=int)
    table = Chem.GetPeriodicTable()
    residues = list(dict.fromkeys(x.residue for x in atoms))
    place = {residue: k for k, residue in enumerate(residues)}
    return {
        "atoms": [table.GetElementSymbol(x.number) for x in atoms],
        "names": [x.name for x in atoms],
        "residues": [x.label for x in residues],
        "owners": [place[x.residue] for x in atoms],
        "bonds": bonds_by_distance(numbers, start.numpy()).tolist(),
        "start": packed((start - origin)[None]),
    }


def _backbone(replica: Replica, origin: Float[Tensor, " 3"]) -> str | None:
    """The backbone of a rigid protein as PDB text, about the origin of the view."""
    opened = replica.looked
    around = opened.around
    if around is None:
        return None
    found = _own_backbone(replica)
    files = [x for x in opened.inputs if x.name == around.source]
    if found is None and files and files[-1] != opened.inputs[1]:
        found = read_protein(files[-1]).structure.clone()
    if found is None:
        return None
    found.shorten_chain_names()
    for chain in found[0]:
        for residue in chain:
            for name in [x.name for x in residue if x.name not in _BACKBONE]:
                residue.remove_atom(name, "*")
            for atom in residue:
                atom.pos -= gemmi.Position(*origin.double().tolist())
    found.remove_empty_chains()
    options = gemmi.PdbWriteOptions(minimal=True)
    options.cryst1_record = False
    text: str = found.make_pdb_string(options)
    return text


def _own_backbone(replica: Replica) -> gemmi.Structure | None:
    """The backbone that the trajectory itself holds, as it stands at first."""
    loaded = replica.looked.loaded
    others = [
        atom
        for atom in loaded.topology.atoms
        if atom.residue.index != loaded.ligand_index
    ]
    if not any(atom.name == "CA" for atom in others):
        return None
    model, chains = gemmi.Model(1), dict[int, gemmi.Chain]()
    residue, at = gemmi.Residue(), -1
    for atom, xyz in zip(others, loaded.other_positions.double().tolist(), strict=True):
        if atom.name not in _BACKBONE or atom.residue.n_atoms < 4:
            continue
        index = atom.residue.chain.index
        if index not in chains:
            name = atom.residue.chain.chain_id or "A"
            chains[index] = model.add_chain(gemmi.Chain(name), -1)
        if atom.residue.index != at:
            at = atom.residue.index
            residue = gemmi.Residue()
            residue.name = atom.residue.name
            residue.seqid = gemmi.SeqId(atom.residue.resSeq, " ")
            residue = chains[index].add_residue(residue, -1)
        added = gemmi.Atom()
        added.name, added.pos = atom.name, gemmi.Position(*xyz)
        added.element = gemmi.Element(atom.name[0])
        residue.add_atom(added, -1)
    structure = gemmi.Structure()
    structure.add_model(model, -1)
    return structure


def _ordinal(n: int) -> str:
    """2nd, 3rd, 4th."""
    last = 0 if 10 <= n % 100 <= 20 else n % 10
    return f"{n}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"
