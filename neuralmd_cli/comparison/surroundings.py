"""What a predicted ligand can run into, from its own trajectory file."""

from dataclasses import dataclass

import torch

from neuralmd_cli.analysis.scores import Obstacles
from neuralmd_cli.readers import LoadedTrajectory, ca_atoms

_BACKBONE = {"N", "CA", "C"}


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Heavy atoms that stand still around a ligand; both may be empty."""

    heavy: Obstacles  # all but water
    backbone: Obstacles  # N, CA and C of protein residues


def rigid_surroundings(loaded: LoadedTrajectory) -> Surroundings:
    """The protein and what goes with it, if the file has them and they do not move.

    A reader keeps the first frame of all atoms but the ligand's, so a protein whose CA
    atoms move gives nothing.
    """
    ca = loaded.ca_positions
    if not ca.shape[1] or not bool((ca == ca[0]).all()):
        return Surroundings(heavy=_none(loaded), backbone=_none(loaded))
    atoms = [
        atom
        for atom in loaded.topology.atoms
        if atom.residue.index != loaded.ligand_index
    ]
    heavy = (loaded.other_numbers > 1) & torch.tensor(
        [not atom.residue.is_water for atom in atoms]
    )
    residues = {atom.residue.index for atom in ca_atoms(loaded.topology, -1)}
    spine = torch.tensor(
        [atom.residue.index in residues and atom.name in _BACKBONE for atom in atoms]
    )
    heavy_atoms, backbone = (
        Obstacles(
            positions=loaded.other_positions[rows],
            atomic_numbers=loaded.other_numbers[rows],
        )
        for rows in (heavy, spine)
    )
    return Surroundings(heavy=heavy_atoms, backbone=backbone)


def _none(loaded: LoadedTrajectory) -> Obstacles:
    """No obstacle."""
    return Obstacles(
        positions=loaded.other_positions[:0], atomic_numbers=loaded.other_numbers[:0]
    )
