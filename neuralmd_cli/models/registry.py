"""Every system, by the name that users give to `--model`."""

from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.models.neuralmd_sde.system import NeuralSDE
from neuralmd_cli.models.system import System

SYSTEMS: dict[str, type[System]] = {
    x.name: x
    for x in (
        NeuralODE,
        NeuralSDE,
    )
}
