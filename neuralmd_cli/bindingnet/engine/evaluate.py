"""The even and the odd part of a polynomial in three components, many at once."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.engine.polynomial import Polynomial, monomials


def both_ways(
    components: Float[Tensor, "rows 3 channels"], polynomial: Polynomial
) -> tuple[Float[Tensor, "rows channels"], Float[Tensor, "rows channels"]]:
    """The polynomial of x₁, x₂, x₃, and of -x₁, -x₂, x₃."""
    if torch.is_grad_enabled():
        ways: tuple[Tensor, Tensor] = _BothWays.apply(
            components, polynomial.even, polynomial.odd
        )
        return ways
    return _both(components, polynomial.even, polynomial.odd)


def _both(components: Tensor, even: Tensor, odd: Tensor) -> tuple[Tensor, Tensor]:
    a, b, c = (x.contiguous() for x in components.unbind(1))
    e, o = _parts(*_powers(a, b, len(even) - 1), c, even, odd)
    return e + o, e - o


class _BothWays(torch.autograd.Function):
    """Even + odd part, even - odd part; monomials are made again for gradients."""

    @staticmethod
    def forward(
        context: Any, components: Tensor, even: Tensor, odd: Tensor
    ) -> tuple[Tensor, Tensor]:
        context.save_for_backward(components, even, odd)
        return _both(components, even, odd)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        components, even, odd = context.saved_tensors
        a, b, c = (x.contiguous() for x in components.unbind(1))
        degree = len(even) - 1
        of_even, of_odd = gradients[0] + gradients[1], gradients[0] - gradients[1]
        evens, odds = _powers(a, b, degree)
        slopes = []
        for slope in _slopes(even, odd, degree):
            # A derivative by x₁ or x₂ makes an odd part of the even one.
            e, o = _parts(evens, odds, c, slope[0], slope[1])
            swapped = len(slopes) < 2
            first, second = (o, e) if swapped else (e, o)
            slopes.append(of_even * first + of_odd * second)
        weighted = torch.stack([of_even, of_odd])
        rows = [weighted]
        for _ in range(degree):
            rows.append(rows[-1] * c)
        table = torch.stack(rows, dim=1).flatten(2)
        return (
            torch.stack(slopes, dim=1),
            table[0] @ evens.flatten(1).T,
            table[1] @ odds.flatten(1).T,
        )


def _powers(
    a: Float[Tensor, "rows channels"], b: Float[Tensor, "rows channels"], degree: int
) -> tuple[Float[Tensor, "even rows channels"], Float[Tensor, "odd rows channels"]]:
    """Every aⁱbʲ up to the degree: those of even i + j, and those of odd."""
    columns = monomials(degree).columns
    tables = [a.new_empty(count, *a.shape) for count in columns]
    tables[0][0] = 1.0
    starts = [0, 0]
    for total in range(1, degree + 1):
        before, now = tables[(total - 1) % 2], tables[total % 2]
        low = starts[(total - 1) % 2]
        high = starts[total % 2] + (total - 1 if total > 1 else 0)
        previous = before[low : low + total]
        torch.mul(previous, a, out=now[high : high + total])
        torch.mul(previous[-1], b, out=now[high + total])
        starts[total % 2] = high
    return tables[0], tables[1]


def _parts(
    evens: Float[Tensor, "even rows channels"],
    odds: Float[Tensor, "odd rows channels"],
    c: Float[Tensor, "rows channels"],
    even: Float[Tensor, "powers even"],
    odd: Float[Tensor, "powers odd"],
) -> tuple[Float[Tensor, "rows channels"], Float[Tensor, "rows channels"]]:
    """Σ over terms, and Horner's rule in c."""
    of_power = c.new_empty(2, len(even), c.numel())
    torch.mm(even, evens.flatten(1), out=of_power[0])
    torch.mm(odd, odds.flatten(1), out=of_power[1])
    flat = c.flatten()
    value = of_power[:, -1]
    for power in range(len(even) - 2, -1, -1):
        value = torch.addcmul(of_power[:, power], value, flat)
    e, o = value.view(2, *c.shape)
    return e, o


def _slopes(
    even: Float[Tensor, "powers even"], odd: Float[Tensor, "powers odd"], degree: int
) -> list[tuple[Tensor, Tensor]]:
    """Tables (even, odd) of the derivatives by x₁, x₂ and x₃."""
    whole = torch.cat([even.flatten(), odd.flatten()])
    split = even.numel()
    found = []
    for source, place, factor in _derivatives(degree):
        table = torch.zeros_like(whole).index_copy(
            0, place.to(whole.device), whole[source] * factor.to(whole)
        )
        found.append((table[:split].view_as(even), table[split:].view_as(odd)))
    return found


def _derivatives(degree: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """For each variable: places of terms, of their derivatives, and the factors."""
    terms = monomials(degree)
    at = {
        key: place
        for key, place in zip(
            zip(terms.i.tolist(), terms.j.tolist(), terms.power.tolist(), strict=True),
            terms.place.tolist(),
            strict=True,
        )
    }
    found = []
    for axis in range(3):
        rows = []
        for key, place in at.items():
            if key[axis]:
                lower = list(key)
                lower[axis] -= 1
                rows.append((place, at[lower[0], lower[1], lower[2]], key[axis]))
        source, target, factor = zip(*rows, strict=True)
        found.append(
            (torch.tensor(source), torch.tensor(target), torch.tensor(factor))
        )
    return found
