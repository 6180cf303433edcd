import pytest
import torch

from neuralmd_cli.analysis.validity import bond_lengths, contacts, internal_clashes

CARBON_RADIUS = 1.7


def test_a_frozen_ligand_keeps_all_bonds():
    """The starting lengths are intact by definition."""
    positions = torch.randn(1, 5, 3).expand(3, -1, -1)
    result = bond_lengths(positions, torch.tensor([[0, 1], [1, 2], [3, 4]]))
    assert result.intact.tolist() == [1, 1, 1]
    assert result.largest_change.max() == 0


@pytest.mark.parametrize(
    ("length", "intact"), [(1.87, 1.0), (1.88, 0.5), (1.13, 1.0), (1.12, 0.5)]
)
def test_a_bond_breaks_at_a_quarter_of_its_length(length, intact):
    """1.5 Å ± 25 % is intact; beyond, one of the two bonds is not."""
    positions = torch.zeros(2, 3, 3, dtype=torch.double)
    positions[:, 1, 0], positions[:, 2, 0] = 1.5, 3.0
    positions[1, 1:, 0] += length - 1.5
    result = bond_lengths(positions, torch.tensor([[0, 1], [1, 2]]))
    assert result.intact.tolist() == [1.0, intact]
    assert result.largest_change[1].item() == pytest.approx(abs(length - 1.5))


def test_a_ligand_without_bonds_has_none_broken():
    """A lone atom is always intact."""
    result = bond_lengths(torch.randn(4, 1, 3), torch.zeros(0, 2, dtype=torch.long))
    assert result.intact.tolist() == [1, 1, 1, 1]


def test_closest_contact_is_the_closest_of_all_pairs():
    """Distance and pair agree with a full search, over several elements."""
    torch.manual_seed(0)
    frames, around = torch.randn(20, 6, 3).double(), 5 * torch.randn(200, 3).double()
    numbers = torch.tensor([6, 7, 8, 16, 30])[torch.arange(200) % 5]
    found = contacts(frames, torch.full((6,), 6), around, numbers)
    every = torch.cdist(frames, around.expand(20, -1, -1))
    torch.testing.assert_close(found.distances, every.amin(dim=(1, 2)))
    row = torch.arange(20)
    pair = every[row, found.ligand_atoms, found.obstacle_atoms]
    torch.testing.assert_close(pair, found.distances)


@pytest.mark.parametrize(("share", "clashing"), [(0.76, 0), (0.74, 1)])
def test_a_clash_begins_at_three_quarters_of_the_radii(share, clashing):
    """Two carbons clash below 0.75 of the sum of their van der Waals radii."""
    frames = torch.zeros(1, 2, 3)
    frames[0, 0, 0], frames[0, 1, 0] = share * 2 * CARBON_RADIUS, 50.0
    carbons = torch.tensor([6, 6])
    found = contacts(frames, carbons, torch.zeros(1, 3), carbons[:1])
    assert found.clashing_atoms.tolist() == [clashing]


def test_nothing_to_hit_is_infinitely_far():
    """Without obstacles there is no contact, and no clash."""
    nothing = torch.zeros(0, dtype=torch.long)
    found = contacts(
        torch.zeros(3, 2, 3), torch.tensor([6, 6]), torch.zeros(0, 3), nothing
    )
    assert found.distances.isinf().all()
    assert found.obstacle_atoms.tolist() == [-1, -1, -1]


def test_a_folded_chain_runs_into_itself():
    """Ends six bonds apart clash when laid together; a stretched chain does not."""
    bonds = torch.tensor([[i, i + 1] for i in range(6)])
    stretched = torch.zeros(2, 7, 3)
    stretched[:, :, 0] = 1.5 * torch.arange(7)
    stretched[1, 6] = torch.tensor([0.0, 1.5, 0.0])
    counts = internal_clashes(stretched, torch.full((7,), 6), bonds)
    assert counts[0] == 0
    assert counts[1] >= 1


def test_neighbours_never_clash():
    """Atoms up to three bonds apart may be as near as they like."""
    bonds = torch.tensor([[0, 1], [1, 2], [2, 3]])
    counts = internal_clashes(torch.zeros(1, 4, 3), torch.full((4,), 6), bonds)
    assert counts.tolist() == [0]
