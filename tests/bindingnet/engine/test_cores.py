"""A large batch is shared out to the cores, a thread each."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
import torch

from neuralmd_cli.bindingnet.engine.forces import CHUNK_ATOMS, EngineForces
from neuralmd_cli.complex import Batch, collate
from tests.toy import toy_complex, toy_model


@pytest.fixture
def two_threads() -> Iterator[None]:
    """As on a machine of two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def large_batch() -> Batch:
    """Three chunks."""
    batch = collate([toy_complex(k, atoms=40) for k in range(8)])
    assert len(batch.positions) > 2 * CHUNK_ATOMS
    return batch


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_threads_change_no_force(mode: type[AbstractContextManager[None]]):
    """Chunks come back in order, and without a graph, as from one thread.

    To the last bits: what the main thread prepares with two sums in another order.
    """
    net, batch = toy_model().binding_net, large_batch()
    with mode():
        shared = EngineForces(net, batch)
        together = shared(batch.positions)
        again = shared(batch.positions + 0.01)
        assert shared.cores.threads is not None
        torch.set_num_threads(1)
        alone = EngineForces(net, batch)
        close = {"rtol": 1e-12, "atol": 1e-14}
        torch.testing.assert_close(together, alone(batch.positions), **close)
        assert alone.cores.threads is None
        torch.testing.assert_close(again, alone(batch.positions + 0.01), **close)
    assert not together.requires_grad


@pytest.mark.usefixtures("two_threads")
def test_the_thread_that_asks_keeps_its_own_threads():
    """One complex after a batch still has both cores."""
    batch = large_batch()
    with torch.no_grad():
        EngineForces(toy_model().binding_net, batch)(batch.positions)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_slopes_are_computed_by_the_thread_that_asks():
    """Training goes chunk by chunk: its graph belongs to one thread."""
    batch = large_batch()
    forces = EngineForces(toy_model().binding_net, batch)
    assert forces(batch.positions).requires_grad
    assert forces.cores.threads is None


@pytest.mark.usefixtures("two_threads")
def test_a_failure_in_a_thread_is_raised(monkeypatch):
    """Not lost among the threads."""
    batch = large_batch()
    forces = EngineForces(toy_model().binding_net, batch)

    def fail(*_: object) -> torch.Tensor:
        raise RuntimeError("no memory")

    monkeypatch.setattr(forces, "_of_chunk", fail)
    with torch.no_grad(), pytest.raises(RuntimeError, match="no memory"):
        forces(batch.positions)
