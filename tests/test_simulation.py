"""Rollouts are reproducible, follow the input's frame, and fail loudly."""

import pytest
import torch

from neuralmd_cli.errors import InputError, SimulationError
from neuralmd_cli.models.baselines.frozen import Frozen
from neuralmd_cli.models.system import Settings
from neuralmd_cli.simulation import replica_seeds, simulate, snapshot_times
from tests.toy import random_motion, toy_complex, toy_model

CPU = torch.device("cpu")
OURS = {
    "friction_per_ps": 0.025,
    "tether_per_ps2": 0.025**2 / 4,
    "thermal_speed": 0.005,
    "initial_velocity_network": True,
}


def run(model, complex_, *, rule="zero", replicas=1, seed=0, count=5, **options):
    return simulate(
        complex_,
        model,
        times=[80.0 * k for k in range(1, count + 1)],
        settings=Settings(v0=rule),
        replicas=replicas,
        seed=seed,
        device=CPU,
        **options,
    )


@pytest.mark.parametrize("rule", ["zero", "learned"])
def test_a_trajectory_turns_and_shifts_with_its_complex(rule):
    """Whatever coordinate system the files use, the motion is the same."""
    model, pocket = toy_model(**OURS), toy_complex(0)
    rotation, shift = random_motion(0)
    (here,) = run(model, pocket, rule=rule)
    (there,) = run(model, pocket.moved(rotation, shift), rule=rule)
    assert (here.positions[-1] - pocket.ligand.positions).abs().max() > 1e-3
    expected = here.positions @ rotation.T + shift
    torch.testing.assert_close(there.positions, expected, rtol=0, atol=1e-9)


def test_the_same_seed_gives_the_same_trajectory():
    """Bitwise, and another seed gives another."""
    model, pocket = toy_model(**OURS), toy_complex(0)
    a, b, c = (run(model, pocket, rule="thermal", seed=s)[0] for s in (3, 3, 4))
    assert torch.equal(a.positions, b.positions)
    assert not torch.equal(a.positions, c.positions)


def test_a_replica_does_not_depend_on_how_many_there_are():
    """Replica k of three is replica k of two; replicas differ."""
    model, pocket = toy_model(**OURS), toy_complex(0)
    two = run(model, pocket, rule="thermal", replicas=2)
    three = run(model, pocket, rule="thermal", replicas=3)
    for a, b in zip(two, three, strict=False):
        torch.testing.assert_close(a.positions, b.positions, rtol=0, atol=1e-10)
    assert (three[0].positions - three[2].positions).abs().max() > 1e-3


def test_the_snapshot_interval_does_not_change_the_path():
    """Snapshots every 40 or 80 ps of the same 400 ps agree where both exist."""
    model, pocket = toy_model(**OURS), toy_complex(0)
    (coarse,) = run(model, pocket)
    (fine,) = simulate(
        pocket,
        model,
        times=[40.0 * k for k in range(1, 11)],
        settings=Settings(v0="zero"),
        device=CPU,
    )
    torch.testing.assert_close(fine.positions[1::2], coarse.positions)


def test_a_tethered_ligand_stays_within_reach_for_ever():
    """20 ns with forces far too large: no atom settles beyond the reach."""
    model = toy_model(**OURS)
    (trajectory,) = run(model, toy_complex(0), count=250)
    away = (trajectory.positions - toy_complex(0).ligand.positions).norm(dim=-1)
    assert away[-100:].max() < 2.0 * model.config.reach


def test_a_rollout_that_breaks_down_says_when():
    """An untethered model with enormous forces ends in an error, not in NaN."""
    model = toy_model()
    with torch.no_grad():
        for parameter in model.binding_net.interaction.force_head.parameters():
            parameter.mul_(1e20)
    with pytest.raises(SimulationError, match=r"At \d+ ps, .* the rollout broke down"):
        run(model, toy_complex(0), count=50)


def test_progress_counts_every_snapshot():
    """on_snapshot hears 1, 2, ... n."""
    heard = []
    run(toy_model(**OURS), toy_complex(0), on_snapshot=heard.append)
    assert heard == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("ns", "interval", "expected"),
    [
        (8.0, 80.0, [80.0, 160.0, 8000.0, 100]),
        (0.3, 100.0, [100.0, 200.0, 300.0, 3]),
        (0.25, 100.0, [100.0, 200.0, 200.0, 2]),
    ],
)
def test_snapshot_times(ns, interval, expected):
    """One snapshot per interval, none beyond the end."""
    times = snapshot_times(ns, interval)
    assert [times[0], times[1], times[-1], len(times)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ns", "interval", "message"),
    [
        (0.0, 80.0, "--ns must be a positive number"),
        (float("nan"), 80.0, "--ns must be a positive number"),
        (8.0, -1.0, "--interval-ps must be a positive number"),
        (0.01, 80.0, "0.01 ns is shorter than the 80 ps between snapshots"),
    ],
)
def test_impossible_lengths_are_refused(ns, interval, message):
    """With a message that names the option."""
    with pytest.raises(InputError, match=message):
        snapshot_times(ns, interval)


def test_replica_seeds_differ_within_and_between_runs():
    """No two of 100 seeds times 10 replicas are the same."""
    seeds = [s for run_seed in range(100) for s in replica_seeds(run_seed, 10)]
    assert len(set(seeds)) == 1000


@pytest.mark.parametrize("last", [2, 3, 4, 6])
def test_a_replica_that_breaks_down_anywhere_in_a_block_ends_there(monkeypatch, last):
    """Its snapshots before are handed on; the replica beside it loses none."""
    pocket, system = toy_complex(0), Frozen()
    monkeypatch.setattr("neuralmd_cli.simulation.BLOCK", 3)
    rollout = Frozen.rollout

    def breaking(self, start, times, settings):
        for k, (v, x) in enumerate(rollout(self, start, times, settings), start=1):
            torn = x.clone()
            torn[: pocket.ligand.n_atoms] = torch.nan
            yield v, torn if k > last else x

    monkeypatch.setattr(Frozen, "rollout", breaking)
    first, second = run(system, pocket, rule=None, replicas=2, count=7)
    assert (first.n_frames, second.n_frames) == (last, 7)
    assert first.broken.snapshot == last + 1
    assert second.broken is None
    assert first.times.tolist() == [80.0 * k for k in range(1, last + 1)]


def crowded(model, monkeypatch, most):
    """The model on a device that holds so many replicas; what sizes were tried."""
    tried, rollout = [], type(model).rollout

    def limited(self, start, times, settings):
        tried.append(len(start.generators))
        if tried[-1] > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        yield from rollout(self, start, times, settings)

    monkeypatch.setattr(type(model), "rollout", limited)
    return tried


def test_replicas_that_do_not_fit_at_once_run_one_half_after_the_other(monkeypatch):
    """None is left out, and each is what it is when all fit; progress only grows."""
    model, pocket, heard = toy_model(**OURS), toy_complex(0), []
    whole = run(model, pocket, rule="thermal", replicas=5)
    tried = crowded(model, monkeypatch, most=2)
    halves = run(model, pocket, rule="thermal", replicas=5, on_snapshot=heard.append)
    assert tried == [5, 3, 2, 1, 2]
    for a, b in zip(whole, halves, strict=True):
        torch.testing.assert_close(a.positions, b.positions, rtol=0, atol=1e-10)
    assert heard == sorted(heard)
    assert heard[-1] == 5


def test_a_replica_that_does_not_fit_alone_is_an_error(monkeypatch):
    """One message, whatever was tried before."""
    model = toy_model(**OURS)
    tried = crowded(model, monkeypatch, most=0)
    with pytest.raises(SimulationError, match="does not fit into the memory"):
        run(model, toy_complex(0), rule="thermal", replicas=3)
    assert tried == [3, 2, 1]


def test_memory_that_runs_out_after_snapshots_went_out_is_an_error(monkeypatch):
    """They cannot be taken back; a shorter path must not look like a whole one."""
    monkeypatch.setattr("neuralmd_cli.simulation.BLOCK", 2)
    rollout = Frozen.rollout

    def late(self, start, times, settings):
        for k, state in enumerate(rollout(self, start, times, settings), start=1):
            if k == 4:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            yield state

    monkeypatch.setattr(Frozen, "rollout", late)
    with pytest.raises(SimulationError, match="does not fit into the memory"):
        run(Frozen(), toy_complex(0), rule=None, replicas=2)
