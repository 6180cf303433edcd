"""The elastic network of a ligand and the pocket atoms that yield to its push."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.complex import collate
from neuralmd_cli.models.pocket.config import PocketConfig
from neuralmd_cli.models.pocket.hydrogen_bonds import BONDED, Partners
from neuralmd_cli.models.pocket.network import (
    CENTRES,
    N_PUSHES,
    bonds_apart,
    network,
)
from neuralmd_cli.models.pocket.push import columns, relaxations
from neuralmd_cli.models.pocket.springs import cage_strength, directed, stiffness
from neuralmd_cli.models.pocket.surroundings import surroundings
from tests.toy import random_motion, toy_complex

CONFIG = PocketConfig()


def polar_complex(seed):
    """A toy whose pocket has N and O in it as well."""
    complex_ = toy_complex(seed)
    numbers = complex_.protein.obstacle_numbers.clone()
    numbers[::3], numbers[1::3] = 7, 8
    return replace(
        complex_, protein=replace(complex_.protein, obstacle_numbers=numbers)
    )


def around(complex_):
    return surroundings(collate([complex_]))[0]


def test_the_network_is_stable_and_symmetric():
    """A push moves everything somewhere, and finitely far."""
    here = around(polar_complex(1))
    joint = network(here, CONFIG.yielding)
    matrix = joint.stiffness(here, CONFIG)
    assert joint.n_free > joint.n_ligand
    assert matrix.shape == (3 * joint.n_free, 3 * joint.n_free)
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix).min() > 0


def test_in_a_pocket_that_does_not_yield_the_ligand_feels_its_springs_and_the_cage():
    """Nothing yields within 0 Å: the same matrix, made pair by pair."""
    here = around(polar_complex(2))
    distance, unit = here.contacts(here.positions)
    cage = directed(cage_strength(distance, CONFIG.cage, CONFIG.cage_range), unit)
    expected = stiffness(here, CONFIG.springs) + torch.block_diag(*cage)
    found = network(here, 0.0).stiffness(here, CONFIG)
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-5)


def test_a_pocket_that_yields_is_softer_to_the_ligand():
    """What the ligand alone feels, all else at rest, never grows."""
    here = around(polar_complex(3))
    n = 3 * len(here.positions)

    def answer(yielding):
        return torch.linalg.inv(network(here, yielding).stiffness(here, CONFIG))[:n, :n]

    softer = answer(7.0) - answer(0.0)
    assert torch.linalg.eigvalsh(softer).min() > -1e-9
    assert softer.diagonal().max() > 1e-4


def test_what_pushes_is_pushed_back():
    """Every kind adds up to nothing where all atoms move."""
    here = around(polar_complex(4))
    joint = network(here, 99.0)
    assert joint.n_free == len(here.positions) + len(here.obstacles)
    pushes = joint.pushes()
    assert pushes.shape == (joint.n_free, 3, N_PUSHES)
    assert pushes.abs().max() > 0.1
    torch.testing.assert_close(
        pushes.sum(dim=0), torch.zeros(3, N_PUSHES).double(), atol=1e-9, rtol=0
    )


@pytest.mark.parametrize("atoms", [28, 0])
def test_a_ligand_with_nothing_around_is_pushed_by_nothing(atoms):
    """Whether the protein is elsewhere, or there is none."""
    complex_ = polar_complex(3)
    far = replace(
        complex_.protein,
        obstacle_positions=torch.full((atoms, 3), 99.0).double(),
        obstacle_numbers=complex_.protein.obstacle_numbers[:atoms],
    )
    alone = around(replace(complex_, protein=far))
    assert columns(alone, relaxations(alone, None), CONFIG).abs().max() == 0


def test_two_that_only_give_push_each_other_as_no_hydrogen_bond_does():
    """The same contact counts to another kind; nothing else changes."""
    here = around(polar_complex(4))
    assert (here.polar.any(), here.obstacle_polar.any()) == (True, True)
    nobody = Partners(
        donors=torch.zeros_like(here.polar), acceptors=torch.zeros_like(here.polar)
    )
    bonding = network(here, 7.0).pushes()
    repelling = network(replace(here, partners=nobody), 7.0).pushes()
    bonds, repels = (slice(k * len(CENTRES), (k + 1) * len(CENTRES)) for k in (3, 4))
    assert bonding[..., bonds].abs().max() > 0
    assert repelling[..., bonds].abs().max() == 0
    whole = repelling.clone()
    whole[..., bonds] += whole[..., repels] - bonding[..., repels]
    whole[..., repels] = bonding[..., repels]
    torch.testing.assert_close(whole, bonding)


def test_columns_turn_with_the_complex():
    """And do not mind where it is."""
    complex_ = polar_complex(5)
    turn, shift = random_motion(6)
    here, there = around(complex_), around(complex_.moved(turn, shift))
    found = columns(here, relaxations(here, None), CONFIG)
    turned = columns(there, relaxations(there, None), CONFIG)
    expected = torch.einsum("ab,nbc->nac", turn, found)
    torch.testing.assert_close(turned, expected, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_columns_do_not_mind_the_order_of_the_pocket(order):
    """The order of atoms in a file says nothing."""
    complex_ = polar_complex(7)
    generator = torch.Generator().manual_seed(order)
    protein = complex_.protein
    shuffled = torch.randperm(len(protein.obstacle_positions), generator=generator)
    other = replace(
        protein,
        obstacle_positions=protein.obstacle_positions[shuffled],
        obstacle_numbers=protein.obstacle_numbers[shuffled],
    )
    found, again = (
        columns(x, relaxations(x, None), CONFIG)
        for x in (around(complex_), around(replace(complex_, protein=other)))
    )
    torch.testing.assert_close(again, found, atol=1e-9, rtol=1e-9)


def test_bonds_are_counted_along_a_chain():
    """1, 2, 3, then more; nothing is bonded to what is far."""
    chain = torch.zeros(6, 3).double()
    chain[:, 0] = 0.9 * BONDED * torch.arange(6)
    chain[5, 0] = 50.0
    assert bonds_apart(chain, 2).tolist() == [[0, 1, 2, 3, 4, 4], [1, 0, 1, 2, 3, 4]]
