"""neuralmd-sde is warm, turns with its complex in distribution, and trains."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.complex import collate
from neuralmd_cli.errors import InputError
from neuralmd_cli.graph import distances, rigid_pairs
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.models.neuralmd_sde.config import NeuralSDEConfig
from neuralmd_cli.models.neuralmd_sde.langevin import (
    likelihood_loss,
    spread,
    warmth,
)
from neuralmd_cli.models.neuralmd_sde.system import NeuralSDE
from neuralmd_cli.models.system import (
    HasPull,
    Objective,
    Settings,
    Start,
    Statistics,
    Window,
)
from neuralmd_cli.simulation import simulate
from tests.toy import random_motion, toy_complex

FRICTION, STIFFNESS, SPEED = 1 / 40.0, 1 / 80.0**2, 0.3 / 80.0
NET = BindingNetConfig(channels=16, radial_functions=8, force_scale=1e-3)
PUBLISHED = BindingNetConfig(
    variant="published", channels=16, radial_functions=8, force_scale=1e-6
)
TIMES = [40.0 * k for k in range(1, 6)]
CPU = torch.device("cpu")


def sde(seed=0, warm_head=False, **options):
    """A small Langevin model; `warm_head`: its noise network says something."""
    torch.manual_seed(seed)
    config = NeuralSDEConfig(
        binding_net=NET,
        friction_per_ps=FRICTION,
        tether_per_ps2=STIFFNESS,
        thermal_speed=SPEED,
        velocity_rule="thermal",
        **options,
    )
    model = NeuralSDE(config)
    if warm_head:
        torch.nn.init.normal_(model.noise_head.weight)
    return model.double().eval()


def published(noise, seed=0, **options):
    torch.manual_seed(seed)
    model = NeuralSDE(
        NeuralSDEConfig(
            noise=noise, binding_net=PUBLISHED, time_convention="published", **options
        )
    )
    torch.nn.init.ones_(model.noise_scale)
    return model.double().eval()


def run(model, complex_, times=TIMES, **options):
    settings = Settings(**options.pop("settings", {}))
    return simulate(
        complex_, model, times=times, settings=settings, device=CPU, **options
    )


def positions(model, complex_, **options):
    return torch.stack([x.positions for x in run(model, complex_, **options)])


def drawn(model, complex_, draws):
    """Frames of a rollout whose noise is given, [draws][2, atoms, 3]."""
    batch = collate([complex_])
    source = iter(draws)
    with torch.no_grad():
        langevin = model.langevin(batch, lambda: next(source))
        velocities = langevin.thermal_velocities()
        states = list(model.solve_langevin(langevin, velocities, TIMES))
    return torch.stack([x for _, x in states])


@pytest.mark.parametrize("seed", range(3))
def test_the_same_noise_turned_gives_the_trajectory_turned(seed):
    """Rotate complex and noise together: positions rotate, and so does the law."""
    model, pocket = sde(seed, warm_head=True), toy_complex(seed)
    rotation, shift = random_motion(seed)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(6, 2, 9, 3, generator=generator, dtype=torch.float64)
    plain = drawn(model, pocket, noise)
    turned = drawn(model, pocket.moved(rotation, shift), noise @ rotation.T)
    assert (plain[-1] - pocket.ligand.positions).norm(dim=-1).mean() > 0.1
    torch.testing.assert_close(turned, plain @ rotation.T + shift, rtol=0, atol=1e-6)


def test_a_turned_complex_moves_alike_in_distribution():
    """150 replicas each, own seeds: mean and covariance turn, within their error."""
    model, pocket = sde(warm_head=True), toy_complex(1, atoms=5)
    rotation, _ = random_motion(4)
    turned = pocket.moved(rotation, torch.zeros(3, dtype=torch.float64))
    samples = []
    for complex_, seed in ((pocket, 1), (turned, 2)):
        x = positions(model, complex_, times=[200.0], replicas=150, seed=seed)[:, 0]
        samples.append(x - complex_.ligand.positions)
    plain, back = samples[0], samples[1] @ rotation
    error = (plain.var(dim=0) / len(plain) * 2).sqrt()
    assert ((plain.mean(dim=0) - back.mean(dim=0)).abs() / error).max() < 4
    for atom in range(5):
        a, b = torch.cov(plain[:, atom].T), torch.cov(back[:, atom].T)
        scale = torch.outer(a.diagonal(), a.diagonal()).sqrt()
        assert ((a - b).abs() / scale).max() < 0.5


def test_a_complex_in_a_batch_moves_as_alone():
    """Drift, noise and constraints of three ligands of different size do not mix."""
    model = sde(warm_head=True)
    pockets = [toy_complex(0), toy_complex(1, atoms=5, residues=20), toy_complex(2)]

    def end(complexes, seeds):
        generators = [torch.Generator().manual_seed(s) for s in seeds]
        start = Start(batch=collate(complexes), generators=generators)
        settings = model.settled(Settings())
        with torch.no_grad():
            return list(model.rollout(start, TIMES, settings))[-1][1]

    alone = [end([x], [k]) for k, x in enumerate(pockets)]
    together = end(pockets, range(3))
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-6)


def test_the_same_seed_gives_the_same_trajectory():
    """Bitwise; another seed another one; more replicas leave the first as it is."""
    model, pocket = sde(), toy_complex(0)
    first = positions(model, pocket, seed=3)
    assert torch.equal(first, positions(model, pocket, seed=3))
    assert not torch.equal(first, positions(model, pocket, seed=4))
    more = positions(model, pocket, seed=3, replicas=2)
    torch.testing.assert_close(more[:1], first, rtol=0, atol=1e-6)


def test_at_zero_kelvin_it_comes_to_rest():
    """No noise, no thermal start; at the end no force is left that keeps the shape."""
    model, pocket = sde(), toy_complex(2)
    cold = {"temperature_k": 0.0}
    runs = [
        positions(model, pocket, times=[2000.0], settings=cold, seed=s) for s in (0, 1)
    ]
    assert torch.equal(*runs)
    assert not model.is_random(model.settled(Settings(**cold)))
    moved, centre = pocket.centred()
    batch, x = collate([moved]), runs[0][0, 0] - centre
    with torch.no_grad():
        mean = model.mean_dynamics(batch)
        force = mean.force_field(x.new_zeros(()), x) / batch.masses[:, None]
        force = (force - STIFFNESS * (x - mean.reference))[None]
        shape = model.langevin(batch, lambda: force, 0.0).constraint
    assert shape.projected(x, force).abs().max() < 1e-4 * force.abs().max()


def test_the_mean_path_is_the_odes():
    """With small steps and shapes free both integrate the same equation."""
    model, pocket = sde(), toy_complex(2)
    ode = NeuralODE(
        NeuralODEConfig(
            binding_net=NET, friction_per_ps=FRICTION, tether_per_ps2=STIFFNESS
        )
    ).double()
    ode.binding_net.load_state_dict(model.binding_net.state_dict())
    batch = collate([pocket])
    rest = torch.zeros_like(batch.positions)
    with torch.no_grad():
        mean = model.mean_dynamics(batch)
        ours = next(model.solve_langevin(mean, rest, [80.0], 4.0))[1]
        theirs = next(ode.solve(batch, rest, [80.0], solver="rk4", step_ps=8.0))[1]
    moved = (theirs - batch.positions).norm()
    assert moved > 1e-4
    assert (ours - theirs).norm() < 1e-3 * moved


@pytest.mark.parametrize("keep_shape", [True, False])
def test_a_warm_ligand_swings_as_much_as_the_temperature_says(keep_shape):
    """300 K: the mass-weighted swing is thermal speed / sqrt(k); at 75 K half."""
    model, pocket = sde(noise_network=False), toy_complex(0)
    mass = pocket.ligand.masses

    def swing(temperature):
        settings = {"temperature_k": temperature, "keep_shape": keep_shape}
        late = [800.0 + 320.0 * k for k in range(3)]
        x = positions(model, pocket, times=late, replicas=24, settings=settings)
        about = (x - x.mean(dim=(0, 1))).square().sum(dim=-1).mean(dim=(0, 1))
        return float(((about * mass).mean() / mass.mean() / 3).sqrt())

    room = SPEED / STIFFNESS**0.5
    # Finite swings bend the directions that are free, so somewhat less.
    assert 0.8 * room < swing(300.0) < 1.1 * room
    assert swing(75.0) == pytest.approx(room / 2, rel=0.1)


@pytest.mark.parametrize("interval", [40.0, 30.0])
def test_bonds_and_angles_are_kept_at_every_time(interval):
    """On and off the grid of steps, 1-2 and 1-3 distances are the start's."""
    model, pocket = sde(warm_head=True), toy_complex(3)
    times = [interval * k for k in range(1, 51)]
    x = positions(model, pocket, times=times)
    pairs = rigid_pairs(pocket.ligand.bonds, 9)
    change = distances(x, pairs) - distances(pocket.ligand.positions, pairs)
    assert change.abs().max() < 1e-3
    assert (x - pocket.ligand.positions).norm(dim=-1).max() < 4.0


def test_a_shape_is_kept_unless_it_is_let_go():
    """Bonds stretch with the flag; without it nothing changes, not by a bit."""
    model, pocket = sde(warm_head=True), toy_complex(3)
    pairs = pocket.ligand.bonds
    kept = positions(model, pocket)
    assert torch.equal(positions(model, pocket, settings={"keep_shape": True}), kept)
    free = positions(model, pocket, settings={"keep_shape": False})
    change = distances(free, pairs) - distances(pocket.ligand.positions, pairs)
    assert change.abs().max() > 0.1
    assert (free - pocket.ligand.positions).norm(dim=-1).max() < 4.0


@pytest.mark.parametrize("noise", ["published-scalar", "published-coordinate"])
def test_published_noise_keeps_no_shape(noise):
    """So there is none to let go."""
    model = published(noise)
    assert model.settled(Settings()).keep_shape is None
    with pytest.raises(InputError, match="these weights keep no shape"):
        model.settled(Settings(keep_shape=False))


def test_amplitudes_are_bounded_invariants_and_start_at_one():
    """1 while the head is 0; within the limit and unturned whatever it says."""
    pocket = toy_complex(0)
    rotation, shift = random_motion(0)
    plain, turned = (collate([x]) for x in (pocket, pocket.moved(rotation, shift)))
    with torch.no_grad():
        fresh = sde().amplitude(plain)(plain.positions)
        model = sde(warm_head=True, amplitude_limit=1.5)
        factors = model.amplitude(plain)(plain.positions)
        other = model.amplitude(turned)(turned.positions)
        model.noise_head.weight.mul_(1e6)
        extreme = model.amplitude(plain)(plain.positions)
    assert torch.equal(fresh, torch.ones_like(fresh))
    assert factors.std() > 1e-3
    torch.testing.assert_close(other, factors, rtol=0, atol=1e-10)
    assert float(extreme.max()) <= 1.5 + 1e-9
    assert float(extreme.min()) >= 1 / 1.5 - 1e-9


def test_no_temperature_makes_it_fall_apart():
    """3000 K: bonds stand and no atom flies off."""
    pocket = toy_complex(4)
    x = positions(sde(warm_head=True), pocket, settings={"temperature_k": 3000.0})
    pairs = pocket.ligand.bonds
    change = distances(x, pairs) - distances(pocket.ligand.positions, pairs)
    assert change.abs().max() < 0.05
    assert (x - pocket.ligand.positions).norm(dim=-1).max() < 15


def window(complexes, seed=0, swing=0.3):
    batch = collate(complexes)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(
        4, *batch.positions.shape, generator=generator, dtype=torch.float64
    )
    return Window(
        start=Start(batch=batch, generators=[generator] * batch.n_complexes),
        times=(40.0, 80.0, 120.0, 160.0),
        targets=batch.positions + swing * noise,
        rigid_pairs=rigid_pairs(batch.bonds, len(batch.positions)),
    )


@pytest.mark.parametrize("rule", ["zero", "thermal"])
def test_fitting_the_noise_finds_the_swing_of_the_targets(rule):
    """Targets that swing little cool the noise, wild ones heat it; both learn."""
    objective = Objective(velocity_rules=(rule,))
    amplitudes = []
    for swing in (0.05, 0.6):
        model = sde()
        data = window([toy_complex(0), toy_complex(1)], swing=swing)
        optimiser = torch.optim.Adam(model.parameters(), 3e-2)
        losses = []
        for _ in range(5):
            loss = model.loss(data, objective, torch.Generator().manual_seed(0))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < losses[0]
        batch = data.start.batch
        amplitudes.append(
            float(model.amplitude(batch)(batch.positions).detach().mean())
        )
    assert amplitudes[0] < 0.9
    assert amplitudes[1] > 1.1


def test_the_likelihood_is_best_at_the_true_variance():
    """A proper score: no other variance of Gaussian errors scores better on average."""
    generator = torch.Generator().manual_seed(0)
    errors = 0.4 * torch.randn(50, 400, 3, generator=generator, dtype=torch.float64)

    def score(deviation):
        variance = torch.full((50, 400), deviation**2, dtype=torch.float64)
        return float(likelihood_loss(errors, variance))

    assert score(0.4) < min(score(0.36), score(0.44))


def test_predicted_spread_is_that_of_the_replicas():
    """Per atom and time, small swings: the variance that the loss expects."""
    model, pocket = sde(noise_network=False), toy_complex(0)
    model = NeuralSDE(replace(model.config, thermal_speed=0.05 / 80)).double().eval()
    times = (40.0, 160.0)
    x = positions(model, pocket, times=list(times), replicas=200)
    batch = collate([pocket.centred()[0]])
    langevin = model.langevin(batch, lambda: torch.zeros(2, 9, 3))
    warm = warmth(batch, langevin.constraint, 0.05 / 80, 300.0)
    for k, time in enumerate(times):
        expected = spread(
            warm,
            batch.masses,
            torch.ones(9, dtype=torch.float64),
            time,
            friction_per_ps=FRICTION,
            stiffness_per_ps2=STIFFNESS,
            thermal_start=True,
            unresolved=0.0,
        )
        found = x[:, k].var(dim=0).mean(dim=-1)
        ratio = found / expected
        assert ((ratio - 1).abs() < 0.45).all(), ratio
        assert float(ratio.mean()) == pytest.approx(1, abs=0.15)


def test_its_pull_is_fitted_as_the_odes():
    """The force at the start can be fitted alone, with a gradient."""
    model = sde()
    assert isinstance(model, HasPull)
    loss = model.pull_loss(window([toy_complex(0)]), Objective(), 2.0)
    loss.backward()
    gradients = [p.grad for p in model.binding_net.parameters() if p.grad is not None]
    assert any(g.abs().max() > 0 for g in gradients)


def test_constants_come_from_the_data():
    """Critical damping; warm enough to swing as the recordings do."""
    statistics = Statistics(
        elements=(6, 8), fluctuation=0.4, displacement=0.1, spacing_ps=4.0
    )
    model = NeuralSDE.for_data(statistics, NET, {"amplitude_limit": 3.0})
    config = model.config
    assert config.tether_per_ps2 == pytest.approx(config.friction_per_ps**2 / 4)
    expected = 0.4 * config.tether_per_ps2**0.5
    assert config.thermal_speed == pytest.approx(expected, rel=1e-2)
    assert (config.trained_elements, config.amplitude_limit) == ((6, 8), 3.0)
    assert NeuralSDE.from_config(config.to_dict()).config == config


@pytest.mark.parametrize(
    ("noise", "rows"), [("published-scalar", 1), ("published-coordinate", 9)]
)
def test_published_noise_grows_with_the_step(noise, rows):
    """The flaw that the checkpoints need: a step's noise is h times, not sqrt(h)."""
    model, batch = published(noise, noise_rows=rows), collate([toy_complex(0)])
    rest = torch.zeros_like(batch.positions)
    ones = torch.ones(9, model.config.noise_columns, dtype=torch.float64)
    with torch.no_grad():

        def kick(step, draw):
            states = model.solve_published(
                batch, rest, [step], draw=lambda: draw, step_ps=step
            )
            return next(states)[0]

        noise_of = [kick(h, ones) - kick(h, 0 * ones) for h in (1.0, 0.25)]
    assert noise_of[0].abs().max() > 0
    torch.testing.assert_close(noise_of[0], 4 * noise_of[1])


def test_published_noise_of_another_ligand_is_refused():
    """One error that names both sizes."""
    model = published("published-coordinate", noise_rows=27)
    with pytest.raises(InputError, match=r"27 heavy atoms; this ligand has 9") as error:
        run(model, toy_complex(0))
    assert "trained on" in error.value.hint


def test_published_noise_knows_no_temperature():
    """--temperature is refused, and the run is random."""
    model = published("published-scalar")
    with pytest.raises(InputError, match="--temperature"):
        run(model, toy_complex(0), settings={"temperature_k": 300.0})
    assert model.is_random(model.settled(Settings()))
    x = positions(model, toy_complex(0), replicas=2)
    assert not torch.equal(x[0], x[1])


@pytest.mark.parametrize("temperature", [-1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature):
    """Kelvins are finite and not below 0."""
    with pytest.raises(InputError, match="kelvins"):
        run(sde(), toy_complex(0), settings={"temperature_k": temperature})


@pytest.mark.parametrize(
    "wrong",
    [
        {"solver": "dopri5"},
        {"friction_per_ps": 0.0},
        {"thermal_speed": 0.0},
        {"noise": "published-scalar"},
        {"amplitude_limit": 0.5},
    ],
)
def test_configs_that_make_no_sense_are_refused(wrong):
    """ValueError that names the field."""
    good = {
        "friction_per_ps": FRICTION,
        "tether_per_ps2": STIFFNESS,
        "thermal_speed": SPEED,
    }
    with pytest.raises(ValueError, match=next(iter(wrong))):
        NeuralSDEConfig(**(good | wrong))
