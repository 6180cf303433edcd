"""Mixed precision changes the network's arithmetic and not the positions."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.complex import collate
from neuralmd_cli.training.step import _precision
from tests.toy import toy_complex, toy_model
from tests.toy_data import recording
from tests.training.test_windows import PLAIN, windows


@pytest.mark.parametrize("variant", ["equivariant", "published"])
def test_the_network_runs_in_mixed_precision(variant):
    """bf16 inside, positions in float32; here on a CPU, where it is no faster."""
    model = toy_model(variant, step_ps=10.0).float()
    _, window = windows(PLAIN, [recording(0)])
    batch = collate([toy_complex(0).to(torch.device("cpu"), torch.float32)])
    window = replace(
        window,
        start=replace(window.start, batch=batch),
        targets=window.targets.float(),
    )
    losses = []
    for precision in ("float32", "bf16"):
        with _precision(precision, torch.device("cpu")):
            loss = model.loss(window, PLAIN.objective, torch.Generator())
        assert loss.dtype == torch.float32
        loss.backward()
        losses.append(float(loss.detach()))
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
