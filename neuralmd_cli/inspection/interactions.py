"""Interactions of a ligand with the residues around it, by ProLIF."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from rdkit import Chem, rdBase
from torch import Tensor

from neuralmd_cli.errors import NeuralMDError
from neuralmd_cli.inspection.protein_molecule import (
    ProteinMolecule,
    place_ligand,
    protein_molecule,
)
from neuralmd_cli.opening.opened import Opened
from neuralmd_cli.opening.surroundings import Residue

KINDS = {
    "HBDonor": "H bond, ligand gives",
    "HBAcceptor": "H bond, ligand takes",
    "Anionic": "salt bridge, ligand -",
    "Cationic": "salt bridge, ligand +",
    "XBDonor": "halogen bond",
    "PiStacking": "ring on ring",
    "PiCation": "ligand ring on cation",
    "CationPi": "ligand cation on ring",
    "Hydrophobic": "hydrophobic",
}
"""ProLIF's interactions that are looked for, and what they are called here."""


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """One kind of interaction with one residue, over the snapshots."""

    residue: Residue
    kind: str  # a key of KINDS
    at_start: bool
    present: Bool[Tensor, " frames"]

    @property
    def share(self) -> float:
        """Share of the snapshots that have it, %."""
        return 100 * float(self.present.double().mean())


@dataclass(frozen=True, kw_only=True)
class Interactions:
    """All interactions that the start or any snapshot has, by residue."""

    found: tuple[Interaction, ...]
    times: Float[Tensor, " frames"]  # ps
    source: str  # of the surroundings
    rigid: bool  # the protein does not move
    ligand_hydrogens: str  # where they are from
    notes: tuple[str, ...]


def check_prolif() -> None:
    """Say what to install where ProLIF is missing, before any work is done.

    Raises:
        NeuralMDError: it is.
    """
    with _quiet():
        try:
            import prolif  # noqa: F401  only whether it is there
        except ImportError as error:
            raise NeuralMDError(
                "Finding interactions needs ProLIF, which is not installed.",
                hint='pip install "neuralmd[contacts]"',
            ) from error


def interactions(
    opened: Opened, on_snapshot: Callable[[int], None] = lambda done: None
) -> Interactions:
    """The interaction fingerprint of the start and of every snapshot.

    Args:
        on_snapshot: told how many are done.

    Raises:
        InputError: bond orders or surroundings are unknown.
        NeuralMDError: ProLIF is not installed.
    """
    check_prolif()
    around = opened.need_around("Finding interactions")
    opened.need_molecule("Finding interactions")
    opened.need_finite()
    full, positions, hydrogens = opened.all_atoms()
    protein = protein_molecule(around)
    start = torch.from_numpy(full.GetConformer().GetPositions()).to(positions)
    frames = torch.cat([start[None], positions])
    bits: dict[tuple[int, str], Bool[np.ndarray, " frames"]] = {}
    for frame, pairs in enumerate(_fingerprints(full, frames, protein)):
        for pair in pairs:
            row = bits.setdefault(pair, np.zeros(len(frames), dtype=bool))
            row[frame] = True
        on_snapshot(frame)
    order = {kind: k for k, kind in enumerate(KINDS)}
    found = [
        Interaction(
            residue=around.residues[place],
            kind=kind,
            at_start=bool(row[0]),
            present=torch.from_numpy(row[1:]),
        )
        for (place, kind), row in sorted(
            bits.items(), key=lambda item: (item[0][0], order[item[0][1]])
        )
    ]
    return Interactions(
        found=tuple(found),
        times=opened.loaded.times,
        source=around.source,
        rigid=len(around.positions) == 1,
        ligand_hydrogens=hydrogens,
        notes=protein.notes,
    )


def frequent(result: Interactions, least_percent: float) -> Interactions:
    """Those of the start, and those that enough snapshots have."""
    kept = [x for x in result.found if x.at_start or x.share >= least_percent]
    return replace(result, found=tuple(kept))


def _fingerprints(
    ligand: Chem.Mol,
    frames: Float[Tensor, "frames atoms 3"],
    protein: ProteinMolecule,
) -> Iterator[set[tuple[int, str]]]:
    """Residue (its place) and kind of each interaction, frame by frame."""
    with _quiet():
        import prolif

        fingerprint: Any = prolif.Fingerprint(list(KINDS))
        still = len(protein.around.positions) == 1
        target = prolif.Molecule(protein.at(0))
    labelled = place_ligand(ligand)
    for frame, positions in enumerate(frames.double().numpy()):
        labelled.GetConformer().SetPositions(np.ascontiguousarray(positions))
        with _quiet():
            if not still and frame > 1:
                target = prolif.Molecule(protein.at(frame - 1))
            found = fingerprint.generate(
                prolif.Molecule(labelled), target, metadata=True
            )
        yield {
            (residue.number - 1, kind)
            for (_, residue), kinds in found.items()
            for kind in kinds
        }


@contextmanager
def _quiet() -> Iterator[None]:
    """ProLIF, MDAnalysis and RDKit talk about their own innards."""
    # Recorded as well as ignored: MDAnalysis sets filters of its own, but only when it
    # is imported, which may have been before.
    with rdBase.BlockLogs(), warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        yield
