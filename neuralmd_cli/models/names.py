"""Every system by the name users give to `--model`, without importing any.

Commands list the names in their help, which must not wait for PyTorch.
"""

PLACES = {
    "neuralmd-ode": "neuralmd_cli.models.neuralmd_ode.system:NeuralODE",
    "neuralmd-sde": "neuralmd_cli.models.neuralmd_sde.system:NeuralSDE",
    "verletmd": "neuralmd_cli.models.verletmd.system:VerletMD",
    "gnnmd": "neuralmd_cli.models.gnnmd.system:GNNMD",
    "denoisingld": "neuralmd_cli.models.denoisingld.system:DenoisingLD",
    "cgmd": "neuralmd_cli.models.cgmd.system:CGMD",
    "frozen": "neuralmd_cli.models.baselines.frozen:Frozen",
    "linear": "neuralmd_cli.models.baselines.linear:Linear",
    "observed-mean": "neuralmd_cli.models.baselines.observed_mean:ObservedMean",
    "relaxed": "neuralmd_cli.models.baselines.relaxed:Relaxed",
    "mean-pose": "neuralmd_cli.models.baselines.mean_pose:MeanPose",
}
"""Module and class of each system."""
DEFAULT_MODEL = "neuralmd-ode"
"""The one meant by a command that is given neither a model nor weights."""
