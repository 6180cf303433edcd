"""Small random checkpoints in the authors' form, without any of their files."""

from collections import OrderedDict
from pathlib import Path

import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.published import published_name
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE

FLAGS = (
    "--dataset=MISATO_100 --seed=42 --no_NeuralMD_Binding_start_with_first_frame "
    "--NeuralMD_binding_model=NeuralMD_Binding01 --NeuralMD_step_size=5 "
    "--NeuralMD_scaling=100 --NeuralMD_velocity_refined_value_coefficient={} "
    "--ODE_method=euler --FrameNet_num_radial=8 --emb_dim=16\n"
)
"""The training flags as the authors wrote them down, but for the small sizes."""


def published_state(
    *, refined: bool = False, velocity: bool = False, seed: int = 0
) -> OrderedDict[str, torch.Tensor]:
    """A state dict under the authors' names: 16 channels, 8 radial functions."""
    torch.manual_seed(seed)
    config = NeuralODEConfig(
        binding_net=BindingNetConfig(
            variant="published", channels=16, radial_functions=8, ligand_layers=2
        ),
        initial_velocity_network=velocity,
        velocity_refinement=float(refined),
    )
    state = NeuralODE(config).state_dict()
    return OrderedDict((published_name(k), v.clone()) for k, v in state.items())


def write_published(
    folder: Path, state: dict[str, torch.Tensor], flags: str | None = None
) -> tuple[Path, Path]:
    """Write model.pth and hyperparameter.txt as they lie beside each other."""
    folder.mkdir(parents=True, exist_ok=True)
    model, text = folder / "model.pth", folder / "hyperparameter.txt"
    torch.save({"binding_model": state}, model)
    text.write_text(flags if flags is not None else FLAGS.format(0))
    return model, text
