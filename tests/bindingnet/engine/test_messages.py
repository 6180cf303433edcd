"""Messages along pairs: the sums of `EquivariantMessage`, and their slopes."""

import pytest
import torch

from neuralmd_cli.bindingnet.engine.messages import summed_messages

SOURCE = torch.tensor([0, 0, 1, 1, 3, 3])
TARGET = torch.tensor([1, 3, 3, 0, 0, 1])
ATOMS, CHANNELS = 4, 5


def inputs(first: bool) -> list[torch.Tensor | None]:
    """Three pairs and their reverses among four atoms; atom 2 is alone."""
    generator = torch.Generator().manual_seed(0)

    def some(*shape: int) -> torch.Tensor:
        x = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return x.requires_grad_()

    outputs = (2 if first else 3) * CHANNELS
    return [
        some(6, outputs),
        some(3, outputs),
        some(ATOMS, outputs),
        None if first else some(ATOMS, 3, CHANNELS),
        some(6, 3, 1),
    ]


def step_by_step(message, factor, node, vectors, direction) -> torch.Tensor:
    """The same as it is written in `bindingnet.layers`."""
    product = message * torch.cat([factor, factor]) * node[SOURCE]
    parts = product.view(6, -1, 1, CHANNELS).unbind(1)
    moved = parts[-1] * direction
    if vectors is not None:
        moved = moved + parts[1] * vectors[SOURCE]
    sent = torch.cat([parts[0], moved], dim=1)
    return torch.zeros(ATOMS, 4, CHANNELS, dtype=sent.dtype).index_add(0, TARGET, sent)


@pytest.mark.parametrize("first", [True, False])
def test_sums_are_those_of_the_steps_written_out(first):
    """With and without gradients asked for; an atom alone gets nothing."""
    given = inputs(first)
    expected = step_by_step(*given)
    torch.testing.assert_close(summed_messages(*given, SOURCE, TARGET), expected)
    with torch.no_grad():
        given[0] = given[0].clone()
        found = summed_messages(*given, SOURCE, TARGET)
    torch.testing.assert_close(found, expected.detach())
    assert not found[2].any()


@pytest.mark.parametrize("first", [True, False])
def test_slopes_are_those_of_differences(first):
    """Of every input, by finite differences."""
    given = inputs(first)
    assert torch.autograd.gradcheck(
        lambda *x: summed_messages(*x, SOURCE, TARGET), given
    )


def test_slopes_can_be_asked_for_twice():
    """What is kept for them is not used up."""
    given = inputs(False)
    total = summed_messages(*given, SOURCE, TARGET).square().sum()
    once = torch.autograd.grad(total, given, retain_graph=True)
    twice = torch.autograd.grad(total, given)
    assert all(torch.equal(a, b) for a, b in zip(once, twice, strict=True))
