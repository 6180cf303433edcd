"""Small random checkpoints in the authors' form, without any of their files."""

from collections import OrderedDict
from pathlib import Path

import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.published import published_name
from neuralmd_cli.models.denoisingld.config import DenoisingLDConfig
from neuralmd_cli.models.denoisingld.system import DenoisingLD
from neuralmd_cli.models.gnnmd.config import GNNMDConfig
from neuralmd_cli.models.gnnmd.system import GNNMD
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.models.neuralmd_sde.config import NeuralSDEConfig
from neuralmd_cli.models.neuralmd_sde.system import NeuralSDE
from neuralmd_cli.models.system import TrainableSystem
from neuralmd_cli.models.verletmd.config import VerletMDConfig
from neuralmd_cli.models.verletmd.system import VerletMD

FLAGS = (
    "--dataset=MISATO_100 --seed=42 --no_NeuralMD_Binding_start_with_first_frame "
    "--NeuralMD_binding_model=NeuralMD_Binding01 --NeuralMD_step_size=5 "
    "--NeuralMD_scaling=100 --NeuralMD_velocity_refined_value_coefficient={} "
    "--ODE_method=euler --FrameNet_num_radial=8 --emb_dim=16\n"
)
"""The training flags as the authors wrote them down, but for the small sizes."""
SDE_FLAGS = (
    FLAGS.format(0).replace("Binding01", "Binding02").replace("size=5", "size=10")
)
BASELINE_FLAGS = "--dataset=MISATO_100 --seed=42 --FrameNet_num_radial=8 --emb_dim=16"
"""The baselines take no step and name no NeuralMD model."""
NET = BindingNetConfig(
    variant="published", channels=16, radial_functions=8, ligand_layers=2
)


def published_state(
    *, refined: bool = False, velocity: bool = False, seed: int = 0
) -> OrderedDict[str, torch.Tensor]:
    """An ODE's state dict under the authors' names: 16 channels, 8 radial functions."""
    torch.manual_seed(seed)
    config = NeuralODEConfig(
        binding_net=NET,
        initial_velocity_network=velocity,
        velocity_refinement=float(refined),
    )
    return _under_their_names(NeuralODE(config))


def published_sde_state(
    *, rows: int = 1, velocity: bool = False, seed: int = 0
) -> OrderedDict[str, torch.Tensor]:
    """An SDE's: one noise scale for all atoms, or `rows` of them."""
    torch.manual_seed(seed)
    config = NeuralSDEConfig(
        noise="published-scalar" if rows == 1 else "published-coordinate",
        noise_rows=rows,
        binding_net=NET,
        initial_velocity_network=velocity,
    )
    state = _under_their_names(NeuralSDE(config))
    state["gamma"] = torch.randn(rows, 3)
    state["T"] = torch.tensor(1.0)
    return state


def published_baseline_state(
    name: str, *, seed: int = 0
) -> OrderedDict[str, torch.Tensor]:
    """That of gnnmd, denoisingld or verletmd."""
    torch.manual_seed(seed)
    systems: dict[str, TrainableSystem] = {
        "gnnmd": GNNMD(GNNMDConfig(binding_net=NET)),
        "denoisingld": DenoisingLD(DenoisingLDConfig(binding_net=NET)),
        "verletmd": VerletMD(
            VerletMDConfig(binding_net=NET, time_convention="published")
        ),
    }
    return _under_their_names(systems[name])


def _under_their_names(system: TrainableSystem) -> OrderedDict[str, torch.Tensor]:
    state = system.state_dict()
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
