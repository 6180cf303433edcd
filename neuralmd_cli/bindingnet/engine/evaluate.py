"""The even and the odd part of a polynomial in three components, many at once."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import FunctionCtx

from neuralmd_cli.bindingnet.engine.polynomial import Polynomial, monomials


def both_ways(
    components: Float[Tensor, "rows 3 channels"], polynomial: Polynomial
) -> tuple[Float[Tensor, "rows channels"], Float[Tensor, "rows channels"]]:
    """The polynomial of x₁, x₂, x₃, and of -x₁, -x₂, x₃."""
    if torch.is_grad_enabled():
        tables = (polynomial.even, polynomial.odd)
        ways: tuple[Tensor, Tensor] = _BothWays.apply(  # type: ignore[no-untyped-call]  # torch's apply has no types
            components, *tables
        )
        return ways
    return _both(components, polynomial.even, polynomial.odd)


def _both(components: Tensor, even: Tensor, odd: Tensor) -> tuple[Tensor, Tensor]:
    a, b, c = components.transpose(0, 1).contiguous()
    e, o = _parts(*_powers(a, b, len(even) - 1), c, even, odd)
    return e + o, e - o


# PyTorch's types know neither `apply` nor what a context holds: hence the ignores.
class _BothWays(torch.autograd.Function):
    """Even + odd part, even - odd part; monomials are made again for gradients."""

    @staticmethod
    def forward(
        context: FunctionCtx, components: Tensor, even: Tensor, odd: Tensor
    ) -> tuple[Tensor, Tensor]:
        context.save_for_backward(components, even, odd)
        return _both(components, even, odd)

    @staticmethod
    def backward(
        context: FunctionCtx, *gradients: Tensor
    ) -> tuple[Tensor | None, Tensor, Tensor]:
        components, even, odd = context.saved_tensors  # type: ignore[attr-defined]  # torch's stub lacks it
        a, b, c = components.transpose(0, 1).contiguous()
        degree = len(even) - 1
        of_even, of_odd = gradients[0] + gradients[1], gradients[0] - gradients[1]
        evens, odds = _powers(a, b, degree)
        of_components = None
        if context.needs_input_grad[0]:  # type: ignore[attr-defined]  # torch's stub lacks it
            slopes: list[Tensor] = []
            for slope in _slopes(even, odd, degree):
                # A derivative by x₁ or x₂ makes an odd part of the even one.
                e, o = _parts(evens, odds, c, slope[0], slope[1])
                swapped = len(slopes) < 2
                first, second = (o, e) if swapped else (e, o)
                slopes.append(of_even * first + of_odd * second)
            of_components = torch.stack(slopes, dim=1)
        weighted = torch.stack([of_even, of_odd])
        rows = [weighted]
        for _ in range(degree):
            rows.append(rows[-1] * c)
        table = torch.stack(rows, dim=1).flatten(2)
        return (
            of_components,
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
    # Views of every degree's block, whole and without its last row, in few calls.
    whole: dict[int, Tensor] = {}
    most: dict[int, Tensor] = {}
    last: dict[int, Tensor] = {}
    for odd, table in enumerate(tables):
        totals = range(odd, degree + 1, 2)
        sizes = [total + 1 for total in totals]
        whole.update(zip(totals, torch.split(table, sizes), strict=True))
        pieces = torch.split(table, [x for size in sizes for x in (size - 1, 1)])
        most.update(zip(totals, pieces[::2], strict=True))
        last.update(zip(totals, pieces[1::2], strict=True))
    for total in range(1, degree + 1):
        torch.mul(whole[total - 1], a, out=most[total])
        torch.mul(last[total - 1], b, out=last[total])
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
    *rest, value = of_power.unbind(1)
    for row in reversed(rest):
        value = torch.addcmul(row, value, flat)
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
        found.append((torch.tensor(source), torch.tensor(target), torch.tensor(factor)))
    return found
