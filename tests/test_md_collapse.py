"""A ligand that is no longer the molecule that was typed is a warning."""

import pytest
import torch

from neuralmd_cli.complex import Ligand
from neuralmd_cli.md.collapse import collapse_warnings

NUMBERS = [7, 15, 8]


def bent(apart):
    """N-P-O, the ends so far apart, Å."""
    half = apart / 2
    height = (1.6**2 - half**2) ** 0.5
    return torch.tensor([[-half, 0.0, 0.0], [0.0, height, 0.0], [half, 0.0, 0.0]])


def ligand():
    return Ligand(
        positions=bent(2.5),
        atomic_numbers=torch.tensor(NUMBERS),
        masses=torch.tensor([14.0, 31.0, 16.0]),
        bonds=torch.tensor([[0, 1], [1, 2]]),
    )


@pytest.mark.parametrize("apart", [1.4, 1.7])
def test_a_collapse_names_the_atoms_of_the_file(apart):
    """By their numbers there, not by their places among the heavy atoms."""
    (warning,) = collapse_warnings(ligand(), bent(apart).expand(50, -1, -1), [4, 9, 7])
    assert "atom 4 (N) and atom 7 (O)" in warning
    assert "100 %" in warning


def test_a_molecule_as_drawn_is_no_warning():
    """Nor is one that is squeezed once in a while."""
    frames = bent(2.5).repeat(40, 1, 1)
    assert collapse_warnings(ligand(), frames, [1, 2, 3]) == []
    frames[::10] = bent(1.6)
    assert collapse_warnings(ligand(), frames, [1, 2, 3]) == []
