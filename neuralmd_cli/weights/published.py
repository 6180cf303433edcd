"""The authors' checkpoints to ours: nothing is unpickled but tensors.

Key names, shapes and conventions are those of the public model release. Sizes come
from the tensors; step, scaling and the refinement's coefficient, which no tensor
tells, from the training flags or from the user.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.published import published_name, rename_published
from neuralmd_cli.errors import OutputError, WeightsError
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from neuralmd_cli.weights.hyperparameters import (
    Hyperparameters,
    Settings,
    read_hyperparameters,
)
from neuralmd_cli.weights.pickles import read_state
from neuralmd_cli.weights.registry import file_sha256

SNAPSHOT_PS = 80.0
"""Time between two snapshots of the trajectories the authors trained on."""
ODE = "NeuralMD_Binding01"
SYSTEM = NeuralODE.name
REFINEMENT_KEYS = "velocity_refinement."
MODULES = ("ligand_model", "protein_model", "complex_model")
NAMED = 3
"""How many wrong tensors of a kind a message names."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import made, and what the user should know about it."""

    sha256: str  # of the checkpoint written
    config: NeuralODEConfig
    notes: tuple[str, ...]


def import_published(
    model: Path,
    output: Path,
    *,
    hyperparameters: Path | None = None,
    name: str | None = None,
    step: float | None = None,
    scaling: float | None = None,
    velocity_refinement: float | None = None,
) -> Imported:
    """Write one of the authors' ODE checkpoints as a checkpoint of ours.

    Args:
        model: their file, a pickled dict of tensors.
        output: a .safetensors file.
        hyperparameters: their training flags.
        name: what the checkpoint calls itself; by default the name of `output`.
        step, scaling: snapshots per solver step, and per unit of model time; these
            and `velocity_refinement`, the paper's alpha, go before the flags.

    Raises:
        WeightsError: not a whole checkpoint of neuralmd-ode, or a setting that
            neither the flags nor the arguments give.
        OutputError: the checkpoint cannot be written there.
    """
    if output.suffix != ".safetensors":
        raise OutputError(
            f"{output.name}: checkpoints are safetensors files.",
            hint="Give --output a name that ends in .safetensors.",
        )
    state = read_state(model)
    _refuse_other_systems(model.name, state)
    flags = read_hyperparameters(hyperparameters) if hyperparameters else None
    settings = Settings(
        flags=flags, step=step, scaling=scaling, velocity_refinement=velocity_refinement
    )
    net = _binding_net(model.name, state)
    _refuse_contradictions(flags, net)
    tensors = _renamed(model.name, state, net)
    refinement, notes = settings.refinement(_has(state, "refined_velocity_model"))
    if not refinement:
        tensors = {
            k: v for k, v in tensors.items() if not k.startswith(REFINEMENT_KEYS)
        }
    config = NeuralODEConfig(
        binding_net=net,
        time_convention="published",
        ps_per_time_unit=settings.positive("scaling") * SNAPSHOT_PS,
        solver=settings.solver(),
        step_ps=settings.positive("step") * SNAPSHOT_PS,
        velocity_rule="zero",
        initial_velocity_network=_has(state, "velocity_model"),
        velocity_refinement=refinement,
    )
    notes += _notes(config, state, flags)
    sources = [x for x in (model, hyperparameters) if x is not None]
    seed = flags.number("seed") if flags else None
    metadata = CheckpointMetadata(
        name=name or output.stem,
        model=SYSTEM,
        config=config.to_dict(),
        training_data={x.name: file_sha256(x) for x in sources},
        training_command=flags.as_command() if flags else "",
        training_seed=int(seed or 0),
    )
    sha256 = save_checkpoint(output, tensors, metadata)
    return Imported(sha256=sha256, config=config, notes=tuple(notes))


def _has(state: Mapping[str, Tensor], module: str) -> bool:
    return any(key.startswith(f"{module}.") for key in state)


def _refuse_other_systems(file_name: str, state: Mapping[str, Tensor]) -> None:
    """Refuse what is not, by its keys, an ODE with the usual radial basis."""
    if not any(_has(state, x) for x in MODULES):
        raise WeightsError(
            f"{file_name} holds tensors, but none of {', '.join(MODULES)}: it is not "
            "a NeuralMD checkpoint.",
            hint="Use a model.pth of the authors' model repository.",
        )
    system = None
    if _has(state, "sigma_model") or "gamma" in state:
        gamma = state.get("gamma")
        scalar = gamma is not None and gamma.shape[:1] == (1,)
        system = f"the SDE {'NeuralMD_Binding02' if scalar else 'NeuralMD_Binding04'}"
    elif _has(state, "last_layer") or any(".scalarization_linear." in x for x in state):
        system = "VerletMD"
    if system:
        raise WeightsError(
            f"{file_name} is a checkpoint of {system}; this version runs "
            f"{SYSTEM} only.",
            hint=f"Import a checkpoint of {ODE}, the ODE.",
        )
    if any(key.endswith(".offset") for key in state):
        raise WeightsError(
            f"{file_name} was trained with the radial basis RBF_repredding_02 in its "
            "protein module, which this version does not have.",
            hint="Import a checkpoint trained with RBF_repredding_01, the default.",
        )


def _binding_net(file_name: str, state: Mapping[str, Tensor]) -> BindingNetConfig:
    """The sizes that the shapes of a state dict give."""

    def shape(key: str, axes: int) -> torch.Size:
        if key not in state or state[key].dim() != axes:
            problem = "has another shape" if key in state else "is missing"
            raise WeightsError(
                f"{file_name}: the tensor {key} {problem}, so the model's size is "
                "unknown.",
                hint="The file is not whole; download it again.",
            )
        return state[key].shape

    def layers(pattern: str) -> int:
        numbers = {x[1] for x in map(re.compile(pattern).match, state) if x}
        return len(numbers)

    channels = shape("ligand_model.z_emb.weight", 2)[1]
    radial = shape("ligand_model.radial_emb.means", 1)[0]
    # The basis is linear in exp(-d), from the cutoff on.
    lowest = float(state["ligand_model.radial_emb.means"][0]) if radial else 0.0
    try:
        cutoff = round(-math.log(lowest), 4)
        return BindingNetConfig(
            variant="published",
            channels=channels,
            radial_functions=radial,
            cutoff=cutoff,
            pair_cutoff=cutoff,
            ligand_layers=layers(r"ligand_model\.message_layers\.(\d+)\."),
            complex_layers=layers(r"complex_model\.complex_frame_layers\.(\d+)\."),
        )
    except ValueError as error:
        raise WeightsError(
            f"{file_name}: no BindingNet has these sizes ({error}).",
            hint="The file is damaged, or of another model.",
        ) from None


def _refuse_contradictions(
    flags: Hyperparameters | None, net: BindingNetConfig
) -> None:
    """Refuse flags that belong to another checkpoint, whose step may differ too."""
    if flags is None:
        return
    trained = flags.text("NeuralMD_binding_model")
    if trained not in (None, ODE):
        raise WeightsError(
            f"{flags.file_name} is of {trained}, but the tensors are those of {ODE}.",
            hint="Give the hyperparameter.txt that lies beside this checkpoint.",
        )
    for flag, size in {
        "emb_dim": net.channels,
        "FrameNet_num_radial": net.radial_functions,
        "FrameNet_cutoff": net.cutoff,
        "FrameNet_num_layers": net.ligand_layers,
        "FrameNet_complex_layer": net.complex_layers,
    }.items():
        said = flags.number(flag)
        if said is not None and said != size:
            raise WeightsError(
                f"{flags.file_name} says {flag} {said:g}, but the tensors say "
                f"{size:g}: it belongs to another checkpoint.",
                hint="Give the hyperparameter.txt that lies beside this checkpoint.",
            )


def _renamed(
    file_name: str, state: Mapping[str, Tensor], net: BindingNetConfig
) -> dict[str, Tensor]:
    """The state dict under our names, whole and of the right shapes."""
    config = NeuralODEConfig(
        binding_net=net,
        initial_velocity_network=_has(state, "velocity_model"),
        velocity_refinement=float(_has(state, "refined_velocity_model")),
    )
    with torch.device("meta"):  # shapes only: nothing is drawn
        expected = {
            published_name(k): v for k, v in NeuralODE(config).state_dict().items()
        }
    halves = (torch.float16, torch.bfloat16)
    found = {k: v.float() if v.dtype in halves else v for k, v in state.items()}
    both = expected.keys() & found.keys()
    wrong = {
        "missing": sorted(expected.keys() - found.keys()),
        "too many": sorted(found.keys() - expected.keys()),
        "of another shape or type": [
            f"{k} {list(found[k].shape)} instead of {list(expected[k].shape)}"
            for k in sorted(both)
            if found[k].shape != expected[k].shape
            or found[k].is_floating_point() != expected[k].is_floating_point()
        ],
    }
    problems = [
        f"{len(keys)} {'is' if len(keys) == 1 else 'are'} {kind} "
        f"({', '.join(keys[:NAMED])}{', ...' if len(keys) > NAMED else ''})"
        for kind, keys in wrong.items()
        if keys
    ]
    if problems:
        raise WeightsError(
            f"{file_name}: its tensors are not those of {SYSTEM}: "
            f"{'; '.join(problems)}.",
            hint="The file is damaged, or of another model; download it again.",
        )
    return rename_published(found)


def _notes(
    config: NeuralODEConfig, state: Mapping[str, Tensor], flags: Hyperparameters | None
) -> list[str]:
    notes = []
    if config.initial_velocity_network:
        notes.append(
            "The network for the initial velocity was kept, but it needs two "
            "snapshots: a start from one structure has velocity 0."
        )
    networks = ("velocity_model", "refined_velocity_model")
    if flags is None and not any(_has(state, x) for x in networks):
        notes.append(
            "GNNMD and DenoisingLD checkpoints have the same tensors, so without "
            "training flags nothing shows that this is an ODE."
        )
    return notes
