"""Make a neuralmd-sde checkpoint of neuralmd-ode weights, without training.

    python scripts/sde_from_ode.py weights/neuralmd-ode.safetensors sde.safetensors

The force, friction, tether and thermal speed are those of the ODE; every atom is as
warm as the temperature says (no noise network). At 0 K and without keeping bonds it is
the same equation.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from neuralmd_cli.models.neuralmd_ode.config import NeuralODEConfig
from neuralmd_cli.models.neuralmd_sde.config import NeuralSDEConfig
from neuralmd_cli.models.neuralmd_sde.system import NeuralSDE
from neuralmd_cli.weights.checkpoint import (
    CheckpointMetadata,
    load_checkpoint,
    save_checkpoint,
)

NOT_CARRIED = ("solver", "velocity_rule", "initial_velocity_network")
"""Fields of the ODE's config that mean something else, or nothing, to the SDE."""


def sde_config(ode: Mapping[str, Any]) -> NeuralSDEConfig:
    """The SDE with the force, friction and tether of an ODE's config.

    Raises:
        ValueError: an ODE that no Langevin equation has this drift of.
    """
    config = NeuralODEConfig.from_dict(dict(ode))
    if config.time_convention != "consistent" or config.velocity_refinement:
        raise ValueError("only our own ODE without velocity refinement")
    values = config.to_dict()
    carried = {k: v for k, v in values.items() if k not in NOT_CARRIED}
    del carried["velocity_refinement"]
    return NeuralSDEConfig.from_dict(
        NeuralSDEConfig(
            friction_per_ps=config.friction_per_ps,
            tether_per_ps2=config.tether_per_ps2,
            thermal_speed=config.thermal_speed,
            velocity_rule="thermal",
            noise_network=False,
        ).to_dict()
        | carried
    )


def sde_tensors(ode: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """BindingNet alone; a network for initial velocities is left out."""
    return {k: v for k, v in ode.items() if k.startswith("binding_net.")}


def convert(source: Path, output: Path) -> str:
    """Write the checkpoint; return its SHA-256."""
    checkpoint = load_checkpoint(source)
    old = checkpoint.metadata
    return save_checkpoint(
        output,
        sde_tensors(checkpoint.tensors),
        CheckpointMetadata(
            name=output.stem,
            model=NeuralSDE.name,
            config=sde_config(old.config).to_dict(),
            training_data=dict(old.training_data) | {source.name: checkpoint.sha256},
            training_command=f"python scripts/sde_from_ode.py {source.name}",
            training_seed=old.training_seed,
        ),
    )


def main() -> None:
    """Convert one file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args()
    print(f"{options.output}: {convert(options.source, options.output)}")


if __name__ == "__main__":
    main()
