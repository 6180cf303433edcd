"""The authors' checkpoints to ours: nothing is unpickled but tensors.

Key names, shapes and conventions are those of the public model release. Sizes come
from the tensors; step, scaling and the refinement's coefficient, which no tensor
tells, from the training flags or from the user.
"""

from dataclasses import dataclass
from pathlib import Path

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.errors import OutputError, WeightsError
from neuralmd_cli.models.system import SystemConfig
from neuralmd_cli.weights.checkpoint import CheckpointMetadata, save_checkpoint
from neuralmd_cli.weights.hyperparameters import (
    Hyperparameters,
    Settings,
    read_hyperparameters,
)
from neuralmd_cli.weights.pickles import read_state
from neuralmd_cli.weights.published_state import (
    binding_net_of,
    refuse_strangers,
    renamed,
)
from neuralmd_cli.weights.published_systems import PublishedSystem, State, recognise
from neuralmd_cli.weights.registry import file_sha256


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import made, and what the user should know about it."""

    sha256: str  # of the checkpoint written
    system: str  # our name of it
    config: SystemConfig
    notes: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The system, its step, and its unit of time if it has one."""
        values = self.config.to_dict()
        steps = f"{values.get('solver', '')} steps".strip()
        parts = [f"published {self.system}", f"{steps} of {self.config.step_ps:g} ps"]
        if "ps_per_time_unit" in values:
            unit = values["ps_per_time_unit"]
            parts.append(f"one unit of its time is {unit:g} ps")
        return ", ".join(parts)


def import_published(
    model: Path,
    output: Path,
    *,
    hyperparameters: Path | None = None,
    system: str | None = None,
    name: str | None = None,
    step: float | None = None,
    scaling: float | None = None,
    velocity_refinement: float | None = None,
) -> Imported:
    """Write one of the authors' checkpoints as a checkpoint of ours.

    Args:
        model: their file, a pickled dict of tensors.
        output: a .safetensors file.
        hyperparameters: their training flags.
        system: which of those with the same tensors it is, where no flag tells.
        name: what the checkpoint calls itself; by default the name of `output`.
        step, scaling: snapshots per solver step, and per unit of model time; these
            and `velocity_refinement`, the paper's alpha, go before the flags.

    Raises:
        WeightsError: not a whole checkpoint of one of the authors' systems, or a
            setting that neither the flags nor the arguments give.
        OutputError: the checkpoint cannot be written there.
    """
    if output.suffix != ".safetensors":
        raise OutputError(
            f"{output.name}: checkpoints are safetensors files.",
            hint="Give --output a name that ends in .safetensors.",
        )
    state = read_state(model)
    refuse_strangers(model.name, state)
    flags = read_hyperparameters(hyperparameters) if hyperparameters else None
    settings = Settings(
        flags=flags, step=step, scaling=scaling, velocity_refinement=velocity_refinement
    )
    net = binding_net_of(model.name, state)
    found = recognise(model.name, state, settings, system)
    _refuse_contradictions(flags, net)
    tensors = renamed(model.name, state, found.whole(net, state), found.unused)
    config = _config(model.name, found, net, state, settings)
    # A network whose coefficient is 0 is checked like the rest, and left out.
    kept = found.built(config).state_dict().keys()
    sources = [x for x in (model, hyperparameters) if x is not None]
    seed = flags.number("seed") if flags else None
    metadata = CheckpointMetadata(
        name=name or output.stem,
        model=found.name,
        config=config.to_dict(),
        training_data={x.name: file_sha256(x) for x in sources},
        training_command=flags.as_command() if flags else "",
        training_seed=int(seed or 0),
    )
    sha256 = save_checkpoint(output, {k: tensors[k] for k in kept}, metadata)
    return Imported(
        sha256=sha256,
        system=found.name,
        config=config,
        notes=tuple(found.notes(state, settings)),
    )


def _config(
    file_name: str,
    found: PublishedSystem,
    net: BindingNetConfig,
    state: State,
    settings: Settings,
) -> SystemConfig:
    try:
        return found.config(net, state, settings)
    except ValueError as error:
        raise WeightsError(
            f"{file_name}: no {found.name} runs with these settings ({error}).",
            hint="Give the hyperparameter.txt that lies beside this checkpoint.",
        ) from None


def _refuse_contradictions(
    flags: Hyperparameters | None, net: BindingNetConfig
) -> None:
    """Refuse flags that belong to another checkpoint, whose step may differ too."""
    if flags is None:
        return
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
