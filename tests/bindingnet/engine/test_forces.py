"""The engine gives what the plain path gives, in value and in slope."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.bindingnet.engine.forces import CHUNK_ATOMS, EngineForces
from neuralmd_cli.complex import Batch, collate
from neuralmd_cli.models.binding_force import binding_force, plain_forces
from tests.toy import toy_complex, toy_model

DOUBLE = {"rtol": 1e-12, "atol": 1e-12}


def error(found: torch.Tensor, exact: torch.Tensor) -> float:
    """Largest error over the largest value."""
    return float((found.double() - exact).abs().max() / exact.abs().max())


def in_single(batch: Batch) -> Batch:
    """The batch in float32."""
    values = {
        key: value.float()
        for key, value in vars(batch).items()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    return replace(batch, **values)


def large_batch() -> Batch:
    """Complexes of several sizes, more than one chunk, two with one protein."""
    complexes = [toy_complex(k, atoms=9 + 5 * k) for k in range(6)]
    again = replace(complexes[0], ligand=toy_complex(9).ligand)
    batch = collate([*complexes, again])
    assert len(batch.positions) > CHUNK_ATOMS
    assert batch.same_protein
    return batch


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_forces_are_those_of_the_plain_path(seed, exact):
    """One complex, float64: to 1e-12, or to what the polynomials state."""
    net = toy_model(seed=seed).binding_net
    batch = collate([toy_complex(seed, atoms=14)])
    with torch.no_grad():
        expected = plain_forces(net, batch)(batch.positions)
        found = EngineForces(net, batch, exact=exact)(batch.positions)
    assert expected.abs().max() > 1e-3
    assert error(found, expected) < (1e-12 if exact else 3e-6)


@pytest.mark.parametrize("exact", [True, False])
def test_single_precision_is_no_worse_than_the_plain_path(exact):
    """Against float64, relative: both below 1e-5, as for the plain path."""
    model = toy_model()
    batch = large_batch()
    with torch.no_grad():
        expected = plain_forces(model.binding_net, batch)(batch.positions)
        net, single = model.float().binding_net, in_single(batch)
        found = EngineForces(net, single, exact=exact)(single.positions)
        plain = plain_forces(net, single)(single.positions)
    assert error(plain, expected) < 1e-5
    assert error(found, expected) < 1e-5


def test_a_batch_gets_what_each_of_its_complexes_gets_alone():
    """Several chunks, shared proteins, ligands of different sizes."""
    net = toy_model().binding_net
    batch = large_batch()
    with torch.no_grad():
        together = EngineForces(net, batch)(batch.positions)
        torch.testing.assert_close(
            together, plain_forces(net, batch)(batch.positions), **DOUBLE
        )


@pytest.mark.parametrize("exact", [True, False])
def test_gradients_are_those_of_the_plain_path(exact):
    """Of every parameter and of the positions; of polynomials, to what they state."""
    net = toy_model().binding_net
    batch = collate([toy_complex(1, atoms=14), toy_complex(2)])
    names, parameters = zip(*net.named_parameters(), strict=True)

    def slopes(forces) -> list[torch.Tensor]:
        x = batch.positions.clone().requires_grad_()
        weight = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).view_as(x)
        total = (forces(x) * weight).sum()
        return list(torch.autograd.grad(total, [x, *parameters]))

    expected = slopes(plain_forces(net, batch))
    found = slopes(EngineForces(net, batch, exact=exact))
    limit = 1e-12 if exact else 1e-5
    for name, ours, theirs in zip(["x", *names], found, expected, strict=True):
        # What a normalisation takes away again has no slope but for rounding.
        scale = theirs.abs().max().clamp(min=1e-4)
        assert (ours - theirs).abs().max() / scale < limit, name


@pytest.mark.parametrize("exact", [True, False])
def test_atoms_that_are_told_something_feel_what_the_plain_path_says(exact):
    """In value and in slope by what they are told, and differently from others."""
    net = toy_model().binding_net
    batch = collate([toy_complex(1, atoms=14), toy_complex(2)])
    told = torch.linspace(-1, 1, len(batch.positions) * 16, dtype=torch.float64)
    told = told.view(-1, 16).requires_grad_()
    engine, plain = EngineForces(net, batch, exact=exact), plain_forces(net, batch)
    found, expected = engine(batch.positions, told), plain(batch.positions, told)
    limit = 1e-12 if exact else 1e-5
    assert error(found.detach(), expected.detach()) < limit
    slopes = [torch.autograd.grad(x.square().sum(), told)[0] for x in (found, expected)]
    assert error(*slopes) < limit
    assert error(engine(batch.positions).detach(), expected.detach()) > 1e-3


def test_candidates_beyond_the_cutoff_add_nothing():
    """With every candidate taken, as on a GPU where shapes must stay the same."""
    net = toy_model().binding_net
    batch = collate([toy_complex(3, atoms=16), toy_complex(4)])
    forces = EngineForces(net, batch)
    with torch.no_grad():
        expected = forces(batch.positions)
        forces.every = True
        torch.testing.assert_close(forces(batch.positions), expected, **DOUBLE)


@pytest.mark.parametrize("shift", [0.5, 1.9, 6.0, 60.0])
def test_a_ligand_that_drifts_feels_the_whole_protein(shift):
    """The pocket is looked for again when an atom has gone far enough."""
    net = toy_model().binding_net
    batch = collate([toy_complex(5, residues=60)])
    moved = batch.positions + shift * torch.tensor([1.0, 0.0, 0.0])
    with torch.no_grad():
        forces = EngineForces(net, batch)
        forces(batch.positions)
        torch.testing.assert_close(
            forces(moved), plain_forces(net, batch)(moved), **DOUBLE
        )


def test_components_too_long_for_a_polynomial_are_mixed_exactly():
    """Atoms pushed together make long vectors: the groups are made again."""
    net = toy_model().binding_net
    with torch.no_grad():
        net.ligand.radial.second.weight.mul_(30)
    batch = collate([toy_complex(6, atoms=16)])
    forces = EngineForces(net, batch, exact=False)
    with torch.no_grad():
        for factor in (1.0, 0.4, 1.0):
            x = batch.positions * factor
            assert error(forces(x), plain_forces(net, batch)(x)) < 3e-6


@pytest.mark.parametrize("atoms", [1, 2])
def test_ligands_of_an_atom_or_two_have_forces(atoms):
    """There may be no pair at all."""
    net = toy_model().binding_net
    batch = collate([toy_complex(7, atoms=atoms)])
    with torch.no_grad():
        torch.testing.assert_close(
            EngineForces(net, batch)(batch.positions),
            plain_forces(net, batch)(batch.positions),
            **DOUBLE,
        )


def test_rollouts_drift_apart_by_rounding_alone():
    """Twenty Euler steps: in float32 as near to float64 as the plain path is."""
    options = {"friction_per_ps": 0.025, "tether_per_ps2": 0.025**2 / 4}
    double = collate([toy_complex(k, atoms=12) for k in range(3)])
    single = in_single(double)

    def end(batch, make) -> torch.Tensor:
        model = toy_model(**options).to(batch.positions.dtype)
        times = [80.0 * k for k in range(1, 11)]
        with pytest.MonkeyPatch.context() as patch, torch.no_grad():
            patch.setattr("neuralmd_cli.models.tethered_force.binding_force", make)
            states = model.solve(batch, torch.zeros_like(batch.positions), times)
            *_, (_, positions) = states
        return positions.double()

    exact = end(double, plain_binding_force)
    assert (exact - double.positions).abs().max() > 0.05
    torch.testing.assert_close(end(double, binding_force), exact, rtol=0, atol=1e-8)
    plain = (end(single, plain_binding_force) - exact).abs().max()
    ours = (end(single, binding_force) - exact).abs().max()
    assert ours < 10 * plain + 1e-6


def plain_binding_force(binding_net, batch, *, unit=1.0):
    return replace(
        binding_force(binding_net, batch, unit=unit),
        forces=plain_forces(binding_net, batch),
    )


def test_the_published_variant_takes_the_plain_path():
    """Its frames and caps are others; results are those of the plain path exactly."""
    net = toy_model("published").binding_net
    batch = collate([toy_complex()])
    with torch.no_grad():
        found = binding_force(net, batch).forces(batch.positions)
        assert torch.equal(found, plain_forces(net, batch)(batch.positions))
