"""verletmd: an energy of each complex, forces that are its slope, its integrator."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.complex import collate
from neuralmd_cli.errors import InputError, SimulationError
from neuralmd_cli.models.system import Objective, Settings, Start, Statistics
from neuralmd_cli.models.verletmd.system import VerletMD
from neuralmd_cli.simulation import simulate
from neuralmd_cli.units import BOLTZMANN, KCAL_PER_MOL
from tests.toy import random_motion, toy_complex, toy_start, toy_system, toy_window

ZERO = torch.zeros((), dtype=torch.float64)


def field_of(system, *complexes):
    return system.force_field(collate(complexes))


def energies(system, *complexes):
    field = field_of(system, *complexes)
    return field.energy(field.batch.positions).detach()


def forces(system, *complexes):
    field = field_of(system, *complexes)
    return field(ZERO, field.batch.positions)


@pytest.mark.parametrize("seed", range(3))
def test_the_energy_stays_and_the_forces_turn_with_the_complex(seed):
    """E(R x + t) == E(x) and F(R x + t) == F(x) Rᵀ."""
    system, pocket = toy_system(VerletMD, seed), toy_complex(seed)
    rotation, shift = random_motion(seed)
    turned = pocket.moved(rotation, shift)
    tight = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(
        energies(system, turned), energies(system, pocket), **tight
    )
    expected = forces(system, pocket) @ rotation.T
    assert expected.abs().max() > 1e-2
    torch.testing.assert_close(
        forces(system, turned),
        expected,
        rtol=0,
        atol=1e-9 * float(expected.abs().max()),
    )


def test_the_forces_are_minus_the_slope_of_the_energy():
    """By central differences, in amu Å ps⁻², though gradients are switched off."""
    system, pocket = toy_system(VerletMD), toy_complex()
    field, h = field_of(system, pocket), 1e-5
    x = field.batch.positions
    with torch.no_grad():
        found = field(ZERO, x)
        for atom, axis in [(0, 0), (3, 1), (8, 2)]:
            step = torch.zeros_like(x)
            step[atom, axis] = h
            slope = float(field.energy(x + step) - field.energy(x - step)) / (2 * h)
            kcal = slope * system.config.energy_deviation
            assert float(found[atom, axis]) == pytest.approx(
                -kcal * KCAL_PER_MOL, rel=1e-5, abs=1e-6
            )


def test_the_energies_of_a_batch_are_those_of_its_complexes():
    """Summed over atoms, not averaged over complexes; forces are no smaller either."""
    system = toy_system(VerletMD)
    pockets = [toy_complex(0), toy_complex(1, atoms=5, residues=20), toy_complex(2)]
    torch.testing.assert_close(
        energies(system, *pockets), torch.cat([energies(system, x) for x in pockets])
    )
    torch.testing.assert_close(
        forces(system, *pockets), torch.cat([forces(system, x) for x in pockets])
    )


@pytest.mark.parametrize("what", ["ligand", "pair"])
def test_the_forces_are_smooth_at_the_cutoff(what):
    """Their value and their slope agree on both sides of 5 Å."""
    system, base = toy_system(VerletMD), toy_complex(5, atoms=2, residues=3)
    ca = base.protein.ca * 0 + torch.tensor([50.0, 0, 0], dtype=torch.float64)
    if what == "pair":
        ca[0] = torch.tensor([0.0, 5.0, 0.0], dtype=torch.float64)
    protein = replace(base.protein, ca=ca, n=ca + 1.3, c=ca - 1.2)

    def at(distance):
        x = torch.zeros(2, 3, dtype=torch.float64)
        x[1, 0] = distance if what == "ligand" else 1.4
        if what == "pair":
            x[:, 1] = 5.0 - distance
        ligand = replace(base.ligand, positions=x)
        return forces(system, replace(base, ligand=ligand, protein=protein))

    h = 1e-4
    f = [at(5 + k) for k in (-2 * h, -h, -1e-9, 1e-9, h, 2 * h)]
    reference = (at(4.0) - f[-1]).abs().max()
    assert reference > 1e-4
    assert (f[3] - f[2]).abs().max() < 1e-6 * reference
    slopes = (f[1] - f[0]) / h, (f[5] - f[4]) / h
    assert (slopes[0] - slopes[1]).abs().max() < 1e-2 * reference


def test_an_atom_alone_feels_nothing():
    """Far from every residue and with no other atom there is no force, and no error."""
    pocket = toy_complex(0, atoms=2)
    x = torch.tensor([[50.0, 0, 0], [0, 90.0, 0]], dtype=torch.float64)
    ligand = replace(pocket.ligand, positions=x)
    assert torch.equal(
        forces(toy_system(VerletMD), replace(pocket, ligand=ligand)), x * 0
    )


def test_short_steps_conserve_the_energy_to_second_order():
    """Kinetic plus potential energy; half the step, a quarter of the error."""
    system, pocket = toy_system(VerletMD), toy_complex(0)
    start = toy_start(pocket)
    field = system.force_field(start.batch)
    unit = system.config.energy_deviation * KCAL_PER_MOL

    def total(velocities, positions):
        kinetic = 0.5 * (start.batch.masses[:, None] * velocities.square()).sum()
        return float((kinetic + unit * field.energy(positions).sum()).detach())

    errors = []
    for step in (0.02, 0.01):
        settings = system.settled(Settings(v0="thermal", step_ps=step))
        again = replace(start, generators=[torch.Generator().manual_seed(0)])
        states = list(system.rollout(again, [0.0, 0.4], settings))
        errors.append(abs(total(*states[1]) - total(*states[0])))
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.3)


def test_thermal_velocities_have_the_temperature():
    """Mean of m v² is k T for every mass."""
    system, pocket = toy_system(VerletMD), toy_complex()
    start = toy_start(*[pocket] * 500)
    settings = system.settled(Settings(v0="thermal", temperature_k=200.0))
    v = system.initial_velocities(start, settings).reshape(500, 9, 3)
    found = pocket.ligand.masses * v.square().mean(dim=(0, 2))
    assert torch.allclose(found / BOLTZMANN, torch.tensor(200.0).double(), rtol=0.15)
    assert system.is_random(settings)


def test_the_displacement_of_two_snapshots_gives_the_velocity():
    """In Å/ps where units are consistent; per unit of time, as published."""
    displacement = torch.ones(9, 3, dtype=torch.float64)
    start = Start(
        batch=collate([toy_complex()]),
        generators=[torch.Generator()],
        displacement=displacement,
        spacing_ps=80.0,
    )
    system = toy_system(VerletMD)
    settings = system.settled(Settings(v0="displacement"))
    assert torch.equal(system.initial_velocities(start, settings), displacement / 80.0)
    published = toy_system(
        VerletMD,
        binding_net=BindingNetConfig(variant="published", channels=16),
        time_convention="published",
        ps_per_time_unit=40.0,
    )
    assert torch.equal(
        published.initial_velocities(start, settings), displacement / 40.0
    )


def test_the_published_convention_moves_in_its_own_units():
    """The same move whatever length in ps a unit of time is given."""
    sizes = BindingNetConfig(variant="published", channels=16, radial_functions=8)
    moved = []
    for unit in (1.0, 80.0):
        system = toy_system(
            VerletMD,
            binding_net=sizes,
            time_convention="published",
            ps_per_time_unit=unit,
            step_ps=unit,
        )
        settings = system.settled(Settings())
        states = list(system.rollout(toy_start(toy_complex()), [3 * unit], settings))
        moved.append((states[0][1], states[0][0] * unit))
    torch.testing.assert_close(moved[0], moved[1])


def test_steps_of_a_snapshot_break_down_and_are_reported():
    """Nothing is tamed: with 80 ps a step the guard of `simulate` stops the run."""
    system = toy_system(VerletMD, step_ps=80.0)
    with pytest.raises(SimulationError, match=r"the rollout broke down"):
        simulate(
            toy_complex(),
            system,
            times=[80.0 * k for k in range(1, 100)],
            device=torch.device("cpu"),
        )


def test_the_loss_is_that_of_the_energies_in_deviations():
    """0 where the energies are met; a deviation off costs 1."""
    system, window = toy_system(VerletMD), toy_window(toy_complex(0), toy_complex(1))
    config, batch = system.config, window.start.batch
    found = energies(system, toy_complex(0), toy_complex(1))
    kcal = found * config.energy_deviation + config.energy_mean
    generator = torch.Generator()
    for off, expected in ((0.0, 0.0), (config.energy_deviation, 1.0)):
        aimed = replace(window, energies=kcal + off)
        loss = float(system.loss(aimed, Objective(), generator).detach())
        assert loss == pytest.approx(expected, abs=1e-9)
    assert len(found) == batch.n_complexes


def test_data_without_energies_are_refused():
    """Before a fit, and in it, by a message that names what is missing."""
    window = replace(toy_window(toy_complex()), energies=None)
    with pytest.raises(InputError, match="frames_interaction_energy"):
        toy_system(VerletMD).loss(window, Objective(), torch.Generator())
    bare = Statistics(elements=(6,), fluctuation=0.2, displacement=0.3, spacing_ps=4.0)
    with pytest.raises(InputError, match="frames_interaction_energy") as caught:
        VerletMD.for_data(bare, BindingNetConfig(), {})
    assert "another model" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (Settings(v0="learned"), "--v0 learned: the model verletmd has no network"),
        (Settings(temperature_k=300.0), "--temperature-k means nothing with --v0 zero"),
        (Settings(solver="rk4"), "--solver means nothing to the model verletmd"),
    ],
)
def test_a_setting_without_a_meaning_is_refused(settings, match):
    """Each by its message."""
    with pytest.raises(InputError, match=match):
        toy_system(VerletMD).settled(settings)


def test_a_structure_alone_gives_no_displacement():
    """--v0 displacement needs two snapshots."""
    system = toy_system(VerletMD)
    settings = system.settled(Settings(v0="displacement"))
    with pytest.raises(InputError, match="a structure file holds one"):
        list(system.rollout(toy_start(toy_complex()), [4.0], settings))


def test_the_settings_left_open_are_the_checkpoints():
    """Rule, step and, for the thermal rule only, temperature."""
    system = toy_system(VerletMD, velocity_rule="thermal")
    assert system.settled(Settings()) == Settings(
        v0="thermal", step_ps=4.0, temperature_k=300.0
    )
    assert system.settled(Settings(v0="zero", step_ps=0.1)) == Settings(
        v0="zero", step_ps=0.1
    )


def test_a_step_too_long_is_said_to_be_so():
    """The default, a step per snapshot, is; a femtosecond is not."""
    system = toy_system(VerletMD)
    (remark,) = system.remarks(system.settled(Settings()), 1)
    assert "Steps of 4 ps" in remark
    assert system.remarks(system.settled(Settings(step_ps=0.001)), 1) == []
    assert "bonds" in system.caveat(system.settled(Settings()))
