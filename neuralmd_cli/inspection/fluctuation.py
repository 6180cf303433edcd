"""How much the ligand of a loaded trajectory fluctuates."""

from neuralmd_cli.analysis.geometry import Superpose, in_frame_of
from neuralmd_cli.analysis.rmsf import Rmsf, rmsf
from neuralmd_cli.errors import InputError
from neuralmd_cli.readers import LoadedTrajectory


def fluctuation(loaded: LoadedTrajectory, superpose: Superpose, window: int) -> Rmsf:
    """RMSF of the heavy atoms, in the frame of what is held still.

    Raises:
        InputError: fewer snapshots than a window takes.
    """
    if not 2 <= window <= loaded.n_frames:
        raise InputError(
            f"{loaded.path.name} has {loaded.n_frames} snapshots, a window takes "
            f"{window}.",
            hint="Take a smaller --window (2 or more), or a longer trajectory.",
        )
    heavy = loaded.positions[:, loaded.heavy]
    return rmsf(in_frame_of(superpose, heavy, loaded.ca_positions), window)
