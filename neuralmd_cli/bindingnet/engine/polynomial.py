"""An `AxisMixer` as a polynomial in the three components, where they are small.

The mixer is Σ w silu(W·x + b) + x₁ with some 30 hidden units. For |W·x| up to a few
units silu is a polynomial to within rounding, and powers of W·x are polynomials in x:
what is left is one polynomial in three variables, a few dozen products in place of as
many exponentials. Its degree follows from the error that is allowed; the coefficients
are a linear map of values of silu at Chebyshev nodes, so gradients reach the weights.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import silu

from neuralmd_cli.bindingnet.layers import AxisMixer

DEGREES = (5, 8, 11)
"""Those that are tried, smallest first."""
TOLERANCE = 2e-7
"""Largest error of a mixer's answer; in float32 the mixer itself rounds as much."""
SMALLEST, LARGEST, RADII = 0.05, 6.4, 29
"""Å-free sizes of component vectors that are tried, a quarter of a doubling apart."""
PROBES = 65
"""Places in [-1, 1] where the error of a fit is looked at."""


@dataclass(frozen=True, kw_only=True)
class Monomials:
    """Exponents of x₁ⁱ x₂ʲ x₃ˡ up to a degree, and where each stands.

    Even and odd is meant in x₁ and x₂ together: the parts that keep and change their
    sign when the two are turned round. Rows of a coefficient table are l, columns
    (i, j) by degree.
    """

    i: Int[Tensor, " terms"]
    j: Int[Tensor, " terms"]
    power: Int[Tensor, " terms"]  # l
    count: Float[Tensor, " terms"]  # how often the term is in (x₁ + x₂ + x₃)^(i+j+l)
    place: Int[Tensor, " terms"]  # in both tables laid end to end
    columns: tuple[int, int]  # of the even and the odd table


@lru_cache
@torch.inference_mode(False)
def monomials(degree: int) -> Monomials:
    """Every term up to a degree; what is kept must also serve where gradients are."""
    starts = []
    for odd in (0, 1):
        widths = [m + 1 if m % 2 == odd else 0 for m in range(degree + 1)]
        starts.append([0, *accumulate(widths)])
    columns = (starts[0][-1], starts[1][-1])
    rows = []
    for i in range(degree + 1):
        for j in range(degree + 1 - i):
            odd = (i + j) % 2
            column = starts[odd][i + j] + j
            for power in range(degree + 1 - i - j):
                first = odd * (degree + 1) * columns[0]
                place = first + power * columns[odd] + column
                total = math.factorial(i + j + power)
                count = total / math.prod(map(math.factorial, (i, j, power)))
                rows.append((i, j, power, count, place))
    i_, j_, power_, count_, place_ = zip(*rows, strict=True)
    return Monomials(
        i=torch.tensor(i_),
        j=torch.tensor(j_),
        power=torch.tensor(power_),
        count=torch.tensor(count_, dtype=torch.float64),
        place=torch.tensor(place_),
        columns=columns,
    )


@lru_cache
@torch.inference_mode(False)
def _from_nodes(degree: int) -> tuple[Float[Tensor, " nodes"], Tensor]:
    """Chebyshev nodes, and values there to coefficients of powers."""
    place = torch.arange(degree + 1, dtype=torch.float64)
    nodes = torch.cos(math.pi * (place + 0.5) / (degree + 1))
    return nodes, torch.linalg.inv(nodes[:, None] ** place)


@dataclass(frozen=True, kw_only=True)
class Polynomial:
    """A mixer on component vectors no longer than `radius`."""

    degree: int
    radius: float
    even: Float[Tensor, "powers even"]
    odd: Float[Tensor, "powers odd"]


def radii(mixer: AxisMixer, tolerance: float = TOLERANCE) -> dict[int, float]:
    """How long vectors may be for each degree; a degree that never does is left out.

    The error counted is the sum of those of all hidden units, each at its worst.
    """
    sizes = torch.logspace(
        math.log10(SMALLEST), math.log10(LARGEST), RADII, dtype=torch.float64
    )
    places = torch.linspace(-1, 1, PROBES, dtype=torch.float64)
    with torch.no_grad():
        weight, bias, out = (x.detach().double().cpu() for x in _weights(mixer))
        spans = sizes * weight.norm(dim=1).max()
        found = {}
        exact = silu(bias[:, None] + spans[:, None, None] * places)
        for degree in DEGREES:
            nodes, inverse = _from_nodes(degree)
            values = silu(bias[:, None] + spans[:, None, None] * nodes)
            powers = places ** torch.arange(degree + 1)[:, None]
            error = (values @ inverse.T @ powers - exact).abs()
            worst = (out.abs() @ error).amax(dim=1)
            fit = int((worst <= tolerance).long().cumprod(0).sum())
            if fit:
                found[degree] = float(sizes[fit - 1])
    return found


def fitted(mixer: AxisMixer, degree: int, radius: float) -> Polynomial:
    """The polynomial of a mixer; in the precision and on the device of its weights."""
    terms = monomials(degree)
    values = powers_of_hidden(mixer, degree, radius)
    weight = _weights(mixer)[0].double().cpu()
    powers = torch.stack([weight**m for m in range(degree + 1)])
    each = powers[terms.i, :, 0] * powers[terms.j, :, 1] * powers[terms.power, :, 2]
    each = each * values.T[terms.i + terms.j + terms.power]
    coefficients = each.sum(dim=1) * terms.count
    # The first component itself, and the bias of the output.
    linear = ((terms.i == 1) & (terms.j + terms.power == 0)).double()
    constant = (terms.i + terms.j + terms.power == 0).double()
    bias_out = mixer.out.bias.double().cpu()
    coefficients = coefficients + linear + constant * bias_out
    tables = coefficients.new_zeros((degree + 1) * sum(terms.columns))
    tables = tables.index_copy(0, terms.place, coefficients)
    like = mixer.out.weight
    tables = tables.to(like.device, like.dtype)
    even, odd = terms.columns
    split = (degree + 1) * even
    return Polynomial(
        degree=degree,
        radius=radius,
        even=tables[:split].view(degree + 1, even),
        odd=tables[split:].view(degree + 1, odd),
    )


def powers_of_hidden(
    mixer: AxisMixer, degree: int, radius: float
) -> Float[Tensor, "hidden powers"]:
    """What (W·x)^m of each hidden unit adds to the mixer; float64, on the CPU."""
    nodes, inverse = _from_nodes(degree)
    weight, bias, out = (x.double().cpu() for x in _weights(mixer))
    span = float(weight.detach().norm(dim=1).max()) * radius
    values = silu(bias[:, None] + span * nodes) @ inverse.T
    scale = span ** torch.arange(degree + 1, dtype=torch.float64)
    found: Tensor = values * out[:, None] / scale
    return found


def _weights(mixer: AxisMixer) -> tuple[Tensor, Tensor, Tensor]:
    weight, bias = mixer.layers.parameters()
    return weight, bias, mixer.out.weight[0]
