"""The authors' names and ours are two names of the same tensors."""

import json

import pytest
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.published import (
    UNUSED,
    published_name,
    rename_published,
)
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from tests.parity import SYSTEMS


@pytest.mark.parametrize("model", SYSTEMS)
def test_names_there_and_back_are_the_authors(shared, model):
    """Every key of the goldens, and no two become one."""
    index = json.loads((shared / "goldens" / "state_dict_index.json").read_text())
    state = dict.fromkeys(index[model]["state_dict"], torch.zeros(1))
    keys = [x for x in state if x not in UNUSED]
    ours = rename_published(state)
    assert len(ours) == len(keys)
    assert [published_name(x) for x in ours] == keys


def test_every_tensor_of_the_published_variant_has_a_name_of_theirs():
    """With all networks, and with more layers than one digit counts."""
    net = BindingNetConfig(
        variant="published", channels=8, radial_functions=4, ligand_layers=12
    )
    config = NeuralODEConfig(
        binding_net=net, initial_velocity_network=True, velocity_refinement=1.0
    )
    state = NeuralODE(config).state_dict()
    theirs = {published_name(k): v for k, v in state.items()}
    back = rename_published(theirs)
    assert set(back) == set(state)
    assert all(back[k] is v for k, v in state.items())


@pytest.mark.parametrize("key", ["binding_net.ligand.novelty.weight", "other.elements"])
def test_a_tensor_they_do_not_have_has_no_name(key):
    """An unknown name is an error, not a guess."""
    with pytest.raises(KeyError):
        published_name(key)
    with pytest.raises(KeyError):
        rename_published({key: torch.zeros(1)})
