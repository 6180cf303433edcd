"""Denoising finds the score; Langevin dynamics samples what the score belongs to."""

import math

import pytest
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.complex import collate
from neuralmd_cli.models.binding_force import prepared_forces
from neuralmd_cli.models.noise import (
    NetworkScore,
    NoiseEmbedding,
    NoiseSchedule,
    langevin,
    matching_loss,
    noise_for_data,
)
from neuralmd_cli.models.system import Statistics
from tests.toy import toy_complex


class Gaussian:
    """The exact score of positions normal about a point, at every noise level."""

    def __init__(self, centre, width):
        self.centre, self.width = centre, width

    def __call__(self, positions, noise):
        variance = self.width**2 + noise.square()
        return (noise / variance)[:, None] * (self.centre - positions)


def generators(count):
    return [torch.Generator().manual_seed(k) for k in range(count)]


def test_levels_fall_by_the_same_factor():
    """From the highest to the lowest, as many as there are steps."""
    levels = NoiseSchedule(steps=4, highest=0.8, lowest=0.1).levels
    assert levels == pytest.approx((0.8, 0.4, 0.2, 0.1))
    assert NoiseSchedule(steps=1, highest=0.8, lowest=0.1).levels == (0.1,)


@pytest.mark.parametrize(
    ("steps", "highest", "lowest", "match"),
    [
        (0, 0.2, 0.1, "sub_steps is 0"),
        (3, 0.1, 0.2, "noise_lowest is 0.2, noise_highest 0.1"),
        (3, 0.1, 0.0, "noise_lowest is 0.0"),
        (3, math.inf, 0.1, "noise_highest inf"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(steps, highest, lowest, match):
    """Each by its message."""
    with pytest.raises(ValueError, match=match):
        NoiseSchedule(steps=steps, highest=highest, lowest=lowest)


def test_the_levels_of_a_data_set_move_an_atom_as_far_as_its_snapshots_are():
    """Ten sub-steps without a force: their noise adds up to the data's displacement."""
    statistics = Statistics(
        elements=(6,), fluctuation=0.3, displacement=0.4, spacing_ps=4.0
    )
    found = noise_for_data(statistics)
    schedule = NoiseSchedule(
        steps=10, highest=found["noise_highest"], lowest=found["noise_lowest"]
    )
    batch = collate([toy_complex(k) for k in range(200)])

    start, flat = batch.positions, Gaussian(0.0, math.inf)
    moved = langevin(flat, batch, start, schedule, generators(200), 1.0)
    spread = float((moved - start).square().mean().sqrt())
    assert spread == pytest.approx(0.4, rel=0.1)


@pytest.mark.parametrize("heat", [0.0, 0.5, 1.0])
def test_langevin_samples_the_density_of_its_score(heat):
    """About the centre, as wide as the data, times the root of the temperature.

    Of the many sub-steps at one low level the width is known in closed form: that of
    x <- (1 - a) x + b ξ is b² / (1 - (1 - a)²).
    """
    batch = collate([toy_complex(k) for k in range(100)])
    centre, width, level = batch.positions + 0.5, 0.1, 0.1
    schedule = NoiseSchedule(steps=60, highest=level, lowest=level)
    score = Gaussian(centre, width)
    x = langevin(score, batch, batch.positions, schedule, generators(100), heat)
    stride = 0.5 * level**2
    a = stride / (width**2 + level**2)
    expected = (2 * stride * heat / (1 - (1 - a) ** 2)) ** 0.5
    assert float((x - centre).mean()) == pytest.approx(0.0, abs=0.01)
    assert float((x - centre).std()) == pytest.approx(expected, rel=0.05, abs=1e-6)


def test_the_loss_is_least_for_the_true_score():
    """Of exact scores of wrong widths and of no score at all, the true one wins."""
    batch = collate([toy_complex(k) for k in range(100)])
    centre, width = batch.positions, 0.1
    generator = torch.Generator().manual_seed(0)
    draw = torch.randn(centre.shape, generator=generator, dtype=torch.float64)
    data = centre + width * draw
    schedule = NoiseSchedule(steps=10, highest=0.3, lowest=0.02)

    def loss(score):
        same = torch.Generator().manual_seed(1)
        return float(matching_loss(score, batch, data, schedule, same))

    true = loss(Gaussian(centre, width))
    assert true < loss(Gaussian(centre, 0.5 * width)) - 0.01
    assert true < loss(Gaussian(centre, 2.0 * width)) - 0.01
    assert true < loss(Gaussian(centre, math.inf))
    assert loss(Gaussian(centre, math.inf)) == pytest.approx(3.0, rel=0.05)


def test_the_loss_is_taken_where_the_noise_was_added():
    """A score that is asked at the clean positions could never beat 3."""
    batch = collate([toy_complex()])
    asked = []

    class Watched(Gaussian):
        def __call__(self, positions, noise):
            asked.append((positions, noise))
            return super().__call__(positions, noise)

    schedule = NoiseSchedule(steps=10, highest=0.3, lowest=0.1)
    score = Watched(batch.positions, 0.1)
    matching_loss(
        score, batch, batch.positions, schedule, torch.Generator().manual_seed(0)
    )
    ((positions, noise),) = asked
    distance = (positions - batch.positions).norm(dim=-1) / noise
    assert distance.min() > 0.1
    assert distance.square().mean() == pytest.approx(3.0, rel=0.6)
    assert ((noise > 0.099) & (noise < 0.301)).all()


def test_the_network_is_told_the_noise_level():
    """Another level, another score."""
    torch.manual_seed(0)
    config = BindingNetConfig(channels=16, radial_functions=8, ligand_layers=2)
    network, embedding = BindingNet(config).double(), NoiseEmbedding(16).double()
    batch = collate([toy_complex()])
    with torch.no_grad():
        score = NetworkScore(
            forces=prepared_forces(network, batch), embedding=embedding
        )
        low, high = (
            score(batch.positions, torch.full((9,), x, dtype=torch.float64))
            for x in (0.02, 0.3)
        )
    assert (low - high).abs().max() > 1e-6
