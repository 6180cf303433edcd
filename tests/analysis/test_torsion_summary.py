import math

import pytest
import torch
from rdkit import Chem

from neuralmd_cli.analysis.torsion_summary import summarise_torsions, without_stiff


def chain(degrees):
    """Four atoms with this torsion angle."""
    angle = math.radians(degrees)
    last = [1.0, math.cos(angle), math.sin(angle)]
    return torch.tensor([[0.0, 1, 0], [0, 0, 0], [1, 0, 0], last])


ONE = torch.tensor([[0, 1, 2, 3]])


def test_means_cross_the_seam():
    """170 and -170 have the mean 180, a spread of 10, and no turn beyond 60."""
    frames = torch.stack([chain(170), chain(-170)])
    found = summarise_torsions(frames, chain(170), ONE)
    assert abs(float(found.mean[0])) == pytest.approx(180, abs=1e-3)
    assert float(found.spread[0]) == pytest.approx(10, abs=0.1)
    assert float(found.largest_turn[0]) == pytest.approx(20, abs=1e-3)
    assert float(found.turned[0]) == 0


def test_a_jump_is_counted():
    """One of four snapshots in another well."""
    frames = torch.stack([chain(x) for x in (60, 65, 55, 180)])
    found = summarise_torsions(frames, chain(60), ONE)
    assert float(found.turned[0]) == pytest.approx(25)
    assert float(found.largest_turn[0]) == pytest.approx(120, abs=1e-3)


def test_opposite_angles_have_the_largest_spread():
    """No mean direction: capped, not infinite."""
    found = summarise_torsions(torch.stack([chain(0), chain(180)]), chain(0), ONE)
    assert float(found.spread[0]) == 180


def test_amides_and_double_bonds_do_not_turn():
    """Of an amide with a vinyl, the bond between the carbons alone is left."""
    molecule = Chem.MolFromSmiles("CC(=O)NCC=CC")
    torsions = torch.tensor([[0, 1, 3, 4], [1, 3, 4, 5], [3, 4, 5, 6], [4, 5, 6, 7]])
    kept = without_stiff(torsions, molecule)
    assert kept.tolist() == [[1, 3, 4, 5], [3, 4, 5, 6]]
