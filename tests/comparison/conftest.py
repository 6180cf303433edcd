"""Loaded trajectories made by hand."""

from collections.abc import Callable
from pathlib import Path

import mdtraj
import pytest
import torch

from neuralmd_cli.readers import LoadedTrajectory

# A zigzag C-C-N-C with an O on the second C.
NAMES = ("C1", "C2", "N1", "C3", "O1")
NUMBERS = (6, 6, 7, 6, 8)
BONDS = ((0, 1), (1, 2), (2, 3), (1, 4))
START = torch.tensor(
    [[0.0, 0, 0], [1.5, 0, 0], [2.2, 1.2, 0], [3.6, 1.2, 0], [2.1, -1.1, 0.1]]
)
PROTEIN = 4 * torch.tensor(
    [[2.0, 0, 0], [-2, 1, 0], [0, 2, 1], [1, -2, 1], [0, 0, -2], [2, 2, 2]]
)
SEQUENCE = ("ALA", "GLY", "SER", "LYS", "VAL", "LEU")

Load = Callable[..., LoadedTrajectory]


def topology(
    names: tuple[str, ...], numbers: tuple[int, ...], sequence: tuple[str, ...]
) -> mdtraj.Topology:
    """N, CA, C and O of each residue, then the ligand."""
    top = mdtraj.Topology()
    chain = top.add_chain("A")
    element = mdtraj.element.Element.getByAtomicNumber
    for number, name in enumerate(sequence, start=1):
        residue = top.add_residue(name, chain, resSeq=number)
        for atom, z in (("N", 7), ("CA", 6), ("C", 6), ("O", 8)):
            top.add_atom(atom, element(z), residue)
    residue = top.add_residue("LIG", top.add_chain("L"), resSeq=1)
    for name, z in zip(names, numbers, strict=True):
        top.add_atom(name, element(z), residue)
    return top


@pytest.fixture
def load() -> Load:
    """Makes a loaded trajectory; with a `protein`, of CA positions per frame."""

    def make(
        positions: torch.Tensor,
        times: torch.Tensor | None = None,
        *,
        name: str = "a.dcd",
        names: tuple[str, ...] = NAMES,
        numbers: tuple[int, ...] = NUMBERS,
        bonds: tuple[tuple[int, int], ...] = BONDS,
        protein: torch.Tensor | None = None,
        sequence: tuple[str, ...] = SEQUENCE,
        timed: bool = True,
    ) -> LoadedTrajectory:
        frames = len(positions)
        sequence = sequence if protein is not None else ()
        ca = torch.zeros(frames, 0, 3) if protein is None else protein
        others = torch.stack([ca[0] - 1, ca[0], ca[0] + 1, ca[0] + 1.5], dim=1)
        return LoadedTrajectory(
            path=Path(name),
            ligand="LIG:L:1",
            times=torch.arange(frames).double() if times is None else times.double(),
            timed=timed,
            positions=positions,
            atom_names=names,
            atomic_numbers=torch.tensor(numbers),
            bonds=torch.tensor(bonds, dtype=torch.long).reshape(-1, 2),
            ca_positions=ca,
            other_positions=others.reshape(-1, 3),
            other_numbers=torch.tensor([7, 6, 6, 8]).repeat(len(sequence)),
            topology=topology(names, numbers, sequence),
            ligand_index=len(sequence),
            notes=(),
        )

    return make


@pytest.fixture
def frames() -> torch.Tensor:
    """Ten snapshots of the ligand, shaken by 0.2 Å."""
    generator = torch.Generator().manual_seed(0)
    return START + 0.2 * torch.randn(10, 5, 3, generator=generator)
