"""The predictors without weights are what they say, in any frame and any batch."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.complex import collate
from neuralmd_cli.errors import InputError
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import Settings, Start, TrainableSystem
from tests.toy import random_motion, toy_complex

TIMES = (40.0, 80.0, 200.0)
TRIVIAL = ["frozen", "linear", "observed-mean", "mean-pose"]
WEIGHTLESS = [k for k, v in SYSTEMS.items() if not issubclass(v, TrainableSystem)]


def randn(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def start_of(seed, atoms=9):
    """Five snapshots seen, three to come."""
    batch = collate([toy_complex(seed, atoms=atoms)])
    observed = batch.positions + 0.3 * randn(seed, 5, atoms, 3)
    observed[-1] = batch.positions
    return Start(
        batch=batch,
        generators=[torch.Generator()],
        displacement=observed[-1] - observed[-2],
        spacing_ps=80.0,
        observed=observed,
        future=batch.positions + 0.3 * randn(seed + 50, len(TIMES), atoms, 3),
    )


def moved(start, rotation, shift):
    def turn(x):
        return x @ rotation.T

    batch = replace(start.batch, positions=turn(start.batch.positions) + shift)
    return replace(
        start,
        batch=batch,
        displacement=turn(start.displacement),
        observed=turn(start.observed) + shift,
        future=turn(start.future) + shift,
    )


def predicted(name, start):
    system = SYSTEMS[name].from_config({})
    states = list(system.rollout(start, TIMES, system.settled(Settings())))
    velocities, positions = (torch.stack(x) for x in zip(*states, strict=True))
    return velocities, positions


@pytest.mark.parametrize("name", TRIVIAL)
@pytest.mark.parametrize("seed", range(3))
def test_predictions_turn_and_shift_with_the_complex(name, seed):
    """Whatever the coordinate system, the same motion."""
    start = start_of(seed)
    rotation, shift = random_motion(seed)
    velocities, positions = predicted(name, start)
    turned = predicted(name, moved(start, rotation, shift))
    torch.testing.assert_close(turned[0], velocities @ rotation.T)
    torch.testing.assert_close(turned[1], positions @ rotation.T + shift)


@pytest.mark.parametrize("name", TRIVIAL)
def test_a_batch_predicts_what_each_complex_does_alone(name):
    """Complexes do not know of each other."""
    starts = [start_of(seed, atoms) for seed, atoms in ((0, 9), (1, 5))]
    together = Start(
        batch=collate([toy_complex(0, atoms=9), toy_complex(1, atoms=5)]),
        generators=[torch.Generator(), torch.Generator()],
        spacing_ps=80.0,
        displacement=torch.cat([x.displacement for x in starts]),
        observed=torch.cat([x.observed for x in starts], dim=1),
        future=torch.cat([x.future for x in starts], dim=1),
    )
    alone = torch.cat([predicted(name, x)[1] for x in starts], dim=1)
    torch.testing.assert_close(predicted(name, together)[1], alone)


def test_frozen_stays_where_it_was_last_seen():
    """Not at the first snapshot, nor the mean."""
    start = start_of(0)
    velocities, positions = predicted("frozen", start)
    assert torch.equal(positions, start.observed[-1].expand_as(positions))
    assert not velocities.any()


def test_linear_is_right_about_a_ligand_in_uniform_motion():
    """x = x0 + v t: 160 ps are twice what happens between two snapshots."""
    start = start_of(0)
    velocities, positions = predicted("linear", start)
    step = start.observed[-1] - start.observed[-2]
    for time, v, x in zip(TIMES, velocities, positions, strict=True):
        torch.testing.assert_close(x, start.observed[-1] + step * (time / 80))
        torch.testing.assert_close(v * 80, step)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "seen"), [("mean-pose", "future"), ("observed-mean", "observed")]
)
def test_a_mean_is_the_best_fixed_pose_for_what_it_averages(name, seen, seed):
    """Any other pose has a larger mean squared error."""
    start = start_of(seed)
    positions = predicted(name, start)[1]
    assert torch.equal(positions[0], positions[-1])
    targets = getattr(start, seen)

    def error(pose):
        return (pose - targets).square().mean()

    for k in range(20):
        other = positions[0] + 0.05 * randn(k, *positions[0].shape)
        assert error(positions[0]) < error(other)


@pytest.mark.parametrize("name", ["linear", "observed-mean"])
def test_one_structure_makes_them_frozen_and_they_say_so(name):
    """No velocity and no mean can be had from it."""
    start = replace(start_of(0), displacement=None, spacing_ps=None, observed=None)
    assert torch.equal(predicted(name, start)[1], predicted("frozen", start)[1])
    system = SYSTEMS[name].from_config({})
    (remark,) = system.remarks(Settings(), 1)
    assert "the same as frozen" in remark
    assert not any("frozen" in x for x in system.remarks(Settings(), 2))


@pytest.mark.parametrize("name", ["observed-mean", "mean-pose"])
def test_means_warn_of_their_bonds(name):
    """Averaging over a rotating group shortens what rotates."""
    remarks = SYSTEMS[name].from_config({}).remarks(Settings(), 5)
    assert any("too short" in x for x in remarks)


def test_the_oracle_needs_a_future():
    """It cannot be used where nothing is recorded."""
    assert [k for k, v in SYSTEMS.items() if v.oracle] == ["mean-pose"]
    with pytest.raises(InputError, match="no recording here"):
        predicted("mean-pose", replace(start_of(0), future=None))


@pytest.mark.parametrize("name", WEIGHTLESS)
@pytest.mark.parametrize(
    ("setting", "option"),
    [
        ({"v0": "zero"}, "--v0"),
        ({"solver": "rk4"}, "--solver"),
        ({"step_ps": 4.0}, "--step-ps"),
        ({"temperature_k": 300.0}, "--temperature-k"),
        ({"keep_shape": False}, "--keep-shape/--free-shape"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(name, setting, option):
    """Better than a run that seems to obey."""
    system = SYSTEMS[name].from_config({})
    with pytest.raises(InputError, match=f"{option} means nothing to the model {name}"):
        system.settled(Settings(**setting))


@pytest.mark.parametrize("name", WEIGHTLESS)
def test_a_config_is_refused(name):
    """There is nothing in it that could be meant."""
    with pytest.raises(ValueError, match="has no setting friction"):
        SYSTEMS[name].from_config({"friction": 1})
