import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem, rdMolTransforms
from scipy.stats import wasserstein_distance

from neuralmd_cli.analysis.torsions import (
    circular_wasserstein,
    rotatable_torsions,
    torsion_angles,
)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.double)


def molecule(smiles: str):
    """Heavy atoms in 3-D: the molecule, positions and bonds."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=1)
    mol = Chem.RemoveHs(mol)
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
    positions = torch.tensor(mol.GetConformer().GetPositions())
    return mol, positions, torch.tensor(bonds, dtype=torch.long).reshape(-1, 2)


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCCC", [(1, 2)]),
        ("CC", []),
        ("C", []),
        ("c1ccccc1-c1ccccc1", [(5, 6)]),
        ("c1ccccc1OC", [(5, 6)]),
        ("CC#CC", []),
        ("C1CCCCC1", []),
    ],
)
def test_rotatable_bonds_are_open_and_inner(smiles, expected):
    """Not in a ring, not terminal, not beside a linear angle."""
    _, positions, bonds = molecule(smiles)
    torsions = rotatable_torsions(positions, bonds)
    assert [tuple(t[1:3]) for t in torsions.tolist()] == expected


def test_angles_are_rdkits():
    """Value and sign of every torsion of a drug-like ligand."""
    mol, positions, bonds = molecule("COCCOc1ccc(C(=O)NC(C)CC)cc1")
    torsions = rotatable_torsions(positions, bonds)
    angles = torsion_angles(positions[None], torsions)[0]
    conformer = mol.GetConformer()
    wanted = [rdMolTransforms.GetDihedralDeg(conformer, *t) for t in torsions.tolist()]
    assert len(wanted) == 7 + 1
    assert angles.tolist() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("turn", [10.0, 170.0, 190.0, 350.0])
def test_a_turned_sample_is_as_far_as_it_was_turned(turn):
    """A narrow sample turned by δ is min(δ, 360° - δ) away."""
    sample = 8 * random(50, 3) + 355
    distance = circular_wasserstein(sample, sample + turn)
    expected = min(turn, 360 - turn)
    torch.testing.assert_close(distance, torch.full((3,), expected).double())


@pytest.mark.parametrize("seed", range(5))
def test_distance_is_the_least_over_all_cuts_of_the_circle(seed):
    """With equal sizes the best plan is a cyclic shift: tried one by one."""
    ours, theirs = 360 * random(7, 1, seed=seed), 360 * random(7, 1, seed=seed + 50)
    a, b = ours[:, 0].sort().values, theirs[:, 0].sort().values
    turns = [(a - b.roll(k)).abs() for k in range(7)]
    costs = [torch.minimum(t, 360 - t).mean() for t in turns]
    torch.testing.assert_close(circular_wasserstein(ours, theirs)[0], min(costs))


def test_far_from_the_seam_it_is_scipys():
    """On less than half the circle it is the distance on a line; sizes may differ."""
    ours, theirs = 100 + 60 * random(30, 1), 120 + 60 * random(45, 1, seed=1)
    expected = wasserstein_distance(ours[:, 0], theirs[:, 0])
    assert circular_wasserstein(ours, theirs).item() == pytest.approx(expected)


def test_distance_is_symmetric_and_blind_to_a_shared_turn():
    """d(a, b) = d(b, a) = d(a + c, b + c), and 0 for the same values reordered."""
    ours, theirs = 360 * random(40, 2), 360 * random(25, 2, seed=3)
    one = circular_wasserstein(ours, theirs)
    torch.testing.assert_close(one, circular_wasserstein(theirs, ours))
    torch.testing.assert_close(one, circular_wasserstein(ours - 77, theirs - 77))
    assert circular_wasserstein(ours, ours.flip(0)).max() < 1e-9


def test_an_angle_that_is_not_finite_has_no_distance():
    """NaN for it, a number for the other."""
    ours = 360 * random(5, 2)
    broken = ours.clone()
    broken[2, 0] = torch.nan
    distance = circular_wasserstein(broken, ours)
    assert distance[0].isnan()
    assert distance[1] == 0
