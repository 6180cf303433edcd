"""The authors' systems: how each is recognised, and which config it becomes.

A system is one row of `PUBLISHED`. Its tensors are those of our class of it: names and
shapes are compared with that, so a row only says what no tensor tells.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.errors import WeightsError
from neuralmd_cli.models.denoisingld.config import DenoisingLDConfig
from neuralmd_cli.models.denoisingld.system import DenoisingLD
from neuralmd_cli.models.gnnmd.config import GNNMDConfig
from neuralmd_cli.models.gnnmd.system import GNNMD
from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.models.neuralmd_sde.config import NeuralSDEConfig
from neuralmd_cli.models.neuralmd_sde.system import NeuralSDE
from neuralmd_cli.models.system import SystemConfig, TrainableSystem
from neuralmd_cli.models.verletmd.config import VerletMDConfig
from neuralmd_cli.models.verletmd.system import VerletMD
from neuralmd_cli.weights.hyperparameters import Settings
from neuralmd_cli.weights.published_state import has

SNAPSHOT_PS = 80.0
"""Time between two snapshots of the trajectories the authors trained on."""
State = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class PublishedSystem:
    """What is particular to one of the authors' systems."""

    system: type[TrainableSystem]
    marks: Callable[[State], bool]
    """True for a state dict that this system has the parts for."""
    config: Callable[[BindingNetConfig, State, Settings], SystemConfig]
    """What it becomes; raises WeightsError where a setting is missing."""
    notes: Callable[[State, Settings], list[str]]
    """What the user should know about it."""
    trained_as: tuple[str, ...] = ()
    """Values of the flag NeuralMD_binding_model; those of the baselines have none."""
    unused: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shapes of tensors that their forward pass does not read, and ours do without."""
    takes: tuple[str, ...] = ()
    """The settings that mean something to it."""

    @property
    def name(self) -> str:
        """Our name of the system."""
        return self.system.name

    def whole(self, net: BindingNetConfig, state: State) -> TrainableSystem:
        """The system with every network of the file; shapes only, nothing is drawn."""
        neutral = Settings(flags=None, step=1.0, scaling=1.0, velocity_refinement=1.0)
        return self.built(self.config(net, state, neutral))

    def built(self, config: SystemConfig) -> TrainableSystem:
        """The system that a config describes, without memory for its tensors."""
        with torch.device("meta"):
            made = self.system.from_config(config.to_dict())
        if not isinstance(made, TrainableSystem):
            raise TypeError(f"{self.name} has no weights")
        return made


def _ode(net: BindingNetConfig, state: State, settings: Settings) -> NeuralODEConfig:
    refinement, _ = settings.refinement(has(state, "refined_velocity_model"))
    return NeuralODEConfig(
        binding_net=net,
        time_convention="published",
        ps_per_time_unit=settings.positive("scaling") * SNAPSHOT_PS,
        solver=settings.solver(),
        step_ps=settings.positive("step") * SNAPSHOT_PS,
        velocity_rule="zero",
        initial_velocity_network=has(state, "velocity_model"),
        velocity_refinement=refinement,
    )


def _ode_notes(state: State, settings: Settings) -> list[str]:
    _, notes = settings.refinement(has(state, "refined_velocity_model"))
    return notes + _two_snapshots(state)


def _sde(net: BindingNetConfig, state: State, settings: Settings) -> NeuralSDEConfig:
    rows = len(state["gamma"]) if _is_table(state.get("gamma")) else 1
    return NeuralSDEConfig(
        noise="published-scalar" if rows == 1 else "published-coordinate",
        noise_rows=rows,
        binding_net=net,
        time_convention="published",
        ps_per_time_unit=settings.positive("scaling") * SNAPSHOT_PS,
        solver=settings.solver(),
        step_ps=settings.positive("step") * SNAPSHOT_PS,
        velocity_rule="zero",
        initial_velocity_network=has(state, "velocity_model"),
    )


def _sde_notes(state: State, settings: Settings) -> list[str]:
    notes = _two_snapshots(state)
    rows = len(state["gamma"])
    if rows > 1:
        notes.append(
            f"The noise has a scale for each of {rows} atoms, so these weights run one "
            "ligand only, the one they were trained on."
        )
    _, unused = settings.refinement(False)
    return unused + notes


def _is_table(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.dim() == 2 and len(tensor) > 0


def _two_snapshots(state: State) -> list[str]:
    if not has(state, "velocity_model"):
        return []
    return [
        "The network for the initial velocity was kept, but it needs two snapshots: a "
        "start from one structure has velocity 0."
    ]


def _verlet(net: BindingNetConfig, state: State, settings: Settings) -> VerletMDConfig:
    return VerletMDConfig(
        binding_net=net,
        time_convention="published",
        ps_per_time_unit=SNAPSHOT_PS,
        step_ps=SNAPSHOT_PS,
    )


def _gnn(net: BindingNetConfig, state: State, settings: Settings) -> GNNMDConfig:
    return GNNMDConfig(binding_net=net, step_ps=SNAPSHOT_PS)


def _denoising(
    net: BindingNetConfig, state: State, settings: Settings
) -> DenoisingLDConfig:
    return DenoisingLDConfig(binding_net=net, step_ps=SNAPSHOT_PS, sub_steps=10)


def _no_notes(state: State, settings: Settings) -> list[str]:
    return []


def _has_noise(state: State) -> bool:
    return has(state, "sigma_model") or has(state, "gamma")


def _has_energy(state: State) -> bool:
    return has(state, "last_layer") or any(".scalarization_linear." in x for x in state)


def _is_ode(state: State) -> bool:
    return not (_has_noise(state) or _has_energy(state))


def _is_plain(state: State) -> bool:
    velocities = has(state, "velocity_model") or has(state, "refined_velocity_model")
    return _is_ode(state) and not velocities


PUBLISHED = (
    PublishedSystem(
        system=NeuralODE,
        marks=_is_ode,
        config=_ode,
        notes=_ode_notes,
        trained_as=("NeuralMD_Binding01",),
        takes=("step", "scaling", "velocity_refinement"),
    ),
    PublishedSystem(
        system=NeuralSDE,
        marks=_has_noise,
        config=_sde,
        notes=_sde_notes,
        trained_as=("NeuralMD_Binding02", "NeuralMD_Binding04"),
        unused={"T": ()},
        takes=("step", "scaling"),
    ),
    PublishedSystem(
        system=VerletMD, marks=_has_energy, config=_verlet, notes=_no_notes
    ),
    PublishedSystem(system=GNNMD, marks=_is_plain, config=_gnn, notes=_no_notes),
    PublishedSystem(
        system=DenoisingLD, marks=_is_plain, config=_denoising, notes=_no_notes
    ),
)
"""Every system of which the authors have checkpoints."""


def recognise(
    file_name: str, state: State, settings: Settings, model: str | None
) -> PublishedSystem:
    """The system of a state dict: by its keys, its training flags, then by `model`.

    Raises:
        WeightsError: these contradict each other, or leave more than one open.
    """
    by_keys = [x for x in PUBLISHED if x.marks(state)]
    named = " or ".join(x.name for x in by_keys)
    found = _by_flags(file_name, by_keys, named, settings)
    if model is not None:
        if model not in {x.name for x in PUBLISHED}:
            known = ", ".join(x.name for x in PUBLISHED)
            raise WeightsError(
                f"--model {model}: there are no checkpoints of the authors' of it.",
                hint=f"Known are {known}.",
            )
        found = [x for x in found if x.name == model]
        if not found:
            raise WeightsError(
                f"{file_name} is no checkpoint of {model}: its tensors or training "
                f"flags are those of {named}.",
                hint="Leave --model out.",
            )
    if len(found) > 1:
        raise WeightsError(
            f"{file_name} may be of {', '.join(x.name for x in found)}: their tensors "
            "are the same, and no training flag tells them apart.",
            hint="Say which it is with --model, or give --hyperparameters.",
        )
    _refuse_settings(found[0], settings)
    return found[0]


def _by_flags(
    file_name: str, by_keys: list[PublishedSystem], named: str, settings: Settings
) -> list[PublishedSystem]:
    """Those of `by_keys` that fit the training flags."""
    flags = settings.flags
    if flags is None:
        return by_keys
    trained = flags.text("NeuralMD_binding_model")
    if trained is None and not flags.of_neuralmd:
        return by_keys
    found = [
        x for x in by_keys if (trained in x.trained_as if trained else x.trained_as)
    ]
    if not found:
        raise WeightsError(
            f"{flags.file_name} is of {trained or 'NeuralMD'}, but the tensors of "
            f"{file_name} are those of {named}.",
            hint="Give the hyperparameter.txt that lies beside this checkpoint.",
        )
    return found


def _refuse_settings(found: PublishedSystem, settings: Settings) -> None:
    for setting in settings.by_hand:
        if setting not in found.takes:
            option = "--" + setting.replace("_", "-")
            raise WeightsError(
                f"{option} means nothing to a checkpoint of {found.name}.",
                hint=f"Leave {option} out.",
            )
