"""Langevin dynamics is as warm as asked, at any step, on springs without BindingNet."""

import math
from dataclasses import replace

import pytest
import torch

from neuralmd_cli.dynamics.grid import walk
from neuralmd_cli.dynamics.sde import Langevin, response

K, M, KT = 0.04, 2.0, 0.5  # per ps², amu, amu Å² ps⁻²
REGIMES = {"under": 0.1, "critical": 0.4, "over": 1.5}  # friction, per ps


def nothing(time, positions):
    return torch.zeros_like(positions)


def spring(stiffness):
    return lambda time, positions: -M * stiffness * positions


def springs(atoms=1, *, friction=0.4, tether=K, kt=KT, force=nothing, seed=0):
    """Independent atoms on springs around the origin."""
    generator = torch.Generator().manual_seed(seed)
    return Langevin(
        force_field=force,
        reference=torch.zeros(atoms, 3, dtype=torch.float64),
        masses=torch.full((atoms,), M, dtype=torch.float64),
        friction_per_ps=friction,
        stiffness_per_ps2=tether,
        thermal_energies=torch.full((atoms,), kt, dtype=torch.float64),
        draw=lambda: torch.randn(2, atoms, 3, generator=generator, dtype=torch.float64),
    )


def run(langevin, step, steps, state):
    *_, last = walk(langevin.advance(step), state, [step * steps], step)
    return last


@pytest.mark.parametrize("friction", REGIMES.values(), ids=REGIMES)
@pytest.mark.parametrize("step", [0.5, 4.0, 25.0])
def test_variances_are_those_of_the_temperature_at_any_step(friction, step):
    """<x²> = kT/(m k) and <v²> = kT/m in each direction, from a cold start."""
    atoms, slowest = 4000, min(friction, 2 * K / friction) / 2
    langevin = springs(atoms, friction=friction)
    rest = torch.zeros(atoms, 3, dtype=torch.float64)
    v, x = run(langevin, step, math.ceil(6 / slowest / step), (rest, rest))
    # 12,000 numbers: a variance is off by 1.3 % (one standard deviation).
    assert float(x.square().mean()) == pytest.approx(KT / (M * K), rel=0.05)
    assert float(v.square().mean()) == pytest.approx(KT / M, rel=0.05)
    assert abs(float((x * v).mean())) < 0.05 * KT / M / K**0.5


@pytest.mark.parametrize("friction", REGIMES.values(), ids=REGIMES)
@pytest.mark.parametrize("tether", [0.0, K])
def test_two_steps_are_one_of_twice_the_size(friction, tether):
    """Moments after h and h are exactly those after 2 h: no error of the step."""
    h = 3.0
    one, two = (_moments(response(friction, tether, s), tether) for s in (h, 2 * h))
    drift, noise = one
    torch.testing.assert_close(drift @ drift, two[0], rtol=1e-10, atol=1e-12)
    both = drift @ noise @ drift.T + noise
    torch.testing.assert_close(both, two[1], rtol=1e-9, atol=1e-12)


def _moments(r, tether):
    """Propagator and noise covariance of (x, v), kT/m = 1."""
    drift = torch.tensor(
        [[1 - tether * r.push, r.impulse], [-tether * r.impulse, r.memory]],
        dtype=torch.float64,
    )
    factor = torch.tensor(
        [[r.noise_x, 0.0], [r.noise_vx, r.noise_vv]], dtype=torch.float64
    )
    return drift, factor @ factor.T


def test_short_steps_are_diffusion():
    """Velocity gains variance 2 γ kT/m per time: noise grows as the square root."""
    for step in (1e-2, 1e-3):
        r = response(0.4, K, step)
        variance = r.noise_vx**2 + r.noise_vv**2
        assert variance / step == pytest.approx(2 * 0.4, rel=0.01)
        assert r.noise_x**2 / step**3 == pytest.approx(2 * 0.4 / 3, rel=0.01)


def _stationary_variance(stiffness, step):
    """<x²> of a spring given as a force, from the linear map of one step itself."""
    langevin = springs(tether=0.0, force=spring(stiffness), kt=0.0)
    advance = langevin.advance(step)
    unit = torch.ones(1, 3, dtype=torch.float64)
    columns = [advance((0 * unit, unit), 0), advance((unit, 0 * unit), 0)]
    drift = torch.tensor([[float(c[1][0, 0]), float(c[0][0, 0])] for c in columns]).T
    drift = drift.double()
    r = response(langevin.friction_per_ps, 0.0, step)
    noise = _moments(r, 0.0)[1] * KT / M
    identity = torch.eye(4, dtype=torch.float64)
    flat = torch.linalg.solve(identity - torch.kron(drift, drift), noise.flatten())
    return float(flat[0])


def test_a_learned_spring_is_weakly_second_order():
    """Halving the step divides the error of the variance by four."""
    errors = [abs(_stationary_variance(K, h) - KT / (M * K)) for h in (0.4, 0.2, 0.1)]
    for coarse, fine in zip(errors, errors[1:], strict=False):
        assert math.log2(coarse / fine) == pytest.approx(2, abs=0.2)


def test_without_noise_a_curved_force_is_second_order():
    """At 0 K the path of an anharmonic spring converges with the step squared."""
    langevin = springs(kt=0.0, force=lambda t, x: -0.1 * x**3)
    start = torch.tensor([[1.0, -0.5, 0.3]], dtype=torch.float64)
    ends = [run(langevin, 4 / n, n, (0 * start, start))[1] for n in (20, 40, 80, 1280)]
    errors = [float((x - ends[-1]).norm()) for x in ends[:-1]]
    for coarse, fine in zip(errors, errors[1:], strict=False):
        assert math.log2(coarse / fine) == pytest.approx(2, abs=0.25)


@pytest.mark.parametrize("step", [1.0, 40.0, 1000.0])
def test_at_zero_kelvin_it_rests_where_a_constant_force_holds_it(step):
    """x = F / (m k) exactly, whatever the step, and nothing random about it."""
    pull = torch.tensor([[0.01, -0.02, 0.0]], dtype=torch.float64)
    langevin = springs(kt=0.0, force=lambda t, x: pull)
    rest = torch.zeros_like(pull)
    v, x = run(langevin, step, 200, (rest, rest))
    torch.testing.assert_close(x, pull / (M * K), rtol=1e-9, atol=0)
    assert v.abs().max() < 1e-12


def test_fluctuation_grows_with_the_root_of_temperature():
    """The same draws at four times kT swing twice as far, exactly, on springs."""
    rest = torch.zeros(5, 3, dtype=torch.float64)
    cold, warm = (run(springs(5, kt=t), 4.0, 50, (rest, rest))[1] for t in (KT, 4 * KT))
    torch.testing.assert_close(warm, 2 * cold)


def test_an_amplitude_makes_single_atoms_warmer():
    """Noise of twice the size on one atom: four times its variance, no other's."""
    atoms = 4000
    factors = torch.ones(atoms, dtype=torch.float64)
    factors[: atoms // 2] = 2.0
    langevin = replace(springs(atoms), amplitude=lambda x: factors)
    rest = torch.zeros(atoms, 3, dtype=torch.float64)
    _, x = run(langevin, 10.0, 30, (rest, rest))
    hot, normal = (part.square().mean() for part in x.chunk(2))
    assert float(hot / normal) == pytest.approx(4, rel=0.1)


def test_thermal_velocities_are_those_of_the_temperature():
    """<v²> = kT/m."""
    v = springs(4000).thermal_velocities()
    assert float(v.square().mean()) == pytest.approx(KT / M, rel=0.05)


@pytest.mark.parametrize("wrong", [(-1.0, K, 1.0), (0.4, -K, 1.0), (0.4, K, 0.0)])
def test_constants_out_of_range_are_refused(wrong):
    """Negative friction or stiffness, or no step, is no dynamics."""
    with pytest.raises(ValueError, match="positive"):
        response(*wrong)
