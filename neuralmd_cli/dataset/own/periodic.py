"""Molecules that a periodic box has cut or scattered, put together again.

Only whole cell vectors are added to positions, as counts: an atom that is where it
should be keeps its coordinates to the last bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.spatial import cKDTree

from neuralmd_cli.analysis.geometry import superpose_onto

BONDED = 2.0
"""Heavy atoms of two residues nearer than this are bonded, Å."""
SMALLEST_CELL = 15.0
"""Å between faces; smaller cells are what programs write for want of one."""
_NO_CELL = 1e9
_NEIGHBOURS = np.array(list(product((-1, 0, 1), repeat=3)))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How atoms hang together, and where the pieces are in the first frame."""

    parents: Int[ndarray, " atoms"]  # each atom is near its parent; -1 for the first
    order: Int[ndarray, " atoms"]  # parents before children
    pieces: Int[ndarray, " atoms"]  # number of the piece each atom belongs to; 0: main
    anchors: Int[ndarray, " anchors"]  # atoms of the main piece, to lay it on itself
    reference: Float[ndarray, "atoms 3"]  # Å; the first frame, put together


@dataclass(frozen=True, kw_only=True)
class Mended:
    """Frames put together, and in how many something had to be moved for it."""

    positions: Float[ndarray, "frames atoms 3"]  # Å
    cut: int  # frames with a molecule in two places
    scattered: int  # frames with molecules away from each other
    centre: Float[ndarray, "3"]  # Å; of the main piece in the last frame


def usable_cells(
    cells: Float[ndarray, "frames 3 3"] | None, frames: int
) -> Float[ndarray, "frames 3 3"]:
    """Cell vectors as rows, Å; so large that nothing is near a face where none is."""
    nothing = _NO_CELL * np.eye(3)
    if cells is None:
        return np.tile(nothing, (frames, 1, 1))
    found = cells.astype(np.float64)
    there = np.flatnonzero(np.abs(np.linalg.det(found)) > 1.0)  # Å³
    heights = np.zeros((frames, 3))
    heights[there] = 1 / np.linalg.norm(np.linalg.inv(found[there]), axis=1)
    good = np.flatnonzero(heights.min(axis=1) > SMALLEST_CELL)
    usable = np.tile(nothing, (frames, 1, 1))
    usable[good] = found[good]
    return usable


def has_cell(cells: Float[ndarray, "frames 3 3"]) -> bool:
    """True if some frame has a cell, of what `usable_cells` gives."""
    return bool((np.abs(cells).max(axis=(1, 2)) < _NO_CELL).any())


def nearest_images(
    vectors: Float[ndarray, "*n 3"], cell: Float[ndarray, "*m 3 3"]
) -> Float[ndarray, "*n 3"]:
    """Differences of positions, by the cell vectors that make them shortest."""
    nearest: ndarray = vectors + _counts(vectors, cell) @ cell
    return nearest


def _counts(
    vectors: Float[ndarray, "*n 3"], cell: Float[ndarray, "*m 3 3"]
) -> Float[ndarray, "*n 3"]:
    """How many of each cell vector to add to make these vectors shortest.

    Exact for vectors that become shorter than half the cell's smallest height.
    """
    counts: ndarray = -np.rint(vectors @ np.linalg.inv(cell))
    return counts


def plan(
    positions: Float[ndarray, "atoms 3"],
    cell: Float[ndarray, "3 3"],
    residues: Sequence[Int[ndarray, " _"]],
    anchors: Sequence[int],
    ligand_parents: Int[ndarray, " ligand"],
) -> Plan:
    """Find out how the atoms hang together.

    A residue's atoms are near its anchor, so they go where that is. Residues that
    follow each other and are bonded make a piece, the ligand another. The largest
    piece stays; the others go, nearest first, to the image that is nearest to what is
    already there.

    Args:
        positions: of one frame, heavy atoms and hydrogens, Å.
        cell: of that frame, rows are vectors, Å.
        residues: atoms of each residue in chain order, the ligand last.
        anchors: one atom of each residue but the ligand; CA where there is one.
        ligand_parents: for each atom of the ligand, the ligand's atom it is bonded to,
            as a place in the last of `residues`; -1 for the first.
    """
    parents = np.full(len(positions), -1)
    for k, (rows, anchor) in enumerate(zip(residues, anchors, strict=False)):
        parents[rows] = anchor
        parents[anchor] = -1
        if k and _are_bonded(positions[residues[k - 1]], positions[rows], cell):
            parents[anchor] = anchors[k - 1]
    ligand = residues[-1]
    parents[ligand] = np.where(ligand_parents < 0, -1, ligand[ligand_parents])
    order, roots = _walk(parents)
    names, counts = np.unique(roots[list(anchors)], return_counts=True)
    main = names[counts.argmax()]
    others = [x for x in np.unique(roots).tolist() if x != main]
    numbers = {main: 0} | {root: k for k, root in enumerate(others, start=1)}
    pieces = np.array([numbers[x] for x in roots.tolist()])
    counts_ = _whole_counts(positions[None], cell[None], parents, order)[0]
    whole = positions + counts_ @ cell
    return Plan(
        parents=parents,
        order=order,
        pieces=pieces,
        anchors=np.array([x for x in anchors if pieces[x] == 0]),
        reference=_assembled(whole, cell, pieces),
    )


def mend(
    positions: Float[ndarray, "frames atoms 3"],
    cells: Float[ndarray, "frames 3 3"],
    how: Plan,
    centre: Float[ndarray, "3"] | None = None,
) -> Mended:
    """Put each frame together as the plan's reference is.

    A piece goes to the image nearest to where it would be if it had moved with the main
    piece since the first frame. The main piece goes to the image nearest to where it
    was in the frame before.

    Args:
        positions: heavy atoms and hydrogens, Å.
        cells: as `usable_cells` gives them.
        how: made from the first frame.
        centre: `Mended.centre` of the frames before these.
    """
    counts = _whole_counts(positions, cells, how.parents, how.order)
    cut = int((counts != 0).any(axis=(1, 2)).sum())
    whole = positions + counts @ cells
    shifts = _piece_counts(whole, cells, how)
    scattered = int((shifts != 0).any(axis=(1, 2)).sum())
    anchors = whole[:, how.anchors].mean(axis=1)
    drift = np.zeros((len(positions), 1, 3))
    previous = how.reference[how.anchors].mean(axis=0) if centre is None else centre
    for frame, cell in enumerate(cells):
        drift[frame, 0] = _counts(anchors[frame] - previous, cell)
        previous = anchors[frame] + drift[frame, 0] @ cell
    total = counts + shifts[:, how.pieces] + drift
    moved = (positions + total @ cells).astype(np.float32) if total.any() else positions
    return Mended(positions=moved, cut=cut, scattered=scattered, centre=previous)


def _are_bonded(
    first: Float[ndarray, "n 3"],
    second: Float[ndarray, "m 3"],
    cell: Float[ndarray, "3 3"],
) -> bool:
    between = nearest_images(second[None] - first[:, None], cell)
    return bool((np.linalg.norm(between, axis=-1) < BONDED).any())


def _walk(
    parents: Int[ndarray, " atoms"],
) -> tuple[Int[ndarray, " atoms"], Int[ndarray, " atoms"]]:
    """The atoms, parents before children, and the first of each atom's line."""
    depths, roots = np.zeros(len(parents), dtype=int), np.arange(len(parents))
    above = parents.copy()
    while (above >= 0).any():
        up = above >= 0
        depths[up] += 1
        roots[up] = above[up]
        above[up] = parents[above[up]]
    return np.argsort(depths, kind="stable"), roots


def _whole_counts(
    positions: Float[ndarray, "frames atoms 3"],
    cells: Float[ndarray, "frames 3 3"],
    parents: Int[ndarray, " atoms"],
    order: Int[ndarray, " atoms"],
) -> Float[ndarray, "frames atoms 3"]:
    """Cell vectors to add to each atom for it to be near its parent."""
    above = np.where(parents < 0, np.arange(len(parents)), parents)
    counts = _counts(positions - positions[:, above], cells)
    if counts.any():
        # Each is relative to the parent, which moves with its own parent in turn.
        for atom in order.tolist():
            if parents[atom] >= 0:
                counts[:, atom] += counts[:, parents[atom]]
    return counts


def _piece_counts(
    whole: Float[ndarray, "frames atoms 3"],
    cells: Float[ndarray, "frames 3 3"],
    how: Plan,
) -> Float[ndarray, "frames pieces 3"]:
    """Cell vectors to add to each piece for it to be where the reference has it."""
    names = range(1, int(how.pieces.max()) + 1)
    members = [np.flatnonzero(how.pieces == x) for x in names]
    counts = np.zeros((len(whole), len(members) + 1, 3))
    if not members:
        return counts
    then = np.stack([how.reference[x].mean(axis=0) for x in members])
    expected = superpose_onto(
        torch.from_numpy(then).expand(len(whole), -1, -1),
        torch.from_numpy(how.reference[how.anchors]).expand(len(whole), -1, -1),
        torch.from_numpy(whole[:, how.anchors]),
    )
    now = np.stack([whole[:, x].mean(axis=1) for x in members], axis=1)
    counts[:, 1:] = _counts(now - expected.numpy(), cells)
    return counts


def _assembled(
    whole: Float[ndarray, "atoms 3"],
    cell: Float[ndarray, "3 3"],
    pieces: Int[ndarray, " atoms"],
) -> Float[ndarray, "atoms 3"]:
    """The frame with each piece at the image nearest to those placed before it."""
    placed = whole.copy()
    if abs(cell).max() >= _NO_CELL:
        return placed
    waiting = {x: np.flatnonzero(pieces == x) for x in range(1, int(pieces.max()) + 1)}
    best = {x: (np.inf, np.zeros(3)) for x in waiting}
    newest = np.flatnonzero(pieces == 0)
    while waiting:
        tree, middle = cKDTree(placed[newest]), placed[newest].mean(axis=0)
        for x, rows in waiting.items():
            near = _counts(whole[rows].mean(axis=0) - middle, cell)
            for count in near + _NEIGHBOURS:
                reach = float(tree.query(whole[rows] + count @ cell)[0].min())
                best[x] = min(best[x], (reach, count), key=lambda found: found[0])
        chosen = min(waiting, key=lambda x: best[x][0])
        newest = waiting.pop(chosen)
        placed[newest] = whole[newest] + best[chosen][1] @ cell
    return placed
