"""What passes along the pairs of ligand atoms, summed at its target.

A round of `EquivariantMessage` after its linear layers. Slopes are written out: made
step by step they would pass three times as many numbers through memory.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import FunctionCtx


def summed_messages(
    message: Float[Tensor, "directed outputs"],
    factor: Float[Tensor, "pairs outputs"],
    node: Float[Tensor, "atoms outputs"],
    vectors: Float[Tensor, "atoms 3 channels"] | None,
    direction: Float[Tensor, "directed 3 1"],
    source: Int[Tensor, " directed"],
    target: Int[Tensor, " directed"],
) -> Float[Tensor, "atoms 4 channels"]:
    """Scalars and vectors that reach each atom.

    Args:
        message: of every pair, then of every reverse; without gradients it is lost.
        factor: for both directions of a pair.
        node: of each source. Blocks of outputs: to scalars, to vectors, along the
            direction; the second is missing in the first round.
        vectors: of the atoms; None in the first round.
        direction: unit vectors from target to source.
        source, target: atoms.
    """
    arguments = (message, factor, node, vectors, direction, source, target)
    if torch.is_grad_enabled():
        summed: Tensor = _Summed.apply(*arguments)  # type: ignore[no-untyped-call]  # torch's apply has no types
        return summed
    product = message.view(2, *factor.shape).mul_(factor).view_as(message)
    product.mul_(node.index_select(0, source))
    return _passed_on(product, vectors, direction, source, target, len(node))


def _passed_on(
    product: Float[Tensor, "directed outputs"],
    vectors: Tensor | None,
    direction: Tensor,
    source: Tensor,
    target: Tensor,
    atoms: int,
) -> Float[Tensor, "atoms 4 channels"]:
    parts = _columns(product, 2 if vectors is None else 3)
    size = parts[0].shape[2]
    whole = product.new_empty(len(product), 4, size)
    scalar, vector = torch.split(whole, [1, 3], dim=1)
    scalar.copy_(parts[0])
    torch.mul(parts[-1], direction, out=vector)
    if vectors is not None:
        vector.addcmul_(parts[1], vectors.index_select(0, source))
    return whole.new_zeros(atoms, 4, size).index_add_(0, target, whole)


def _columns(
    product: Float[Tensor, "directed outputs"], count: int
) -> Sequence[Float[Tensor, "directed 1 channels"]]:
    rows, size = product.shape
    return torch.split(product.view(rows, count, size // count), 1, 1)


# PyTorch's types know neither `apply` nor what a context holds: hence the ignores.
class _Summed(torch.autograd.Function):
    """`summed_messages`, with slopes for all but the indices.

    Products are made again for the slopes: to keep them costs more than to make them.
    """

    @staticmethod
    def forward(
        context: FunctionCtx,
        message: Tensor,
        factor: Tensor,
        node: Tensor,
        vectors: Tensor | None,
        direction: Tensor,
        source: Tensor,
        target: Tensor,
    ) -> Tensor:
        kept = (message, factor, node, vectors, direction, source, target)
        context.save_for_backward(*kept)  # type: ignore[arg-type]  # None may be kept too
        product = _faded(message, factor).mul_(node.index_select(0, source))
        return _passed_on(product, vectors, direction, source, target, len(node))

    @staticmethod
    def backward(context: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        message, factor, node, vectors, direction, source, target = (
            context.saved_tensors  # type: ignore[attr-defined]  # torch's stub lacks it
        )
        at_target = gradients[0].index_select(0, target)
        scalar, vector = torch.split(at_target, [1, 3], dim=1)
        faded, sent = _faded(message, factor), node.index_select(0, source)
        product = faded * sent
        parts = _columns(product, 2 if vectors is None else 3)
        slope = torch.empty_like(message)
        slopes = _columns(slope, len(parts))
        slopes[0].copy_(scalar)
        _along(vector, direction, slopes[-1])
        of_direction = of_vectors = None
        if context.needs_input_grad[4]:  # type: ignore[attr-defined]  # torch's stub lacks it
            of_direction = torch.bmm(vector, parts[-1].transpose(1, 2))
        if vectors is not None:
            before = vectors.index_select(0, source)
            _along(vector, before, slopes[1])
            torch.mul(vector, parts[1], out=before)
            of_vectors = torch.zeros_like(vectors).index_add_(0, source, before)
        of_node = torch.zeros_like(node).index_add_(0, source, faded.mul_(slope))
        slope.mul_(sent)
        both = torch.mul(slope, message, out=product).view(2, *factor.shape)
        of_factor = both[0] + both[1]
        slope.view(2, *factor.shape).mul_(factor)
        return slope, of_factor, of_node, of_vectors, of_direction, None, None


def _faded(
    message: Float[Tensor, "directed outputs"], factor: Float[Tensor, "pairs outputs"]
) -> Float[Tensor, "directed outputs"]:
    return (message.view(2, *factor.shape) * factor).view_as(message)


def _along(
    a: Float[Tensor, "directed 3 channels"],
    b: Float[Tensor, "directed 3 some"],
    out: Float[Tensor, "directed 1 channels"],
) -> None:
    """Σ a b over the axes; as a batch of products it takes six times as long."""
    axes = torch.split(a, 1, 1), torch.split(b, 1, 1)
    torch.mul(axes[0][0], axes[1][0], out=out)
    for k in (1, 2):
        out.addcmul_(axes[0][k], axes[1][k])
