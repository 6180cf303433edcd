"""A gradient step, in mixed precision too."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.complex import collate
from neuralmd_cli.training.group import Group
from neuralmd_cli.training.step import _precision, gradient_step
from neuralmd_cli.training.windows import Place
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


def test_a_window_that_the_weights_cannot_move_has_slopes_of_zero():
    """One Euler step from rest: the ligand stays, and so does every weight."""
    model = toy_model(step_ps=10.0)
    recipe = replace(PLAIN, window=1.0, window_unit="steps", velocity_rules=("zero",))
    before = [x.detach().clone() for x in model.parameters()]
    result = gradient_step(
        model,
        torch.optim.SGD(model.parameters(), lr=1.0),
        [recording(0)],
        recipe=recipe,
        pull=False,
        generator=torch.Generator().manual_seed(0),
        place=Place(device=torch.device("cpu"), dtype=torch.float64),
        group=Group(),
    )
    assert result.is_finite
    assert result.loss > 0
    for old, new in zip(before, model.parameters(), strict=True):
        assert torch.equal(old, new)
        assert not new.grad.any()
