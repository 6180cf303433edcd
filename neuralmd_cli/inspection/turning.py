"""Which bonds of an opened trajectory's ligand can turn, and how they do."""

from dataclasses import dataclass

from neuralmd_cli.analysis.torsion_summary import (
    TorsionSummary,
    summarise_torsions,
    without_stiff,
)
from neuralmd_cli.analysis.torsions import rotatable_torsions
from neuralmd_cli.errors import InputError
from neuralmd_cli.opening.opened import Opened


@dataclass(frozen=True, kw_only=True)
class Turning:
    """The torsions of a ligand, by their atoms' names, and what they do."""

    names: tuple[str, ...]
    summary: TorsionSummary
    notes: tuple[str, ...]


def turning(opened: Opened) -> Turning:
    """How each rotatable bond turns over the trajectory.

    Raises:
        InputError: no bond can turn, or a coordinate is not a number.
    """
    opened.need_finite()
    atoms = rotatable_torsions(opened.start, opened.bonds)
    notes: tuple[str, ...] = ()
    if opened.molecule is not None:
        atoms = without_stiff(atoms, opened.molecule)
    else:
        notes = (
            "amides and double bonds are among the torsions: bond orders are unknown "
            "(--ligand or --smiles gives them)",
        )
    if not len(atoms):
        loaded = opened.loaded
        raise InputError(
            f"{loaded.ligand} of {loaded.path.name} has no bond that can turn.",
            hint="Look at its RMSF or its stability instead.",
        )
    return Turning(
        names=tuple(
            "-".join(opened.atom_names[k] for k in row) for row in atoms.tolist()
        ),
        summary=summarise_torsions(opened.positions, opened.start, atoms),
        notes=notes,
    )
