"""The bond orders of a recording's ligand, from whatever its file says of them."""

from rdkit import Chem

from neuralmd_cli.dataset.recordings import Recordings
from neuralmd_cli.misato import ligand_at_start
from neuralmd_cli.recording import Recording
from neuralmd_cli.structure.recorded_molecule import recorded_molecule


def ligand_molecule(
    recordings: Recordings, name: str, recording: Recording, frame: int = 0
) -> Chem.Mol:
    """The heavy atoms with bond orders and charges, placed as in a snapshot.

    They are those of the SMILES, where the file has one, else as MISATO's hydrogens
    have it.

    Args:
        recordings: the file.
        name: of the complex in it.
        recording: of the complex.
        frame: whose places the atoms get.

    Raises:
        InputError: the file has neither, or no bond orders fit.
    """
    smiles = recording.attributes.get("smiles")
    numbers = recording.atomic_numbers.numpy()
    positions = recording.positions[frame].double().numpy()
    path = recordings.path
    if smiles is None and not recordings.is_store:
        numbers, positions = ligand_at_start(path, name)
    return recorded_molecule(
        numbers,
        positions,
        smiles=None if smiles is None else str(smiles),
        where=f"{path.name}: complex {name}",
    )
