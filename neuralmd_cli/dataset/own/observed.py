"""Snapshots of a ligand that were seen before a run, which goes on from the last."""

from dataclasses import dataclass
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from neuralmd_cli.dataset.own.rigid import holds_ligand_alone, read_rigid
from neuralmd_cli.dataset.own.system import OwnFiles, topology_file
from neuralmd_cli.errors import InputError
from neuralmd_cli.mdtraj_guard import quiet_mdtraj
from neuralmd_cli.readers import read_topology
from neuralmd_cli.structure.ligand import read_ligand

ELSEWHERE = 10.0
"""Å; a ligand that begins this far from its pose was laid on another structure."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """Positions of the ligand's heavy atoms, in the coordinates of the protein."""

    positions: Float[Tensor, "snapshots atoms 3"]  # Å; atoms in the ligand file's order
    spacing_ps: float
    notes: tuple[str, ...]


def read_observed(
    trajectory: Path, protein: Path, ligand: Path, *, ligand_index: int | None = None
) -> Observed:
    """Read the trajectory of a ligand, as `md` and `simulate` write it.

    Args:
        trajectory: of the ligand alone, laid on the protein's file; its topology is
            the .pdb beside it.
        protein, ligand: structure files of the same complex.
        ligand_index: which molecule of the ligand's file, from 1.

    Raises:
        InputError: a file that cannot be read or is of another ligand, one that holds
            more than the ligand or has it elsewhere, fewer than two frames, or frames
            without times.
    """
    files = OwnFiles(protein=protein, ligand=ligand, trajectory=trajectory)
    top = topology_file(files)
    with quiet_mdtraj():
        topology = read_topology(top)
        if not holds_ligand_alone(topology):
            raise InputError(
                f"{trajectory.name} holds more than the ligand (by {top.name}).",
                hint="Give the ligand alone, laid on the protein's file, as "
                "`neuralmd md` writes it without --with-protein.",
            )
        try:
            reading, _ = read_rigid(
                files, topology, top.name, name="observed", ligand_index=ligand_index
            )
        except InputError as error:
            if "--spacing-ps" not in (error.hint or ""):
                raise
            # What other commands ask for by an option, a run has no option for.
            hint = "Write it with times, as .xtc has them, or by `neuralmd md`."
            raise InputError(error.message, hint=hint) from None
    recording = reading.recording
    pose = read_ligand(ligand, ligand_index).ligand.positions
    far = float((recording.positions[0].mean(dim=0) - pose.mean(dim=0)).norm())
    if far > ELSEWHERE:
        raise InputError(
            f"{trajectory.name}: the ligand begins {far:.0f} Å from its pose in "
            f"{ligand.name}.",
            hint="Lay the trajectory on the protein's file, as `neuralmd md` does.",
        )
    last = recording.n_frames * recording.spacing_ps
    return Observed(
        positions=recording.positions,
        spacing_ps=recording.spacing_ps,
        notes=(
            f"The run begins at the last of the {recording.n_frames} snapshots of "
            f"{trajectory.name} ({last:g} ps, one each {recording.spacing_ps:g} ps); "
            "the test below was of runs from one structure.",
        ),
    )
