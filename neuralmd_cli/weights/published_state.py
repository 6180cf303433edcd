"""The authors' state dicts: what their shapes tell, and whether they are whole."""

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.published import published_name, rename_published
from neuralmd_cli.errors import WeightsError
from neuralmd_cli.models.system import TrainableSystem

MODULES = ("ligand_model", "protein_model", "complex_model")
NAMED = 3
"""How many wrong tensors of a kind a message names."""


def has(state: Mapping[str, Tensor], module: str) -> bool:
    """True if a tensor of the module, or of that name, is there."""
    return module in state or any(key.startswith(f"{module}.") for key in state)


def refuse_strangers(file_name: str, state: Mapping[str, Tensor]) -> None:
    """Refuse what is no BindingNet, or one with parts that this version lacks.

    Raises:
        WeightsError: saying which.
    """
    if not any(has(state, x) for x in MODULES):
        raise WeightsError(
            f"{file_name} holds tensors, but none of {', '.join(MODULES)}: it is not "
            "a NeuralMD checkpoint.",
            hint="Use a model.pth of the authors' model repository.",
        )
    if any(key.endswith(".offset") for key in state):
        raise WeightsError(
            f"{file_name} was trained with the radial basis RBF_repredding_02 in its "
            "protein module, which this version does not have.",
            hint="Import a checkpoint trained with RBF_repredding_01, the default.",
        )


def binding_net_of(file_name: str, state: Mapping[str, Tensor]) -> BindingNetConfig:
    """The sizes that the shapes of a state dict give.

    Raises:
        WeightsError: a tensor that gives one is missing or has another shape, or no
            BindingNet has these sizes.
    """

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
            neighbour_cap="lowest33_with_self",
        )
    except ValueError as error:
        raise WeightsError(
            f"{file_name}: no BindingNet has these sizes ({error}).",
            hint="The file is damaged, or of another model.",
        ) from None


def renamed(
    file_name: str,
    state: Mapping[str, Tensor],
    system: TrainableSystem,
    unused: Mapping[str, tuple[int, ...]],
) -> dict[str, Tensor]:
    """A state dict under our names, whole and of the right shapes.

    Args:
        file_name: for messages.
        state: under their names.
        system: what the tensors are for; its own are not looked at beyond their shape.
        unused: shapes of those that must be there and that ours does not have.

    Raises:
        WeightsError: counting and naming what is missing, too many or of another shape.
    """
    expected = {published_name(k): v for k, v in system.state_dict().items()}
    expected |= {k: torch.empty(shape, device="meta") for k, shape in unused.items()}
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
            f"{file_name}: its tensors are not those of {system.name}: "
            f"{'; '.join(problems)}.",
            hint="The file is damaged, or of another model; download it again.",
        )
    return rename_published(found)
