"""A polynomial of rotated vectors, by its values at fixed points.

For a pair of atoms with frame F the polynomial f(F·s) is one of s, of the same degree.
Its coefficients follow from its values at as many points as there are terms; they
belong to the pair, and powers of s to the atom. Both are far fewer than channels of
pairs: 56 points a pair in place of 256 vectors, at degree 5.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import FunctionCtx

from neuralmd_cli.graph import take

PROBES = 4096
"""Points of a ball that the nodes are chosen from."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """x₁ⁱ x₂ʲ x₃ˡ by degree; in a degree by i, then by j, both falling."""

    exponents: Int[Tensor, "terms 3"]
    starts: tuple[int, ...]  # of each degree, and the end
    # Of each variable: terms that have it, what is left of them without it once.
    with_it: tuple[Int[Tensor, " some"], ...]
    without: tuple[Int[Tensor, " some"], ...]
    times: tuple[Float[Tensor, "some 1"], ...]


@lru_cache
@torch.inference_mode(False)
def terms(degree: int) -> Terms:
    """Every term up to a degree."""
    rows = [
        (i, j, n - i - j)
        for n in range(degree + 1)
        for i in range(n, -1, -1)
        for j in range(n - i, -1, -1)
    ]
    place = {row: k for k, row in enumerate(rows)}
    with_it, without, times = [], [], []
    for axis in range(3):
        some = [k for k, row in enumerate(rows) if row[axis]]
        one = [int(n == axis) for n in range(3)]
        lower = [
            (i - one[0], j - one[1], n - one[2]) for i, j, n in (rows[k] for k in some)
        ]
        with_it.append(torch.tensor(some))
        without.append(torch.tensor([place[x] for x in lower]))
        times.append(torch.tensor([[float(rows[k][axis])] for k in some]))
    starts = [n * (n + 1) * (n + 2) // 6 for n in range(degree + 2)]
    return Terms(
        exponents=torch.tensor(rows),
        starts=tuple(starts),
        with_it=tuple(with_it),
        without=tuple(without),
        times=tuple(times),
    )


@lru_cache
@torch.inference_mode(False)
def unit_nodes(
    degree: int,
) -> tuple[Float[Tensor, "nodes 3"], Float[Tensor, "nodes terms"]]:
    """Points of the unit ball; values there to coefficients. Both in float64.

    Of many points each next one is that whose powers are farthest from what those
    before span (approximate Fekete points), which keeps rounding small.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(PROBES, 3, generator=generator, dtype=torch.float64)
    radius = torch.rand(PROBES, 1, generator=generator, dtype=torch.float64)
    x = x / x.norm(dim=1, keepdim=True) * torch.sin(radius * (math.pi / 2))
    powers = _powers_of(x, degree)
    # Orthonormal columns: no term counts for more than another.
    left = torch.linalg.qr(powers)[0]
    chosen = []
    for _ in range(powers.shape[1]):
        best = int(left.square().sum(dim=1).argmax())
        chosen.append(best)
        row = left[best] / left[best].norm()
        left = left - (left @ row)[:, None] * row
    nodes = x[chosen]
    return nodes, torch.linalg.inv(_powers_of(nodes, degree)).T.contiguous()


def _powers_of(x: Float[Tensor, "points 3"], degree: int) -> Tensor:
    exponents = terms(degree).exponents
    return (x[:, None, :] ** exponents).prod(dim=2)


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """Where a polynomial is evaluated, and the way from there to coefficients."""

    degree: int
    points: Float[Tensor, "3 nodes"]
    to_coefficients: Float[Tensor, "nodes terms"]


def nodes(degree: int, radius: float, like: Tensor) -> Nodes:
    """Nodes in a ball.

    Args:
        degree: of the polynomial.
        radius: of the ball.
        like: has the precision and device that they should have.
    """
    points, inverse = unit_nodes(degree)
    shrunk = radius ** -terms(degree).exponents.sum(dim=1).double()
    return Nodes(
        degree=degree,
        points=(points.T * radius).contiguous().to(like),
        to_coefficients=(inverse * shrunk).contiguous().to(like),
    )


@dataclass(frozen=True, kw_only=True)
class Ends:
    """The pairs of each atom in slots of equal number.

    A pair has two ends, and stands in a slot of either atom. Rows of products are
    (atom, slot, way), with the pair as it is and reversed.
    """

    atoms: int
    pair: Int[Tensor, " atoms_slots"]  # in each slot; 0 where there is none
    rows: Int[Tensor, " directed_ends"]  # source and target of pairs, then of reverses


def ends(
    first: Int[Tensor, " pairs"], second: Int[Tensor, " pairs"], atoms: int
) -> Ends:
    """Arrange pairs of atoms by atom; `first` is the source of a pair."""
    pairs = len(first)
    both = torch.cat([first, second])
    ordered, order = torch.sort(both, stable=True)
    counts = torch.bincount(both, minlength=atoms)
    slots = int(counts.max()) if pairs else 0
    starts = (counts.cumsum(0) - counts).index_select(0, ordered)
    place = torch.arange(2 * pairs, device=both.device) - starts + ordered * slots
    pair = both.new_zeros(atoms * slots).index_copy_(0, place, order % max(1, pairs))
    twice = torch.empty_like(place).index_copy_(0, order, place).view(2, pairs) * 2
    there, back = twice.T, twice.flip(0).T + 1
    return Ends(atoms=atoms, pair=pair, rows=torch.cat([there, back]).flatten())


def contracted(
    values: Float[Tensor, "pairs 2 nodes"],
    vectors: Float[Tensor, "atoms 3 channels"],
    nodes: Nodes,
    ends: Ends,
) -> Float[Tensor, "directed ends_channels"]:
    """The polynomials at the vectors of their two atoms.

    Args:
        values: of each pair's polynomial and of its reverse's at the nodes.
        vectors: of every atom.
        nodes: of the polynomial.
        ends: of the pairs.

    Returns:
        For every pair, then for every reverse, what is at its source, what is at its
        target.
    """
    pairs, _, count = values.shape
    channels = vectors.shape[2]
    coefficients = (values.view(-1, count) @ nodes.to_coefficients).view(pairs, -1)
    rows = take(coefficients, ends.pair).view(ends.atoms, -1, count)
    if torch.is_grad_enabled():
        powers = _Powers.apply(vectors, nodes.degree)  # type: ignore[no-untyped-call]  # torch's apply has no types
    else:
        powers = _powers(vectors, nodes.degree)
    found = torch.bmm(rows, powers).view(-1, channels)
    return take(found, ends.rows).view(2 * pairs, 2 * channels)


def _powers(
    vectors: Float[Tensor, "atoms 3 channels"], degree: int
) -> Float[Tensor, "atoms terms channels"]:
    """Every term; those of a degree are made of those of the degree before."""
    atoms, _, channels = vectors.shape
    starts = terms(degree).starts
    found = vectors.new_empty(atoms, starts[-1], channels)
    found[:, 0] = 1.0
    if degree:
        found[:, 1:4] = vectors
    a, b, c = torch.split(vectors, 1, dim=1)
    for n in range(2, degree + 1):
        before, here, end = starts[n - 1 : n + 2]
        torch.mul(found[:, before:here], a, out=found[:, here : 2 * here - before])
        # Terms without x₁ stand last, and behind them that with x₃ alone.
        torch.mul(found[:, here - n : here], b, out=found[:, end - n - 1 : end - 1])
        torch.mul(found[:, here - 1 : here], c, out=found[:, end - 1 : end])
    return found


# PyTorch's types know neither `apply` nor what a context holds: hence the ignores.
class _Powers(torch.autograd.Function):
    """The same; slopes are taken from the terms themselves."""

    @staticmethod
    def forward(context: FunctionCtx, vectors: Tensor, degree: int) -> Tensor:
        found = _powers(vectors, degree)
        context.save_for_backward(found)
        context.degree = degree  # type: ignore[attr-defined]  # torch's stub lacks it
        return found

    @staticmethod
    def backward(context: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        (found,) = context.saved_tensors  # type: ignore[attr-defined]  # torch's stub lacks it
        index = terms(context.degree)  # type: ignore[attr-defined]  # torch's stub lacks it
        slopes = []
        for axis in range(3):
            above = gradients[0].index_select(1, index.with_it[axis])
            lower = found.index_select(1, index.without[axis])
            lower = lower.mul_(index.times[axis].to(lower))
            slopes.append(above.mul_(lower).sum(dim=1))
        return torch.stack(slopes, dim=1), None
