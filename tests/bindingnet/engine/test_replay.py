"""Recordings of evaluations: when they are made, used and given up.

On a CPU by a stand-in that computes again into the same memory, as a CUDA graph does;
`tests/test_gpu.py` has the graph itself.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from neuralmd_cli.bindingnet.engine.forces import EngineForces
from neuralmd_cli.bindingnet.engine.replay import RECORD_AT, Replays
from neuralmd_cli.complex import collate
from neuralmd_cli.models.binding_force import plain_forces
from tests.toy import toy_complex, toy_model


class Recorder:
    """Counts recordings; each repeats its computation into fixed memory."""

    def __init__(self, error: float = 0.0, fails: bool = False) -> None:
        self.error, self.fails = error, fails
        self.made = self.replayed = 0

    def __call__(
        self, compute: Callable[[], Tensor]
    ) -> tuple[Callable[[], None], Tensor]:
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.made += 1
        found = compute()

        def again() -> None:
            self.replayed += 1
            found.copy_(compute() * (1 + self.error))

        return again, found


def prepared(recorder: Recorder) -> tuple[EngineForces, Callable[[Tensor], Tensor]]:
    """Forces as on a GPU, and the plain path's."""
    net = toy_model().binding_net
    batch = collate([toy_complex(3, atoms=16), toy_complex(4)])
    forces = EngineForces(net, batch)
    forces.every = True
    forces.replays = Replays(recorder)
    return forces, plain_forces(net, batch)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_replayed_forces_are_those_of_the_plain_path(mode):
    """Before, at and after the recording; each answer is its caller's own."""
    recorder = Recorder()
    with mode():
        forces, plain = prepared(recorder)
        places = [forces.batch.positions + 0.02 * k for k in range(RECORD_AT + 4)]
        found = [forces(x) for x in places]
        for x, ours in zip(places, found, strict=True):
            torch.testing.assert_close(ours, plain(x), rtol=1e-12, atol=1e-12)
    assert recorder.made == 1
    assert recorder.replayed == 2 + 4  # tried twice before it is used


def test_a_ligand_that_drifts_is_recorded_anew():
    """Other pairs and another pocket: the old recording ends."""
    recorder = Recorder()
    with torch.no_grad():
        forces, plain = prepared(recorder)
        x = forces.batch.positions
        for shift in (0.0, 3.0):
            for k in range(RECORD_AT + 1):
                place = x + shift + 0.01 * k
                torch.testing.assert_close(
                    forces(place), plain(place), rtol=1e-12, atol=1e-12
                )
    assert recorder.made == 2


@pytest.mark.parametrize("recorder", [Recorder(fails=True), Recorder(error=0.01)])
def test_without_a_recording_that_is_right_evaluations_go_on(recorder):
    """What cannot be recorded, or comes out wrong, is not tried again."""
    with torch.no_grad():
        forces, plain = prepared(recorder)
        for k in range(2 * RECORD_AT):
            place = forces.batch.positions + 0.01 * k
            torch.testing.assert_close(
                forces(place), plain(place), rtol=1e-12, atol=1e-12
            )
    assert forces.replays.replay is None
    assert recorder.made <= 1


def test_nothing_is_recorded_where_slopes_are_wanted():
    """Training has a graph of its own."""
    recorder = Recorder()
    forces, _ = prepared(recorder)
    for k in range(RECORD_AT + 1):
        assert forces(forces.batch.positions + 0.01 * k).requires_grad
    assert not recorder.made
