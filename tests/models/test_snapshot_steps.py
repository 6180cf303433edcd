"""What the systems that step from snapshot to snapshot have in common.

verletmd, gnnmd, denoisingld and cgmd, in our own variant with random weights.
"""

import json
import math
from dataclasses import replace

import pytest
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.models import noise
from neuralmd_cli.models.cgmd.system import CGMD
from neuralmd_cli.models.denoisingld.system import DenoisingLD
from neuralmd_cli.models.gnnmd.system import GNNMD
from neuralmd_cli.models.registry import SYSTEMS
from neuralmd_cli.models.system import Objective, Settings, Statistics
from neuralmd_cli.models.verletmd.system import VerletMD
from tests.toy import random_motion, toy_complex, toy_start, toy_system, toy_window

KINDS = [VerletMD, GNNMD, DenoisingLD, CGMD]
TIGHT = {"rtol": 0, "atol": 1e-10}
EVERY = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
RANDOM = pytest.mark.parametrize("kind", [DenoisingLD, CGMD], ids=lambda k: k.name)


def system_of(kind):
    """With steps short enough, and few enough, for any of them."""
    few = {"sub_steps": 2}
    return toy_system(
        kind, **(few if kind in (DenoisingLD, CGMD) else {"step_ps": 0.01})
    )


def rollout(system, *complexes, moves=2, seed=0, **chosen):
    """Positions after each of a few steps."""
    step = system.config.step_ps
    times = [step * k for k in range(1, moves + 1)]
    settings = system.settled(Settings(**chosen))
    with torch.no_grad():
        states = list(system.rollout(toy_start(*complexes, seed=seed), times, settings))
    return torch.stack([x for _, x in states])


def moved_at_all(x, pocket):
    return float((x[-1] - pocket.ligand.positions).abs().max())


@EVERY
@pytest.mark.parametrize("seed", range(2))
def test_a_rollout_turns_with_the_complex(kind, seed, monkeypatch):
    """x(Rᵀ x₀ + t) == Rᵀ x + t, given that what is drawn is turned as well."""
    system, pocket = system_of(kind), toy_complex(seed)
    rotation, shift = random_motion(seed)
    expected = rollout(system, pocket)
    assert moved_at_all(expected, pocket) > 1e-4
    drawn = noise.normal_draws
    monkeypatch.setattr(noise, "normal_draws", lambda *args: drawn(*args) @ rotation.T)
    turned = rollout(system, pocket.moved(rotation, shift))
    torch.testing.assert_close(turned, expected @ rotation.T + shift, **TIGHT)


@RANDOM
def test_a_turned_complex_has_the_turned_distribution(kind):
    """Mean and covariance of a move, over many draws of each orientation."""
    system, pocket, count = system_of(kind), toy_complex(1, atoms=4, residues=5), 200
    rotation, shift = random_motion(1)
    moments = []
    for k, start in enumerate([pocket, pocket.moved(rotation, shift)]):
        x = rollout(system, *[start] * count, moves=1, seed=1000 * k)
        step = x.reshape(count, -1, 3) - start.ligand.positions
        mean = step.mean(dim=0)
        rest = step - mean
        moments.append((mean, torch.einsum("kai,kaj->aij", rest, rest) / count))
    (mean, spread), (turned_mean, turned_spread) = moments
    size = spread.diagonal(dim1=1, dim2=2).mean()
    assert size > 1e-3
    error = (turned_mean - mean @ rotation.T).abs().max() / size.sqrt()
    assert error < 5 * (2 / count) ** 0.5
    expected = rotation @ spread @ rotation.T
    assert (turned_spread - expected).abs().max() / size < 10 * (2 / count) ** 0.5


@EVERY
def test_a_complex_in_a_batch_moves_as_it_does_alone(kind):
    """Three complexes of different sizes, together and one by one."""
    system = system_of(kind)
    pockets = [toy_complex(0), toy_complex(1, atoms=5, residues=20), toy_complex(2)]
    together = rollout(system, *pockets)
    alone = [rollout(system, x, seed=k) for k, x in enumerate(pockets)]
    torch.testing.assert_close(together, torch.cat(alone, dim=1), **TIGHT)


@EVERY
def test_a_rollout_follows_a_permutation_of_atoms(kind, monkeypatch):
    """Reordering atoms reorders the rollout, given that draws are reordered too."""
    system, pocket = system_of(kind), toy_complex(3)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    ligand = pocket.ligand
    shuffled = replace(
        ligand,
        positions=ligand.positions[order],
        atomic_numbers=ligand.atomic_numbers[order],
        masses=ligand.masses[order],
    )
    expected = rollout(system, pocket)[:, order]
    drawn = noise.normal_draws
    monkeypatch.setattr(noise, "normal_draws", lambda *args: drawn(*args)[order])
    torch.testing.assert_close(
        rollout(system, replace(pocket, ligand=shuffled)), expected, **TIGHT
    )


@EVERY
def test_the_same_seed_gives_the_same_rollout(kind):
    """And another seed another one, exactly if the system says it is random."""
    system, pocket = system_of(kind), toy_complex()
    first = rollout(system, pocket, seed=1)
    assert torch.equal(rollout(system, pocket, seed=1), first)
    differs = not torch.equal(rollout(system, pocket, seed=2), first)
    assert differs == system.is_random(system.settled(Settings()))


@RANDOM
def test_without_temperature_nothing_is_drawn(kind):
    """At 0 K every seed is the same, and it is not what another temperature gives."""
    system, pocket = system_of(kind), toy_complex()
    cold = rollout(system, pocket, seed=1, temperature_k=0.0)
    assert torch.equal(rollout(system, pocket, seed=2, temperature_k=0.0), cold)
    assert not system.is_random(Settings(temperature_k=0.0))
    assert system.caveat(Settings(temperature_k=0.0)) == ""
    assert "bonds" in system.caveat(Settings(temperature_k=300.0))
    assert not torch.equal(rollout(system, pocket, seed=1, temperature_k=100.0), cold)


@EVERY
def test_what_is_asked_for_in_between_changes_nothing(kind):
    """More output times, the same states at the times of the steps."""
    system, pocket = system_of(kind), toy_complex()
    step = system.config.step_ps
    settings = system.settled(Settings())
    states = system.rollout(
        toy_start(pocket), [0.3 * step, step, 1.7 * step, 2 * step], settings
    )
    with torch.no_grad():
        x = [positions for _, positions in states]
    expected = rollout(system, pocket, moves=2)
    torch.testing.assert_close(torch.stack([x[1], x[3]]), expected, **TIGHT)
    between = pocket.ligand.positions * 0.7 + expected[0] * 0.3
    torch.testing.assert_close(x[0], between, **TIGHT)


@EVERY
def test_the_proteins_are_encoded_once(kind):
    """However many moves a rollout has, while the ligand stays near its pose."""
    system, calls = system_of(kind), []
    networks = [system.binding_net, *([system.score_net] if kind is CGMD else [])]
    for network in networks:
        network.protein.register_forward_hook(lambda *args: calls.append(1))
    rollout(system, toy_complex(), moves=2)
    assert len(calls) == len(networks)


UNUSED = {
    "": ("protein.axis_mixer.out.bias",),  # a layer norm takes the same from each
    "verletmd": ("ligand.force_head.",),  # an energy reads the atoms' invariants
}
"""Parameters that the equations leave without effect."""


@EVERY
def test_a_step_of_training_reaches_every_parameter(kind):
    """Each has a gradient that is not 0, but for those without effect."""
    system = toy_system(kind).train()
    window = toy_window(toy_complex(0), toy_complex(1))
    loss = system.loss(window, Objective(), torch.Generator().manual_seed(0))
    loss.backward()
    unused = UNUSED[""] + UNUSED.get(kind.name, ())
    for name, parameter in system.named_parameters():
        if not any(x in name for x in unused):
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name
            assert torch.isfinite(parameter.grad).all(), name


LEARNABLE = {
    "denoisingld": {
        "binding_net": BindingNetConfig(
            channels=16, radial_functions=8, ligand_layers=2, force_scale=100.0
        ),
        "noise_lowest": 0.1,
        "noise_highest": 0.5,
    }
}
"""So strong a noise that few steps suffice to see it."""


@pytest.mark.parametrize(
    "kind", [VerletMD, GNNMD, DenoisingLD], ids=lambda kind: kind.name
)
def test_training_on_one_window_lowers_its_loss(kind):
    """A few dozen steps, the same draws before and after; cgmd is the sum of two."""
    system = toy_system(kind, **LEARNABLE.get(kind.name, {})).train()
    window = toy_window(toy_complex(0, residues=5), steps=1)

    def loss(seed):
        generator = torch.Generator().manual_seed(seed)
        return system.loss(window, Objective(), generator)

    before = sum(float(loss(k).detach()) for k in range(5))
    optimiser = torch.optim.Adam(system.parameters(), 3e-2)
    for k in range(30):
        optimiser.zero_grad()
        loss(100 + k).backward()
        optimiser.step()
    assert sum(float(loss(k).detach()) for k in range(5)) < 0.95 * before


@pytest.mark.parametrize("kind", [VerletMD, GNNMD], ids=lambda kind: kind.name)
def test_a_loss_counts_each_complex_alike_in_any_batch(kind):
    """The loss of a complex twice over is its loss; the others draw for each anew."""
    system = toy_system(kind)
    one = toy_window(toy_complex(0))
    two = toy_window(toy_complex(0), toy_complex(0))
    two = replace(
        two,
        targets=torch.cat([one.targets] * 2, dim=1),
        energies=torch.cat([one.energies] * 2),
    )
    losses = [
        float(system.loss(x, Objective(), torch.Generator().manual_seed(0)).detach())
        for x in (one, two)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


@EVERY
def test_a_config_survives_json(kind):
    """What a checkpoint holds rebuilds the same system."""
    system = toy_system(kind)
    written = json.loads(json.dumps(system.config.to_dict()))
    again = SYSTEMS[kind.name].from_config(written)
    assert again.config == system.config
    again.load_state_dict(system.state_dict())
    json.dumps(system.constants(), allow_nan=False)


@EVERY
@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("step_ps", 0.0, "step_ps is 0.0"),
        ("step_ps", math.nan, "step_ps is nan"),
        ("step_ps", math.inf, "step_ps is inf"),
        ("temperature_k", 0.0, "temperature_k is 0.0"),
        ("noise_lowest", 9.0, "noise_lowest is 9.0"),
        ("sub_steps", 0, "sub_steps is 0"),
        ("energy_deviation", 0.0, "energy_deviation is 0.0"),
        ("energy_mean", math.nan, "energy_mean is nan"),
        ("ps_per_time_unit", -1.0, "ps_per_time_unit is -1.0"),
        ("time_convention", "other", "time_convention"),
        ("velocity_rule", "learned", "velocity_rule is 'learned'"),
    ],
)
def test_a_config_with_a_value_out_of_range_is_refused(kind, field, value, match):
    """By the name of the value; a field it does not have, by TypeError."""
    values = toy_system(kind).config.to_dict()
    if field not in values:
        with pytest.raises(TypeError, match=field):
            kind.from_config(values | {field: value})
    else:
        # beartype refuses words outside a Literal before the config does.
        with pytest.raises((ValueError, TypeError), match=match):
            kind.from_config(values | {field: value})


@EVERY
def test_a_config_that_lacks_its_network_is_refused(kind):
    """By KeyError, which `load_model` turns into a sentence."""
    values = toy_system(kind).config.to_dict()
    del values["binding_net"]
    with pytest.raises(KeyError):
        kind.from_config(values)


@EVERY
def test_a_fit_takes_its_constants_from_the_data(kind):
    """Step and elements; a recipe's own options win; unknown ones are refused."""
    data = Statistics(
        elements=(6, 35),
        fluctuation=0.5,
        displacement=0.9,
        spacing_ps=80.0,
        energy_mean=-30.0,
        energy_deviation=8.0,
    )
    config = kind.for_data(data, BindingNetConfig(channels=8), {}).config
    assert (config.step_ps, config.trained_elements) == (80.0, (6, 35))
    chosen = kind.for_data(data, BindingNetConfig(channels=8), {"step_ps": 4.0})
    assert chosen.config.step_ps == 4.0
    with pytest.raises(TypeError, match="friction_per_ps"):
        kind.for_data(data, BindingNetConfig(channels=8), {"friction_per_ps": 1.0})


@pytest.mark.parametrize("kind", [GNNMD, CGMD], ids=lambda kind: kind.name)
def test_a_window_that_is_not_one_move_away_is_refused(kind):
    """A move is fitted to the snapshot one step after the start, and no other."""
    window = toy_window(toy_complex())
    late = replace(window, times=(8.0, 12.0))
    with pytest.raises(ValueError, match=r"begins after 8.0 ps, a move takes 4.0 ps"):
        toy_system(kind).loss(late, Objective(), torch.Generator())


@pytest.mark.parametrize("kind", [GNNMD, CGMD], ids=lambda kind: kind.name)
def test_a_move_is_fitted_to_the_next_snapshot_alone(kind):
    """Later snapshots change nothing."""
    system, window = toy_system(kind), toy_window(toy_complex())
    other = replace(window, targets=window.targets.clone())
    other.targets[1:] += 5.0
    losses = [
        system.loss(x, Objective(), torch.Generator().manual_seed(0))
        for x in (window, other)
    ]
    assert torch.equal(*losses)
    other.targets[0] += 5.0
    assert system.loss(other, Objective(), torch.Generator().manual_seed(0)) > losses[0]
