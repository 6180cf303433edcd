"""Containers keep complexes apart and move them as one."""

import torch

from neuralmd_cli.complex import collate
from tests.toy import random_motion, toy_complex


def test_a_batch_keeps_chains_and_bonds_of_each_complex_apart():
    """Segment numbers and bonds never reach into the next complex."""
    parts = [toy_complex(0), toy_complex(1, atoms=5, residues=9, segments=3)]
    batch = collate(parts)
    assert batch.n_complexes == 2
    first = set(batch.segments[batch.residue_complex == 0].tolist())
    second = set(batch.segments[batch.residue_complex == 1].tolist())
    assert not first & second
    ends = batch.atom_complex[batch.bonds]
    assert (ends[:, 0] == ends[:, 1]).all()
    assert len(batch.bonds) == sum(len(x.ligand.bonds) for x in parts)


def test_moving_keeps_every_distance():
    """Ligand, backbone and obstacles move together."""
    pocket = toy_complex(0)
    rotation, shift = random_motion(0)
    moved = pocket.moved(rotation, shift)

    def everything(x):
        p = x.protein
        return torch.cat([x.ligand.positions, p.n, p.ca, p.c, p.obstacle_positions])

    before, after = everything(pocket), everything(moved)
    torch.testing.assert_close(
        (after[:, None] - after).norm(dim=-1), (before[:, None] - before).norm(dim=-1)
    )


def test_centring_knows_only_this_structure():
    """The centre of ligand and backbone becomes the origin, and is handed back."""
    pocket = toy_complex(0)
    moved, centre = pocket.centred()
    torch.testing.assert_close(moved.centre(), torch.zeros_like(centre))
    torch.testing.assert_close(moved.ligand.positions + centre, pocket.ligand.positions)
