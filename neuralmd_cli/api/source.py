"""What a function that looks at trajectories is given: a file, or a simulation."""

from os import PathLike
from pathlib import Path

from neuralmd_cli.api.simulation import Simulation
from neuralmd_cli.errors import InputError
from neuralmd_cli.opening.opened import Opened, open_snapshots, open_trajectory
from neuralmd_cli.readers import LoadedTrajectory

File = str | PathLike[str]
Source = File | Simulation


def snapshots(
    source: Source, top: File | None, ligand_residue: str | None, replica: int
) -> LoadedTrajectory:
    """The ligand's snapshots alone.

    Raises:
        InputError: as `open_snapshots`, or no such replica.
    """
    return open_snapshots(_file(source, replica), _path(top), ligand_residue)


def opened(
    source: Source,
    *,
    top: File | None,
    ligand_residue: str | None,
    ligand: File | None,
    smiles: str | None,
    every: int,
    replica: int,
    protein: File | None = None,
    with_surroundings: bool = False,
) -> Opened:
    """A trajectory with what belongs to it.

    Raises:
        InputError: as `open_trajectory`, or no such replica.
    """
    if every < 1:
        raise InputError(f"every must be 1 or more, not {every}.")
    return open_trajectory(
        _file(source, replica),
        top=_path(top),
        ligand_residue=ligand_residue,
        ligand=_path(ligand),
        smiles=smiles,
        protein=_path(protein),
        every=every,
        with_surroundings=with_surroundings,
    )


def _file(source: Source, replica: int) -> Path:
    if isinstance(source, Simulation):
        return source.trajectory_file(replica)
    if replica != 1:
        raise InputError(
            f"replica={replica} says nothing of a file.",
            hint="Name the replica's own file: traj_r2.dcd.",
        )
    return Path(source)


def _path(file: File | None) -> Path | None:
    return None if file is None else Path(file)
