"""denoisingld: what it is fitted to, and what its published variant cannot do."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.errors import InputError, TrainingError
from neuralmd_cli.models.denoisingld.config import DenoisingLDConfig
from neuralmd_cli.models.denoisingld.system import DenoisingLD
from neuralmd_cli.models.system import Objective, Settings
from tests.toy import toy_complex, toy_start, toy_system, toy_window


@pytest.fixture
def published():
    torch.manual_seed(0)
    config = DenoisingLDConfig(
        binding_net=BindingNetConfig(
            variant="published", channels=16, radial_functions=8, ligand_layers=2
        ),
        step_ps=10.0,
        sub_steps=3,
    )
    return DenoisingLD(config).double().eval()


def loss(system, window, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return float(system.loss(window, Objective(), generator).detach())


def test_it_is_fitted_to_the_snapshots_after_the_start():
    """Each of them in turn; the pose at the start is not among them."""
    system, window = toy_system(DenoisingLD), toy_window(toy_complex())
    first = [loss(system, window, seed) for seed in range(8)]
    other = replace(window, targets=window.targets.clone())
    other.targets[1] += 5.0
    changed = [a != loss(system, other, k) for k, a in enumerate(first)]
    assert 0 < sum(changed) < 8


def test_the_network_has_no_say_where_the_atoms_are_far_apart():
    """With no neighbour in reach the score is 0 and the loss that of the noise, 3."""
    system, window = toy_system(DenoisingLD), toy_window(toy_complex(atoms=40))
    apart = window.targets * 0 + 50 * torch.arange(40)[None, :, None].double()
    values = [loss(system, replace(window, targets=apart), k) for k in range(20)]
    assert sum(values) / 20 == pytest.approx(3.0, rel=0.15)


def test_the_published_variant_adds_its_output_in_sub_steps(published):
    """Three moves of x <- x + score(x), without noise; ours would not be without."""
    start = toy_start(toy_complex())
    batch = start.batch
    with torch.no_grad():
        net, x = published.binding_net, batch.positions
        protein = net.encode_protein(batch)
        for _ in range(3):
            x = x + net.forces(batch, x, protein)
        settings = published.settled(Settings())
        ((_, moved),) = published.rollout(start, [10.0], settings)
    torch.testing.assert_close(moved, x)
    assert not published.is_random(settings)
    assert published.caveat(settings) == ""
    assert published.constants() == {"sub_steps": 3}


def test_the_published_variant_knows_no_temperature(published):
    """It adds no noise, so there is nothing to set."""
    with pytest.raises(InputError, match="adds no noise"):
        published.settled(Settings(temperature_k=300.0))


def test_the_published_variant_is_not_trained(published):
    """Its network is told no noise level, so it has no score to learn."""
    with pytest.raises(TrainingError, match="does not know how noisy"):
        loss(published, toy_window(toy_complex()))


def test_the_step_means_nothing_to_a_learned_move():
    """--step-ps cannot be chosen: the network was fitted to one."""
    with pytest.raises(InputError, match="--step-ps means nothing"):
        toy_system(DenoisingLD).settled(Settings(step_ps=1.0))
