"""Every system, by the name that users give to `--model`."""

from neuralmd_cli.models.cgmd.system import CGMD
from neuralmd_cli.models.denoisingld.system import DenoisingLD
from neuralmd_cli.models.gnnmd.system import GNNMD
from neuralmd_cli.models.neuralmd_ode.system import NeuralODE
from neuralmd_cli.models.neuralmd_sde.system import NeuralSDE
from neuralmd_cli.models.system import System
from neuralmd_cli.models.verletmd.system import VerletMD

SYSTEMS: dict[str, type[System]] = {
    x.name: x
    for x in (
        NeuralODE,
        NeuralSDE,
        VerletMD,
        GNNMD,
        DenoisingLD,
        CGMD,
    )
}
