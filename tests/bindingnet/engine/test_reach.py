"""Part of a protein is encoded as if all of it were there."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.bindingnet.engine.reach import (
    part,
    reached_residues,
    rows_of,
    surroundings,
)
from neuralmd_cli.complex import collate
from tests.toy import toy_complex, toy_model


def long_chain(seed: int):
    """A complex whose protein goes on far beyond its ligand."""
    complex_ = toy_complex(seed, residues=60, segments=3)
    protein = complex_.protein
    shift = torch.zeros_like(protein.ca)
    shift[:, 2] = 2.0 * (torch.arange(60) - 20).clamp(min=0)
    moved = {k: getattr(protein, k) + shift for k in ("n", "ca", "c")}
    return replace(complex_, protein=replace(protein, **moved))


@pytest.mark.parametrize("seed", range(3))
def test_features_and_frames_do_not_depend_on_what_is_left_out(seed):
    """Of the residues within reach, in a batch; some of the protein is left out."""
    net = toy_model(seed=seed).binding_net
    batch = collate([long_chain(seed), long_chain(seed + 10)])
    wanted = reached_residues(batch, batch.positions, net.config)
    kept = surroundings(batch, wanted, net.config)
    assert 0 < wanted.sum() < kept.sum() < len(batch.ca)
    rows = rows_of(wanted, kept)
    with torch.no_grad():
        whole = net.encode_protein(batch)
        some = net.encode_protein(part(batch, kept))
    for name in ("features", "frames"):
        torch.testing.assert_close(
            getattr(some, name)[rows], getattr(whole, name)[wanted], rtol=0, atol=1e-12
        )


def test_what_a_ligand_reaches_grows_with_the_margin():
    """And is every residue within cutoff and margin of an atom, no other."""
    batch = collate([long_chain(0)])
    config = toy_model().binding_net.config
    closest = torch.cdist(batch.ca, batch.positions).amin(dim=1)
    for margin in (0.0, 2.0, 8.0):
        found = reached_residues(batch, batch.positions, config, margin)
        assert torch.equal(found, closest < config.pair_cutoff + margin)


def test_the_cost_of_encoding_does_not_grow_with_the_protein():
    """As many residues are encoded whether 200 or 2,000 lie beyond the pocket."""
    config = toy_model().binding_net.config
    counts = []
    for residues in (200, 2000):
        complex_ = long_chain(0)
        angle = torch.arange(residues, dtype=torch.float64)
        far = torch.stack([40 + 3.8 * angle, 0 * angle, 0 * angle], dim=1)
        protein = complex_.protein
        grown = replace(
            protein,
            n=torch.cat([protein.n, far]),
            ca=torch.cat([protein.ca, far + 1.0]),
            c=torch.cat([protein.c, far + 2.0]),
            residue_types=torch.cat([protein.residue_types, 0 * angle.long()]),
            segments=torch.cat([protein.segments, 0 * angle.long() + 9]),
        )
        batch = collate([replace(complex_, protein=grown)])
        wanted = reached_residues(batch, batch.positions, config)
        counts.append(int(surroundings(batch, wanted, config).sum()))
    assert counts[0] == counts[1] < 80
