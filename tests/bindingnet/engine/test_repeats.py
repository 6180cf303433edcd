"""An evaluation where the ligand has just been is not made again."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.bindingnet.engine.forces import EngineForces
from neuralmd_cli.complex import Batch, collate
from neuralmd_cli.models.binding_force import binding_force, plain_forces
from tests.toy import toy_complex, toy_model


class Counted(EngineForces):
    """Knows how often it was really evaluated."""

    evaluations = 0

    def _evaluated(self, positions: torch.Tensor) -> torch.Tensor:
        self.evaluations += 1
        return super()._evaluated(positions)


def counted() -> tuple[Counted, torch.Tensor]:
    """Forces on a small ligand, and where it is."""
    batch = collate([toy_complex(1)])
    return Counted(toy_model().binding_net, batch), batch.positions


def test_the_same_place_is_evaluated_once():
    """With the same forces, which a caller may overwrite."""
    forces, x = counted()
    with torch.no_grad():
        first = forces(x)
        kept = first.clone()
        first.zero_()
        assert torch.equal(forces(x.clone()), kept)
    assert forces.evaluations == 1


def test_a_place_overwritten_is_another_place():
    """The caller may move the atoms in place."""
    forces, x = counted()
    with torch.no_grad():
        before = forces(x)
        x += 0.1 * torch.arange(x.numel(), dtype=x.dtype).view_as(x).sin()
        after = forces(x)
    assert forces.evaluations == 2
    assert not torch.allclose(before, after)


def test_slopes_by_the_positions_are_never_left_out():
    """Positions that depend on something are evaluated for themselves."""
    forces, x = counted()
    forces(x)
    moved = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(forces(moved).square().sum(), moved)
    assert slope.abs().max() > 0
    assert forces.evaluations == 2


def test_forces_without_slopes_do_not_stand_in_for_those_with():
    """Nor the other way round."""
    forces, x = counted()
    with torch.no_grad():
        forces(x)
    assert forces(x).requires_grad
    with torch.no_grad():
        assert not forces(x).requires_grad
    assert forces.evaluations == 3


@pytest.mark.parametrize("speed", [0.0, 0.01])
def test_slopes_of_a_rollout_are_those_of_the_plain_path(monkeypatch, speed):
    """From rest, where two evaluations are one, and from velocities; 4 Euler steps."""
    batch = collate([toy_complex(1, atoms=14), toy_complex(2)])
    generator = torch.Generator().manual_seed(0)
    velocities = speed * torch.randn(
        batch.positions.shape, generator=generator, dtype=torch.float64
    )
    found = slopes(batch, velocities)
    monkeypatch.setattr("neuralmd_cli.models.tethered_force.binding_force", plain)
    expected = slopes(batch, velocities)
    assert found.keys() == expected.keys()
    for name, exact in expected.items():
        # What a normalisation takes away again has no slope but for rounding.
        scale = exact.abs().max().clamp(min=1e-4)
        assert (found[name] - exact).abs().max() / scale < 1e-9, name


def plain(binding_net, batch, *, unit=1.0):
    return replace(
        binding_force(binding_net, batch, unit=unit),
        forces=plain_forces(binding_net, batch),
    )


def slopes(batch: Batch, velocities: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of how far a rollout goes, by every weight."""
    model = toy_model(friction_per_ps=0.025, tether_per_ps2=0.025**2 / 4)
    times = [model.config.step_ps * k for k in range(1, 5)]
    states = list(model.solve(batch, velocities, times))
    moved = torch.stack([x for _, x in states]) - batch.positions
    moved.square().sum().backward()
    return {k: x.grad for k, x in model.named_parameters() if x.grad is not None}
