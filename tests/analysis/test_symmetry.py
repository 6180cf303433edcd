"""Equivalent atoms may change places; others may not."""

import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem, rdMolAlign

from neuralmd_cli.analysis.clusters import cluster_poses, pose_distances
from neuralmd_cli.analysis.symmetry import (
    MOST_ORDERS,
    best_rmsd,
    equivalent_orders,
    equivalent_orders_of_graph,
)


def molecule(smiles: str) -> Chem.Mol:
    """Heavy atoms in one conformer."""
    full = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(full, randomSeed=3)
    return Chem.RemoveHs(full)


def positions(found: Chem.Mol) -> torch.Tensor:
    return torch.tensor(found.GetConformer().GetPositions())


@pytest.mark.parametrize(
    ("smiles", "count"),
    [
        ("Cc1ccccc1", 2),  # the ring turns
        ("Fc1ccccc1C", 1),  # this one shows it
        ("CC(F)(F)F", 6),
        ("CC(=O)[O-]", 2),  # whichever oxygen is drawn with the charge
        ("C[N+](=O)[O-]", 2),
        ("NC(=[NH2+])CC", 2),
        ("CCC(=O)N", 1),  # an amide's ends are not alike
        ("C=C(C)CO", 1),  # nor are CH2 and CH3
        ("c1ccccc1", 12),
    ],
)
def test_how_many_orders_are_the_same_molecule(smiles, count):
    """Its own first, each once."""
    found = equivalent_orders(molecule(smiles))
    assert len(found) == count
    assert found[0].tolist() == list(range(found.shape[1]))
    assert len({tuple(x) for x in found.tolist()}) == count


def test_a_molecule_with_very_many_orders_gets_as_many_as_can_be_tried():
    """Three tert-butyl groups around a ring: 6 x 6 x 6 x 6 orders."""
    found = equivalent_orders(molecule("CC(C)(C)c1cc(C(C)(C)C)cc(C(C)(C)C)c1"))
    assert 1 < len(found) <= MOST_ORDERS + 1


def test_without_bond_orders_elements_and_bonds_decide():
    """Which sees a turned ring as well."""
    ring = molecule("Cc1ccccc1")
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in ring.GetBonds()]
    numbers = torch.tensor([a.GetAtomicNum() for a in ring.GetAtoms()])
    found = equivalent_orders_of_graph(numbers, torch.tensor(bonds))
    assert {tuple(x) for x in found.tolist()} == {
        tuple(x) for x in equivalent_orders(ring).tolist()
    }


@pytest.mark.parametrize("smiles", ["Cc1ccccc1", "OC(=O)Cc1ccc(C(F)(F)F)cc1"])
@pytest.mark.parametrize("seed", range(3))
def test_rmsd_is_that_of_rdkit(smiles, seed):
    """CalcRMS, which superposes nothing and tries all orders as well."""
    first, generator = molecule(smiles), torch.Generator().manual_seed(seed)
    x = positions(first)
    moved = x + torch.randn(x.shape, generator=generator, dtype=x.dtype)
    second = Chem.Mol(first)
    second.GetConformer().SetPositions(moved.numpy())
    (found,) = best_rmsd(moved[None], x[None], equivalent_orders(first))
    assert float(found) == pytest.approx(rdMolAlign.CalcRMS(second, first), abs=1e-6)


@pytest.mark.parametrize("superpose", ["pocket", "ligand"])
def test_a_turned_ring_is_one_pose(superpose):
    """Two clusters where atoms are told apart, one where they are not."""
    ring = molecule("NC(=O)c1ccccc1")
    orders = equivalent_orders(ring)
    assert len(orders) == 2
    x = positions(ring)
    generator = torch.Generator().manual_seed(0)
    noise = 0.02 * torch.randn(10, *x.shape, generator=generator, dtype=x.dtype)
    frames = torch.stack([x, x[orders[1]]] * 5) + noise
    assert cluster_poses(frames, 0.5, superpose).sizes.tolist() == [5, 5]
    assert cluster_poses(frames, 0.5, superpose, orders).sizes.tolist() == [10]
    distances = pose_distances(frames, superpose, orders)
    assert (distances == distances.T).all()
    assert (distances.diagonal() < 1e-6).all()
