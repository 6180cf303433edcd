"""What stands around a ligand in every snapshot: protein, cofactors, ions; no water."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

from neuralmd_cli.complex import Ligand
from neuralmd_cli.readers import LoadedTrajectory, read_atoms
from neuralmd_cli.structure.components import is_water
from neuralmd_cli.structure.contacts import copies_left_out
from neuralmd_cli.structure.protein import read_protein
from neuralmd_cli.topology import topology_atoms

NEAR = 8.0
"""A residue that comes this near the ligand in any snapshot is kept, Å.

Beyond the longest interaction that is looked for (aromatic rings, 6.5 Å).
"""


@dataclass(frozen=True, kw_only=True)
class Residue:
    """A residue by name, chain and number (with insertion code, if any)."""

    name: str
    chain: str
    number: str

    @property
    def label(self) -> str:
        """NAME:CHAIN:NUMBER."""
        return f"{self.name}:{self.chain}:{self.number}"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """All atoms of the residues that come near a ligand, hydrogens included.

    One frame of positions is of a rigid protein and stands for every snapshot.
    """

    source: str  # file name
    positions: Float[Tensor, "frames atoms 3"]  # Å
    atomic_numbers: Int[Tensor, " atoms"]
    atom_names: tuple[str, ...]
    residues: tuple[Residue, ...]
    residue_rows: Int[Tensor, " atoms"]  # place of each atom's residue in `residues`

    @property
    def heavy(self) -> Bool[Tensor, " atoms"]:
        """True for heavy atoms."""
        return self.atomic_numbers > 1

    def at(self, frame: int) -> Float[Tensor, "atoms 3"]:
        """Positions in one snapshot, Å."""
        return self.positions[0 if len(self.positions) == 1 else frame]


def from_trajectory(
    loaded: LoadedTrajectory, top: Path, every: int
) -> Surroundings | None:
    """The surroundings in the trajectory's own file; None if the ligand is alone.

    Args:
        every: as the snapshots of `loaded` were thinned.
    """
    atoms = [
        atom
        for atom in loaded.topology.atoms
        if atom.residue.index != loaded.ligand_index
    ]
    dry = [not (a.residue.is_water or is_water(a.residue.name)) for a in atoms]
    if not any(dry):
        return None
    rows = [atom.index for atom, keep in zip(atoms, dry, strict=True) if keep]
    ca = loaded.ca_positions
    moves = not ca.shape[1] or not bool((ca == ca[0]).all())
    owner = np.array([loaded.topology.atom(row).residue.index for row in rows])
    ligand = loaded.positions[:, loaded.heavy].numpy()
    if moves:
        near = _ever_near(loaded, top, every, rows, owner, ligand)
    else:
        still = loaded.other_positions[torch.tensor(dry)].numpy()
        near = _near(still, owner, ligand.reshape(-1, 3))
    kept = [row for row, own in zip(rows, owner.tolist(), strict=True) if own in near]
    if moves:
        positions = torch.cat(list(read_atoms(loaded.path, top, kept, every)))
    else:
        place = {atom.index: k for k, atom in enumerate(atoms)}
        positions = loaded.other_positions[[place[row] for row in kept]][None]
    chosen = [loaded.topology.atom(row) for row in kept]
    return _surroundings(
        top.name,
        positions,
        [0 if a.element is None else a.element.atomic_number for a in chosen],
        [a.name for a in chosen],
        [
            Residue(
                name=a.residue.name,
                chain=a.residue.chain.chain_id or str(a.residue.chain.index),
                number=str(a.residue.resSeq),
            )
            for a in chosen
        ],
    )


def from_protein_file(
    path: Path,
    ligand: Ligand,
    positions: Float[Tensor, "frames atoms 3"],
) -> Surroundings:
    """The rigid surroundings a run had, read as the run read them.

    Args:
        ligand: at the start; copies of it in the file are left out.
        positions: of its heavy atoms in the snapshots, Å.
    """
    file = copies_left_out(read_protein(path), ligand, path.name)
    model = file.structure[0]
    atoms = list(topology_atoms(file.structure))
    residues = [
        Residue(name=residue.name, chain=chain.name, number=str(residue.seqid))
        for chain in model
        for residue in chain
        for _ in residue
    ]
    places = np.array([atom.pos.tolist() for atom in atoms], dtype=np.float32)
    owner = np.unique([r.label for r in residues], return_inverse=True)[1]
    near = _near(places, owner, positions.numpy().reshape(-1, 3))
    kept = np.flatnonzero(np.isin(owner, list(near))).tolist()
    return _surroundings(
        path.name,
        torch.from_numpy(places[kept])[None],
        [max(atoms[k].element.atomic_number, 0) for k in kept],
        [atoms[k].name for k in kept],
        [residues[k] for k in kept],
    )


def thinned(around: Surroundings, rows: Bool[Tensor, " atoms"]) -> Surroundings:
    """The surroundings with some atoms only."""
    keep = rows.tolist()
    return replace(
        around,
        positions=around.positions[:, rows],
        atomic_numbers=around.atomic_numbers[rows],
        atom_names=tuple(n for n, k in zip(around.atom_names, keep, strict=True) if k),
        residue_rows=around.residue_rows[rows],
    )


def _surroundings(
    source: str,
    positions: Float[Tensor, "frames atoms 3"],
    numbers: Sequence[int],
    names: Sequence[str],
    owners: Sequence[Residue],
) -> Surroundings:
    residues = tuple(dict.fromkeys(owners))
    place = {residue: k for k, residue in enumerate(residues)}
    return Surroundings(
        source=source,
        positions=positions,
        atomic_numbers=torch.tensor(list(numbers), dtype=torch.long),
        atom_names=tuple(names),
        residues=residues,
        residue_rows=torch.tensor([place[x] for x in owners], dtype=torch.long),
    )


def _ever_near(
    loaded: LoadedTrajectory,
    top: Path,
    every: int,
    rows: list[int],
    owner: Int[np.ndarray, " others"],
    ligand: Float[np.ndarray, "frames atoms 3"],
) -> set[int]:
    """Residues near the ligand in any snapshot of a protein that moves."""
    near: set[int] = set()
    done = 0
    for block in read_atoms(loaded.path, top, rows, every):
        for frame in block.numpy():
            near |= _near(frame, owner, ligand[done])
            done += 1
    return near


def _near(
    places: Float[np.ndarray, "others 3"],
    owner: Int[np.ndarray, " others"],
    ligand: Float[np.ndarray, "points 3"],
) -> set[int]:
    """Residues with an atom near any of the ligand's places."""
    known = ligand[np.isfinite(ligand).all(axis=1)]
    if not len(known):
        return set()
    there = np.isfinite(places).all(axis=1)
    distances, _ = cKDTree(known).query(places[there], distance_upper_bound=NEAR)
    return set(owner[there][np.isfinite(distances)].tolist())
