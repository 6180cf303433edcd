"""The frames of a user's simulation: whole molecules in sound places."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import gemmi
import mdtraj
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from neuralmd_cli.dataset.own.ligand_atoms import matched_atoms, parents_in, stereo_note
from neuralmd_cli.dataset.own.periodic import (
    Plan,
    has_cell,
    mend,
    nearest_images,
    plan,
    usable_cells,
)
from neuralmd_cli.dataset.own.system import OwnFiles, System
from neuralmd_cli.errors import InputError
from neuralmd_cli.readers import Frames
from neuralmd_cli.structure.coordinates import labelled_atoms

FARTHEST = 1e5
"""Å; coordinates beyond are no molecule's."""
LONGEST_BOND = 3.2
"""Å; longer bonds of a ligand are broken, and so are longer N-CA and CA-C."""


@dataclass(frozen=True, kw_only=True)
class OwnAtoms:
    """The complex in all frames that are wanted."""

    ligand: Float[ndarray, "frames atoms 3"]  # Å; in the order of the ligand file
    protein: Float[ndarray, "frames obstacles 3"]  # Å; in the order of the structure
    centres: Float[ndarray, "frames 3"]  # Å; mean of all atoms
    times: Float[ndarray, " all_frames"]  # ps; of the whole file
    periodic: str  # what was done about the box


def read_atoms(
    read: Iterator[Frames],
    topology: mdtraj.Topology,
    system: System,
    files: OwnFiles,
    wanted: tuple[int, int] | None,
) -> tuple[OwnAtoms, tuple[str, ...]]:
    """The complex in each frame, put together where a periodic box has cut it.

    Args:
        read: all frames of the file.
        topology: of the trajectory.
        system: what to take of it.
        files: for messages.
        wanted: first and last frame, counted from 1.

    Returns:
        The atoms, and a note if their stereochemistry is not the ligand file's.

    Raises:
        InputError: no such frames, or one whose coordinates make no sense.
    """
    source = files.trajectory.name
    place = {int(row): k for k, row in enumerate(system.kept)}
    heavy = [place[a.serial - 1] for _, a in labelled_atoms(system.structure[0])]
    ligands = list[Float[ndarray, "some atoms 3"]]()
    proteins, centres, times = [], [], list[Float[ndarray, " some"]]()
    how: Plan | None = None
    chosen = np.array([], dtype=np.int64)
    cut = scattered = 0
    boxed, centre = False, None
    stereo: tuple[str, ...] = ()
    for number, part in _parts(read, wanted, times):
        positions = part.positions[:, system.kept]
        _check_numbers(positions, number, source)
        cells = usable_cells(part.cells, len(positions))
        boxed |= has_cell(cells)
        if how is None:
            how, chosen = _first_plan(
                positions[0], cells[0], topology, system, files.ligand.name
            )
        mended = mend(positions, cells, how, centre)
        cut, scattered = cut + mended.cut, scattered + mended.scattered
        centre = mended.centre
        ligand = mended.positions[:, chosen]
        protein = mended.positions[:, heavy]
        _check_bonds(ligand, protein, system, number, source, boxed=boxed)
        if not ligands:
            stereo = stereo_note(system.ligand.molecule, ligand[0], source)
        ligands.append(ligand)
        proteins.append(protein)
        centres.append(mended.positions.mean(axis=1, dtype=np.float64))
    if not ligands:
        raise InputError(
            f"{source} holds {sum(map(len, times))} frames, so none of {wanted[0]} to "
            f"{wanted[1]}."
            if wanted
            else f"{source} holds no frames.",
            hint="Give --frames within them." if wanted else "Write it again.",
        )
    atoms = OwnAtoms(
        ligand=np.concatenate(ligands),
        protein=np.concatenate(proteins),
        centres=np.concatenate(centres).astype(np.float32),
        times=np.concatenate(times),
        periodic="",
    )
    return _told(atoms, cut, scattered, boxed=boxed), stereo


def _parts(
    read: Iterator[Frames],
    wanted: tuple[int, int] | None,
    times: list[Float[ndarray, " some"]],
) -> Iterator[tuple[int, Frames]]:
    """The frames that are wanted, with the number of the first, from 0.

    The times of all frames go to `times`: a DCD file tells them by their number.
    """
    seen = 0
    first, last = wanted or (1, 2**62)
    for part in read:
        times.append(part.times)
        begin, end = max(first - 1 - seen, 0), max(last - seen, 0)
        number, seen = seen + begin, seen + len(part.times)
        if len(part.times[begin:end]):
            yield (
                number,
                Frames(
                    positions=part.positions[begin:end],
                    times=part.times[begin:end],
                    cells=None if part.cells is None else part.cells[begin:end],
                ),
            )


def _told(atoms: OwnAtoms, cut: int, scattered: int, *, boxed: bool) -> OwnAtoms:
    """With a sentence on what was done about the periodic box."""
    total = len(atoms.centres)
    if not boxed:
        return atoms
    done = []
    if cut:
        done.append(f"molecules made whole in {cut} of {total} frames")
    if scattered:
        done.append(
            f"ligand and chains brought next to each other in {scattered} of {total}"
        )
    what = "; ".join(done) or "nothing was cut or scattered"
    return replace(atoms, periodic=f"Periodic box: {what}.")


def _first_plan(
    positions: Float[ndarray, "kept 3"],
    cell: Float[ndarray, "3 3"],
    topology: mdtraj.Topology,
    system: System,
    source: str,
) -> tuple[Plan, Int[ndarray, " heavy"]]:
    """How the complex hangs together, and where in `kept` the ligand's atoms are."""
    members = system.members[-1]
    start = positions[members[0]]
    whole = start + nearest_images((positions[members] - start).astype(float), cell)
    ligand = topology.residue(system.residue.index)
    molecule = system.ligand.molecule
    chosen = matched_atoms(topology, ligand, molecule, whole, source)
    how = plan(
        positions.astype(float),
        cell,
        system.members,
        system.anchors,
        parents_in(ligand, molecule, chosen, whole),
    )
    return how, members[chosen]


def _check_numbers(
    positions: Float[ndarray, "frames kept 3"], first: int, source: str
) -> None:
    """Refuse frames whose coordinates are no places of atoms."""
    far = ~(np.abs(positions) < FARTHEST).all(axis=(1, 2))
    if far.any():
        frame = int(np.flatnonzero(far)[0])
        bad = "beyond 1e5 Å" if np.isfinite(positions[frame]).all() else "not numbers"
        raise InputError(
            f"{source}: coordinates in frame {first + frame + 1} are {bad}"
            f"{f' ({int(far.sum())} such frames)' if far.sum() > 1 else ''}.",
            hint="The simulation blew up there, or the file is damaged; --frames takes "
            "a sound part of it.",
        )


def _check_bonds(
    ligand: Float[ndarray, "frames atoms 3"],
    protein: Float[ndarray, "frames obstacles 3"],
    system: System,
    first: int,
    source: str,
    *,
    boxed: bool,
) -> None:
    """Refuse frames in which a molecule is in two places."""
    rows = _backbone_pairs(system.structure)
    for what, positions, pairs in (
        ("the ligand", ligand, system.ligand.ligand.bonds.numpy()),
        ("the protein", protein, rows),
    ):
        ends = positions[:, pairs]
        lengths = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1)
        broken: Bool[ndarray, " frames"] = (lengths > LONGEST_BOND).any(axis=1)
        if not broken.any():
            continue
        frame = int(np.flatnonzero(broken)[0])
        cell = (
            "its unit cell does not mend that"
            if boxed
            else "the file has no unit cell to mend that with"
        )
        raise InputError(
            f"{source}: {what} is in pieces in frame {first + frame + 1} (a bond of "
            f"{lengths[frame].max():.1f} Å), and {cell}.",
            hint="Make molecules whole first (gmx trjconv -pbc whole, cpptraj "
            "autoimage), or check that topology and trajectory belong together.",
        )


def _backbone_pairs(structure: gemmi.Structure) -> Int[ndarray, "pairs 2"]:
    """N-CA and CA-C of each residue that has them, as rows of heavy atoms."""
    pairs, begin = list[tuple[int, int]](), 0
    for chain in structure[0]:
        for residue in chain:
            names = [(a.name, a.element.name) for a in residue]
            spine = [("N", "N"), ("CA", "C"), ("C", "C")]
            if all(x in names for x in spine):
                n, ca, c = (begin + names.index(x) for x in spine)
                pairs += [(n, ca), (ca, c)]
            begin += len(residue)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
