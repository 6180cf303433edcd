"""Polynomials by their values at nodes: the same numbers and slopes."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.engine.evaluate import both_ways
from neuralmd_cli.bindingnet.engine.forces import EngineForces
from neuralmd_cli.bindingnet.engine.mixing import grouped_mixing, polynomials
from neuralmd_cli.bindingnet.engine.nodes import contracted, ends, nodes, unit_nodes
from neuralmd_cli.bindingnet.engine.polynomial import fitted, monomials
from neuralmd_cli.bindingnet.layers import AxisMixer
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.complex import collate
from neuralmd_cli.models.binding_force import plain_forces
from tests.toy import toy_complex

ATOMS, CHANNELS = 5, 7
FIRST, SECOND = torch.tensor([0, 0, 1, 3]), torch.tensor([1, 3, 3, 4])


def frames() -> torch.Tensor:
    """Of four pairs; an axis of one has shrunk."""
    torch.manual_seed(1)
    found = torch.linalg.qr(torch.randn(4, 3, 3, dtype=torch.float64))[0]
    found[2, 1:] *= 0.3
    return found


def by_nodes(polynomial, vectors: torch.Tensor, axes: torch.Tensor) -> torch.Tensor:
    points = nodes(polynomial.degree, polynomial.radius, vectors)
    values = torch.stack(both_ways(axes @ points.points, polynomial), dim=1)
    return contracted(values, vectors, points, ends(FIRST, SECOND, ATOMS))


def by_pairs(polynomial, vectors: torch.Tensor, axes: torch.Tensor) -> torch.Tensor:
    ways = [both_ways(axes @ vectors[end], polynomial) for end in (FIRST, SECOND)]
    there = torch.cat([ways[0][0], ways[1][0]], dim=1)
    return torch.cat([there, torch.cat([ways[1][1], ways[0][1]], dim=1)])


@pytest.mark.parametrize("degree", [5, 8])
def test_values_and_slopes_are_those_of_the_polynomial(degree):
    """Of vectors, frames and the mixer's weights; atom 2 is in no pair."""
    torch.manual_seed(0)
    mixer = AxisMixer(8).double()
    vectors = 0.2 * torch.randn(ATOMS, 3, CHANNELS, dtype=torch.float64)
    vectors.requires_grad_()
    axes = frames().requires_grad_()
    weight = torch.randn(8, 2 * CHANNELS, dtype=torch.float64)
    found = []
    for way in (by_pairs, by_nodes):
        answer = way(fitted(mixer, degree, 0.8), vectors, axes)
        slopes = torch.autograd.grad(
            (answer * weight).sum(), [vectors, axes, *mixer.parameters()]
        )
        found.append([answer, *slopes])
        with torch.no_grad():
            again = way(fitted(mixer, degree, 0.8), vectors, axes)
        torch.testing.assert_close(again, answer, rtol=0, atol=1e-14)
    for expected, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-11, atol=1e-11)


def test_rounding_is_not_blown_up_between_nodes():
    """Sum of the sizes of all that a point takes from nodes, anywhere in the ball."""
    points, to_coefficients = unit_nodes(5)
    assert len(points) == 56
    x = torch.nn.functional.normalize(
        torch.randn(
            500,
            3,
            dtype=torch.float64,
            generator=torch.Generator().manual_seed(0),
        )
    )
    for size in (0.2, 0.6, 1.0):
        like = nodes(5, 1.0, x)
        values = torch.eye(56, dtype=torch.float64)[:, None].repeat(1, 2, 1)
        nobody = torch.arange(56), torch.full((56,), 56)
        shares = contracted(
            values,
            (size * x.T)[None].expand(57, 3, -1).contiguous(),
            like,
            ends(*nobody, 57),
        )[:56, :500]
        assert shares.abs().sum(dim=0).max() < 25
        torch.testing.assert_close(
            shares.sum(dim=0), torch.ones(500, dtype=torch.float64)
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_network_of_many_channels_gives_the_forces_of_the_plain_path(dtype):
    """As wide as a real one, where nodes are used; in value and slope."""
    torch.manual_seed(0)
    net = BindingNet(BindingNetConfig(channels=64, ligand_layers=2)).double().eval()
    batch = collate([toy_complex(1, atoms=14), toy_complex(2)])
    expected = slopes(net, plain_forces(net, batch), batch.positions)
    values = {
        key: value.to(dtype)
        for key, value in vars(batch).items()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    batch = replace(batch, **values)
    forces = EngineForces(net.to(dtype), batch, exact=False)
    found = slopes(net, forces, batch.positions)
    assert any(x.nodes for x in forces._mixing[0].groups)
    for ours, theirs in zip(found, expected, strict=True):
        scale = theirs.abs().max().clamp(min=1e-4)
        limit = 1e-5 if dtype == torch.float64 else 1e-4
        assert (ours.double() - theirs).abs().max() / scale < limit
    assert (found[0] - expected[0]).abs().max() / expected[0].abs().max() < 1e-5


def slopes(net, forces, positions: torch.Tensor) -> list[torch.Tensor]:
    """The forces, and the slopes of a sum of them."""
    x = positions.clone().requires_grad_()
    found = forces(x)
    weight = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).view_as(x)
    parameters = [x, *net.parameters()]
    return [found.detach(), *torch.autograd.grad((found * weight).sum(), parameters)]


def test_nodes_are_left_where_there_are_more_terms_than_channels():
    """Few channels are mixed pair by pair."""
    for channels, used in ((32, False), (64, True)):
        config = BindingNetConfig(channels=channels, ligand_layers=1)
        encoder = BindingNet(config).ligand
        found = grouped_mixing(
            encoder, polynomials(encoder.axis_mixer), torch.full((channels,), 0.01)
        )
        assert [x.nodes is not None for x in found.groups] == [used]


def test_small_groups_join_the_next():
    """A few long vectors among many: one group of short ones, one of the others."""
    encoder = BindingNet(BindingNetConfig(channels=64, ligand_layers=1)).ligand
    choice = polynomials(encoder.axis_mixer)
    lengths = torch.full((64,), 0.01)
    lengths[:3] = 0.9 * choice[1].radius / 1.5
    lengths[3:9] = 2 * choice[-1].radius
    found = grouped_mixing(encoder, choice, lengths)
    assert [x.channels for x in found.groups] == [55, 9]
    assert found.groups[1].polynomial is None
    assert sorted(found.order.tolist()) == list(range(64))


def test_what_a_rollout_has_kept_serves_a_training():
    """Tables made where gradients are switched off for good are no such tensors."""
    for table in (monomials, unit_nodes):
        table.cache_clear()
    mixer = AxisMixer(8)
    with torch.inference_mode():
        vectors = torch.full((ATOMS, 3, CHANNELS), 0.1)
        by_nodes(fitted(mixer, 5, 0.8), vectors, frames().float())
    vectors = vectors.clone().requires_grad_()
    by_nodes(fitted(mixer, 5, 0.8), vectors, frames().float()).sum().backward()
    assert vectors.grad.isfinite().all()
