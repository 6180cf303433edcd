"""What a user can get wrong, said in one sentence with a remedy."""

from neuralmd_cli.plain_text import printable


class NeuralMDError(Exception):
    """A problem the user can solve: what is wrong, and a hint at what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        # File names, and names inside files, may hold commands to a terminal.
        self.message = printable(message)
        self.hint = printable(hint)
        super().__init__(self.message)


class InputError(NeuralMDError):
    """A structure, ligand or trajectory file that cannot be used as it is."""


class WeightsError(NeuralMDError):
    """Weights that cannot be found, fetched, verified or loaded."""


class DownloadError(NeuralMDError):
    """Data that cannot be fetched, or that are not what they should be."""


class OutputError(NeuralMDError):
    """A result that cannot be written where it was asked for."""


class SimulationError(NeuralMDError):
    """A rollout that left the range in which its numbers mean anything."""


class TrainingError(NeuralMDError):
    """A training run that cannot go on."""


class DeviceError(NeuralMDError):
    """A device to compute on that this machine does not have."""
