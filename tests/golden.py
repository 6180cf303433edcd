"""Golden numbers from the authors' implementation, loaded as our objects."""

import json
from pathlib import Path

import numpy as np
import torch

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.published import rename_published
from neuralmd_cli.complex import Batch, Complex, Ligand, Protein, collate
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

TOLERANCE = {torch.float64: 1e-9, torch.float32: 5e-5}
EXTRA = {
    ("binding02_multi", "gamma"): "gamma_02",
    ("binding04_single", "gamma"): "gamma_04_A",
    ("verletmd", "last_layer.weight"): "verlet_last_layer.weight",
    ("verletmd", "last_layer.bias"): "verlet_last_layer.bias",
}
"""Extra parameters whose name in the file is another."""
SUFFIX = {torch.float64: "f64", torch.float32: "f32"}


def golden_complex(folder: Path, name: str, dtype: torch.dtype) -> Complex:
    """Complex A, B or C of the goldens."""
    data = np.load(folder / "inputs.npz")

    def real(key: str) -> torch.Tensor:
        return torch.from_numpy(data[f"{name}.{key}"]).to(dtype)

    ligand = Ligand(
        positions=real("pos0"),
        atomic_numbers=torch.from_numpy(data[f"{name}.z"]) + 1,
        masses=real("mass"),
        bonds=torch.zeros(0, 2, dtype=torch.long),
    )
    residues = len(data[f"{name}.CA"])
    protein = Protein(
        n=real("N"),
        ca=real("CA"),
        c=real("C"),
        residue_types=torch.from_numpy(data[f"{name}.restype"]),
        segments=torch.zeros(residues, dtype=torch.long),
        obstacle_positions=torch.zeros(0, 3, dtype=dtype),
        obstacle_numbers=torch.zeros(0, dtype=torch.long),
    )
    return Complex(ligand=ligand, protein=protein)


def golden_batch(folder: Path, name: str, dtype: torch.dtype) -> Batch:
    return collate([golden_complex(folder, name, dtype)])


def golden_velocity(folder: Path, name: str, dtype: torch.dtype) -> torch.Tensor:
    data = np.load(folder / "inputs.npz")
    return torch.from_numpy(data[f"{name}.vel0"]).to(dtype)


def golden_state(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """A state dict of the goldens, `tiny_` ones too, under the authors' names."""
    if name.startswith("tiny_"):
        with np.load(folder / f"{name}.npz") as arrays:
            return {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    index = json.loads((folder / "state_dict_index.json").read_text())[name]
    state = {}
    for prefix, file in index["prefix_to_weight_file"].items():
        with np.load(folder / file) as arrays:
            for key in arrays.files:
                state[f"{prefix}.{key}"] = torch.from_numpy(arrays[key])
    with np.load(folder / "weights_extra.npz") as extra:
        for key in index["extra_parameters"]:
            state[key] = torch.from_numpy(extra[EXTRA.get((name, key), key)])
    assert {k: list(v.shape) for k, v in state.items()} == {
        k: shape for k, (shape, _) in index["state_dict"].items()
    }
    return state


def golden_model(folder: Path, name: str, dtype: torch.dtype) -> TrainableSystem:
    """A model of the goldens, `tiny_` ones too, with its weights."""
    state = golden_state(folder, name)
    model = BUILDERS[name.removeprefix("tiny_")](golden_binding_net(state), state)
    model = model.to(dtype)
    model.load_state_dict(
        {
            k: v.to(dtype) if v.is_floating_point() else v
            for k, v in rename_published(state).items()
        }
    )
    return model.eval()


def golden_binding_net(state: dict[str, torch.Tensor]) -> BindingNetConfig:
    """The sizes of a state dict."""
    layers = {k.split(".")[2] for k in state if "ligand_model.message_layers." in k}
    return BindingNetConfig(
        variant="published",
        channels=state["ligand_model.z_emb.weight"].shape[1],
        radial_functions=len(state["ligand_model.radial_emb.means"]),
        ligand_layers=len(layers),
    )


def _ode(net: BindingNetConfig, state: dict[str, torch.Tensor]) -> NeuralODE:
    return NeuralODE(
        NeuralODEConfig(
            binding_net=net,
            time_convention="published",
            initial_velocity_network=_has(state, "velocity_model"),
            velocity_refinement=float(_has(state, "refined_velocity_model")),
        )
    )


def _sde(net: BindingNetConfig, state: dict[str, torch.Tensor]) -> NeuralSDE:
    rows = len(state["gamma"])
    return NeuralSDE(
        NeuralSDEConfig(
            noise="published-scalar" if rows == 1 else "published-coordinate",
            noise_rows=rows,
            binding_net=net,
            time_convention="published",
            initial_velocity_network=_has(state, "velocity_model"),
        )
    )


def _verlet(net: BindingNetConfig, state: dict[str, torch.Tensor]) -> VerletMD:
    return VerletMD(
        VerletMDConfig(binding_net=net, time_convention="published", step_ps=1.0)
    )


def _gnn(net: BindingNetConfig, state: dict[str, torch.Tensor]) -> GNNMD:
    return GNNMD(GNNMDConfig(binding_net=net, step_ps=1.0))


def _denoising(net: BindingNetConfig, state: dict[str, torch.Tensor]) -> DenoisingLD:
    return DenoisingLD(DenoisingLDConfig(binding_net=net, step_ps=1.0, sub_steps=1))


def _has(state: dict[str, torch.Tensor], module: str) -> bool:
    return any(key.startswith(f"{module}.") for key in state)


BUILDERS = {
    "binding01_multi": _ode,
    "binding01_single": _ode,
    "binding02_multi": _sde,
    "binding04_single": _sde,
    "verletmd": _verlet,
    "gnnmd": _gnn,
    "denoisingld": _denoising,
}


def error(ours: torch.Tensor, golden: np.ndarray) -> float:
    """Largest deviation as a share of the golden's rms."""
    reference = torch.from_numpy(golden).double()
    deviation = (ours.detach().double().reshape(reference.shape) - reference).abs()
    return float(deviation.max() / reference.square().mean().sqrt())
