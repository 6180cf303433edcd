"""BindingNet's force held within reach of the start, and how it is fitted alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.bindingnet.config import BindingNetConfig
from neuralmd_cli.bindingnet.model import BindingNet
from neuralmd_cli.complex import Batch
from neuralmd_cli.dynamics.restraint import Tethered
from neuralmd_cli.models.binding_force import binding_force
from neuralmd_cli.models.objective import pose_loss
from neuralmd_cli.models.system import Objective, Statistics, Window

FRICTION = 1 / 40.0
"""Per ps; with the tether at critical damping, motion ends after some 300 ps."""
CARBON = 12.0
"""amu; sets the scale of the network's output."""


@runtime_checkable
class TetherConfig(Protocol):
    """What a config says about the tether."""

    @property
    def ps_per_time_unit(self) -> float:
        """Size of the model's unit of time."""
        ...

    @property
    def tether_per_ps2(self) -> float:
        """Stiffness per mass."""
        ...

    @property
    def reach(self) -> float:
        """Å that the learned force can hold an atom from the start."""
        ...


def damped_constants(
    statistics: Statistics, binding_net: BindingNetConfig, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Fields of a config: critically damped unless the options say otherwise.

    One unit of the network's output then holds a carbon atom 1 Å from its start,
    and the thermal speed swings the tether by the fluctuation of the data. In the
    published variant the output is the force, unscaled.
    """
    friction = float(options.get("friction_per_ps", FRICTION))
    tether = float(options.get("tether_per_ps2", friction**2 / 4))
    scale = CARBON * (tether or FRICTION**2 / 4)
    if binding_net.is_published:
        scale = 1.0
    return {
        "binding_net": replace(binding_net, force_scale=scale),
        "friction_per_ps": friction,
        "tether_per_ps2": tether,
        "thermal_speed": round(statistics.fluctuation * tether**0.5, 5),
        "trained_elements": statistics.elements,
    }


def tethered_force(
    binding_net: BindingNet, batch: Batch, config: TetherConfig
) -> Tethered:
    """Forces in the pockets of a batch, tethered to its positions."""
    return Tethered(
        force_field=binding_force(binding_net, batch, unit=config.ps_per_time_unit**-2),
        reference=batch.positions,
        masses=batch.masses,
        stiffness_per_ps2=config.tether_per_ps2,
        reach=config.reach,
    )


def start_pull(tethered: Tethered) -> Float[Tensor, "atoms 3"]:
    """Displacement (Å) that the force at the start would hold, if it stayed."""
    start = tethered.reference
    return tethered.pull(start.new_zeros(()), start)


def pull_error(
    tethered: Tethered,
    window: Window,
    objective: Objective,
    gain: float,
    pose: Float[Tensor, "atoms 3"] | None = None,
) -> Float[Tensor, ""]:
    """One evaluation instead of a rollout: where the force at the start points.

    A tethered ligand settles where the remaining force balances the tether, short
    of the target; hence the gain. `pose` is where it settles without that force; by
    default at the start.
    """
    rest = tethered.reference if pose is None else pose
    positions = (rest + start_pull(tethered) / gain)[None]
    return pose_loss(positions, window.targets[-1:], window, objective)
