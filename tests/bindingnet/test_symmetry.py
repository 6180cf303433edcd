"""The equivariant variant turns, shifts and permutes with its input."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.complex import Complex, collate
from neuralmd_cli.models.system import Start
from tests.toy import random_motion, toy_complex, toy_model

TIGHT = {"rtol": 0, "atol": 1e-11}


def forces(model, *complexes: Complex) -> torch.Tensor:
    batch = collate(complexes)
    net = model.binding_net
    with torch.no_grad():
        return net.forces(batch, batch.positions, net.encode_protein(batch))


@pytest.mark.parametrize("seed", range(5))
def test_forces_turn_with_the_complex(seed):
    """forces(x Rᵀ + t) == forces(x) Rᵀ."""
    model, pocket = toy_model(seed=seed), toy_complex(seed)
    rotation, shift = random_motion(seed)
    expected = forces(model, pocket) @ rotation.T
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(
        forces(model, pocket.moved(rotation, shift)), expected, **TIGHT
    )


@pytest.mark.parametrize("what", ["learned", "thermal", "refinement"])
def test_velocities_turn_with_the_complex(what):
    """Learned and refined velocities are equivariant; thermal ones in spread."""
    model = toy_model(
        initial_velocity_network=True, velocity_refinement=0.1, thermal_speed=1.0
    )
    rotation, shift = random_motion(1)
    pocket = toy_complex(1)
    turned = pocket.moved(rotation, shift)

    def value(complex_: Complex) -> torch.Tensor:
        batch = collate([complex_])
        if what == "refinement":
            correction = model.dynamics(batch).velocity_correction
            return correction(batch.positions)
        generator = torch.Generator().manual_seed(3)
        start = Start(batch=batch, generators=[generator])
        return model.initial_velocities(start, what)

    if what == "thermal":
        speed = [value(x).square().sum() for x in (pocket, turned)]
        assert 0.3 < speed[0] / speed[1] < 3
    else:
        torch.testing.assert_close(value(turned), value(pocket) @ rotation.T, **TIGHT)


def test_a_mirrored_complex_behaves_differently():
    """Forces on the mirror image are not the mirrored forces: chirality is seen."""
    model, pocket = toy_model(), toy_complex()
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64))
    mirrored = forces(model, pocket.moved(mirror, torch.zeros(3, dtype=torch.float64)))
    difference = (mirrored - forces(model, pocket) @ mirror).abs().max()
    assert difference > 1e-6


def test_a_mirrored_ligand_alone_behaves_differently():
    """The ligand module sees chirality without help from the protein."""
    model, pocket = toy_model(), toy_complex(2)
    far = replace(pocket.protein, ca=pocket.protein.ca + 100)
    alone = replace(pocket, protein=far)
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64))
    flipped = replace(
        alone, ligand=replace(alone.ligand, positions=alone.ligand.positions @ mirror)
    )
    difference = forces(model, flipped) - forces(model, alone) @ mirror
    assert difference.abs().max() > 1e-6


@pytest.mark.parametrize("variant", ["equivariant", "published"])
def test_forces_follow_a_permutation_of_atoms(variant):
    """Reordering ligand atoms reorders the forces."""
    model, pocket = toy_model(variant), toy_complex(3)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    ligand = pocket.ligand
    shuffled = replace(
        ligand,
        positions=ligand.positions[order],
        atomic_numbers=ligand.atomic_numbers[order],
        masses=ligand.masses[order],
    )
    torch.testing.assert_close(
        forces(model, replace(pocket, ligand=shuffled)),
        forces(model, pocket)[order],
        **TIGHT,
    )


def test_the_storage_order_of_chains_does_not_matter():
    """Storing the second chain first changes no force."""
    model, pocket = toy_model(), toy_complex(4)
    protein = pocket.protein
    order = torch.argsort(1 - protein.segments, stable=True)
    swapped = replace(
        protein,
        n=protein.n[order],
        ca=protein.ca[order],
        c=protein.c[order],
        residue_types=protein.residue_types[order],
        segments=protein.segments[order],
    )
    torch.testing.assert_close(
        forces(model, replace(pocket, protein=swapped)), forces(model, pocket), **TIGHT
    )


@pytest.mark.parametrize("variant", ["equivariant", "published"])
def test_a_complex_in_a_batch_gets_what_it_gets_alone(variant):
    """Forces of three complexes of different sizes, together and one by one."""
    model = toy_model(variant)
    pockets = [toy_complex(0), toy_complex(1, atoms=5, residues=20), toy_complex(2)]
    together = forces(model, *pockets)
    alone = torch.cat([forces(model, x) for x in pockets])
    torch.testing.assert_close(together, alone, **TIGHT)


def test_training_a_batch_mixes_no_complexes():
    """In train mode too, the equivariant variant treats each complex alone."""
    model = toy_model().train()
    pockets = [toy_complex(0), toy_complex(1, residues=20)]
    torch.testing.assert_close(
        forces(model, *pockets), torch.cat([forces(model, x) for x in pockets]), **TIGHT
    )


def _along(model, pocket, move, values):
    rows = []
    for value in values:
        rows.append(forces(model, replace(pocket, ligand=move(pocket.ligand, value))))
    return torch.stack(rows)


@pytest.mark.parametrize("what", ["ligand", "pair"])
def test_forces_are_smooth_at_the_cutoff(what):
    """Value and slope agree on both sides of 5 Å."""
    model, base = toy_model(), toy_complex(5, atoms=2, residues=3)
    far = base.protein.ca * 0 + torch.tensor([50.0, 0, 0], dtype=torch.float64)
    ca = far.clone()
    if what == "pair":
        ca[0] = torch.tensor([0.0, 5.0, 0.0], dtype=torch.float64)
    protein = replace(base.protein, ca=ca, n=ca + 1.3, c=ca - 1.2)
    pocket = replace(base, protein=protein)

    def move(ligand, value):
        positions = torch.zeros(2, 3, dtype=torch.float64)
        positions[1, 0] = value if what == "ligand" else 1.4
        if what == "pair":
            positions[:, 1] = -value + 5.0
        return replace(ligand, positions=positions)

    h = 1e-4
    steps = [5 - 2 * h, 5 - h, 5 - 1e-9, 5 + 1e-9, 5 + h, 5 + 2 * h]
    f = _along(model, pocket, move, steps)
    near = _along(model, pocket, move, [4.0])[0]
    reference = (near - f[-1]).abs().max()
    assert reference > 1e-8
    assert (f[3] - f[2]).abs().max() < 1e-6 * reference
    slopes = (f[1] - f[0]) / h, (f[5] - f[4]) / h
    assert (slopes[0] - slopes[1]).abs().max() < 1e-2 * reference


@pytest.mark.parametrize("variant", ["equivariant", "published"])
@pytest.mark.parametrize(
    "positions",
    [
        [[0.0, 0, 0], [1.4, 0, 0], [2.8, 0, 0]],
        [[0.0, 0, 0], [0.0, 0, 0], [1.4, 0, 0]],
        [[0.0, 0, 0], [20.0, 0, 0], [0.0, 20, 0]],
        [[6.0, 0, 0], [6.0, 0, 0], [6.0, 0, 0]],
    ],
    ids=["collinear", "coincident", "isolated", "all on one point"],
)
def test_degenerate_geometry_gives_finite_forces_and_gradients(variant, positions):
    """No NaN, forwards or backwards, for atoms on a line, a point or far away."""
    model, pocket = toy_model(variant), toy_complex(6, atoms=3)
    x = torch.tensor(positions, dtype=torch.float64)
    pocket = replace(
        pocket,
        ligand=replace(pocket.ligand, positions=x),
        protein=replace(pocket.protein, ca=pocket.protein.ca * 0 + x[0]),
    )
    batch = collate([pocket])
    net = model.binding_net
    out = net.forces(batch, batch.positions, net.encode_protein(batch))
    assert torch.isfinite(out).all()
    out.square().sum().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(g).all() for g in gradients)


def test_the_published_variant_is_not_equivariant():
    """The flaw is there, so that the checkpoints work, and known."""
    model, pocket = toy_model("published"), toy_complex(0)
    rotation, shift = random_motion(0)
    turned = forces(model, pocket.moved(rotation, shift))
    assert (turned - forces(model, pocket) @ rotation.T).abs().max() > 1e-4
