"""Golden numbers from the authors' implementation, loaded as our objects."""

import json
from pathlib import Path
from typing import Any

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
from neuralmd_cli.models.system import TrainableSystem
from neuralmd_cli.models.verletmd.config import VerletMDConfig
from neuralmd_cli.models.verletmd.system import VerletMD

TOLERANCE = {torch.float64: 1e-9, torch.float32: 5e-5}
EXTRA = {
    "last_layer.weight": "verlet_last_layer.weight",
    "last_layer.bias": "verlet_last_layer.bias",
}
"""Names in `weights_extra.npz` of the parameters that belong to no module."""
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
    with np.load(folder / "weights_extra.npz") as arrays:
        for key in index["extra_parameters"]:
            state[key] = torch.from_numpy(arrays[EXTRA[key]])
    assert {k: list(v.shape) for k, v in state.items()} == {
        k: shape for k, (shape, _) in index["state_dict"].items()
    }
    return state


def golden_system(name: str) -> TrainableSystem:
    """The system of a model name of the goldens, `tiny_` or not; weights random."""
    sizes = {"channels": 16, "radial_functions": 8, "ligand_layers": 2}
    model = name.removeprefix("tiny_")
    binding_net = BindingNetConfig(
        variant="published", **(sizes if model != name else {})
    )
    if model == "verletmd":
        return VerletMD(
            VerletMDConfig(
                binding_net=binding_net, time_convention="published", step_ps=1.0
            )
        )
    if model == "gnnmd":
        return GNNMD(GNNMDConfig(binding_net=binding_net, step_ps=1.0))
    if model == "denoisingld":
        config = DenoisingLDConfig(binding_net=binding_net, step_ps=1.0, sub_steps=1)
        return DenoisingLD(config)
    return NeuralODE(
        NeuralODEConfig(
            binding_net=binding_net,
            time_convention="published",
            initial_velocity_network=model == "binding01_single",
            velocity_refinement=float(model == "binding01_multi"),
        )
    )


def golden_model(folder: Path, name: str, dtype: torch.dtype) -> Any:
    """A system with the goldens' weights, in eval mode."""
    model = golden_system(name).to(dtype)
    renamed = rename_published(golden_state(folder, name))
    model.load_state_dict(
        {k: v.to(dtype) if v.is_floating_point() else v for k, v in renamed.items()}
    )
    return model.eval()


def error(ours: torch.Tensor, golden: np.ndarray) -> float:
    """Largest deviation as a share of the golden's rms."""
    reference = torch.from_numpy(golden).double()
    deviation = (ours.detach().double().reshape(reference.shape) - reference).abs()
    return float(deviation.max() / reference.square().mean().sqrt())
