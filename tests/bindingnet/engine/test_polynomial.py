"""A polynomial in place of a mixer: its error, its two ways, its slopes."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.bindingnet.engine.evaluate import both_ways
from neuralmd_cli.bindingnet.engine.line import series
from neuralmd_cli.bindingnet.engine.polynomial import (
    DEGREES,
    TOLERANCE,
    fitted,
    radii,
)
from neuralmd_cli.bindingnet.layers import AxisMixer

TURNED = torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64)[:, None]


def a_mixer(seed: int, scale: float = 1.0) -> AxisMixer:
    torch.manual_seed(seed)
    mixer = AxisMixer(32).double()
    with torch.no_grad():
        mixer.layers[0].weight.mul_(scale)
    return mixer


def components(radius: float, seed: int = 0) -> torch.Tensor:
    """Vectors of all directions, up to this length."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(40, 3, 25, generator=generator, dtype=torch.float64)
    share = torch.rand(40, 1, 25, generator=generator, dtype=torch.float64) ** (1 / 3)
    share[0] = 1.0
    return radius * share * x / x.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_error_is_below_what_is_stated(seed, scale):
    """At every degree, out to its radius, both ways."""
    mixer = a_mixer(seed, scale)
    found = radii(mixer)
    assert list(found.values()) == sorted(found.values())
    for degree, radius in found.items():
        x = components(radius)
        there, back = both_ways(x, fitted(mixer, degree, radius))
        assert (there - mixer(x)).abs().max() <= TOLERANCE
        assert (back - mixer(x * TURNED)).abs().max() <= TOLERANCE


def test_a_radius_is_not_stated_smaller_than_need_be():
    """A quarter of a doubling farther the bound does not hold any more."""
    mixer = a_mixer(0)
    tight = radii(mixer, TOLERANCE)
    loose = radii(mixer, 1e-3)
    assert all(loose[n] > tight[n] for n in tight)
    assert set(tight) == set(DEGREES)


def test_slopes_are_right_to_second_differences():
    """Of components and coefficients, against finite differences."""
    polynomial = fitted(a_mixer(1), 5, 0.5)
    x = components(0.4)[:2, :, :3].requires_grad_()
    even = polynomial.even.detach().requires_grad_()
    odd = polynomial.odd.detach().requires_grad_()

    def evaluated(x, even, odd):
        return both_ways(x, replace(polynomial, even=even, odd=odd))

    assert torch.autograd.gradcheck(evaluated, (x, even, odd))


def test_gradients_reach_the_weights_of_the_mixer():
    """As if the mixer itself had been evaluated."""
    mixer = a_mixer(2)
    x = components(0.3)
    weights = list(mixer.parameters())
    degree, radius = next(iter(radii(mixer).items()))
    x = x * min(1.0, radius / 0.3)
    exact = torch.autograd.grad(mixer(x).square().sum(), weights)
    there, _ = both_ways(x, fitted(mixer, degree, radius))
    found = torch.autograd.grad(there.square().sum(), weights)
    for ours, theirs in zip(found, exact, strict=True):
        assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()


@pytest.mark.parametrize("seed", range(3))
def test_on_a_line_two_mixers_are_evaluated_at_once(seed):
    """Components g h with |g| at most 1: each mixer's own answer."""
    mixers = [a_mixer(seed), a_mixer(seed + 5)]
    g = torch.randn(20, 3, dtype=torch.float64)
    g = g / g.norm(dim=1, keepdim=True)
    for one in series(mixers):
        h = one.radius * (2 * torch.rand(20, 7, dtype=torch.float64) - 1)
        x = g[:, :, None] * h[:, None, :]
        for found, mixer in zip(one(g, h), mixers, strict=True):
            assert (found - mixer(x)).abs().max() <= TOLERANCE
