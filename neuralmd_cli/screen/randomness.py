"""Random numbers of a ligand's own, wherever it stands in the input."""

import hashlib

from neuralmd_cli.complex import Ligand


def ligand_seed(seed: int, ligand: Ligand) -> int:
    """A seed from the screen's and from what the ligand is and where it lies.

    Elements, positions and bonds of the heavy atoms decide, not the title, the place in
    the file or the protein: the same pose draws the same in two proteins, so that
    these can be compared.

    Args:
        seed: of the screen.
        ligand: at the start, in the coordinates of its file.
    """
    digest = hashlib.sha256(str(seed).encode())
    for part in (ligand.atomic_numbers, ligand.positions, ligand.bonds):
        digest.update(part.contiguous().numpy().tobytes())
    return int.from_bytes(digest.digest()[:8]) >> 1
