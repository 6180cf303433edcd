"""relaxed: the start, its bonds and angles put right by a classical force field."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers
from torch import Tensor

from neuralmd_cli.dynamics.grid import State
from neuralmd_cli.errors import InputError, SimulationError
from neuralmd_cli.hydrogens import carry_hydrogens
from neuralmd_cli.models.baselines.baseline import Baseline, at_rest
from neuralmd_cli.models.system import Settings, Start
from neuralmd_cli.structure.ligand import with_hydrogens
from neuralmd_cli.structure.molecule import heavy_atoms

FORCE_FIELD = "MMFF94s"
TETHER = 10.0
"""k of the tether on each heavy atom, kcal mol⁻¹ Å⁻².

Of 0, 1, 3, 10, 30, 100 and 300 the best on the training part of our recordings; the
table is in docs/models/baselines.md.
"""
MOST_STEPS = 10_000
FORCE_TOLERANCE, ENERGY_TOLERANCE = 1e-5, 1e-9
"""Tight enough that the pose does not depend on the frame it was relaxed in."""
_KNOWN = frozenset("H C N O F Si P S Cl Br I".split())
"""Elements that MMFF94s has types for, in organic molecules."""


class Relaxed(Baseline):
    """x(t) = argmin over x of E_MMFF94s(x) + k/2 Σ |x_i − x_i(0)|²."""

    name: ClassVar[str] = "relaxed"
    summary: ClassVar[str] = "The start after a tethered MMFF94s relaxation, unmoved"

    def rollout(
        self, start: Start, times: Sequence[float], settings: Settings
    ) -> Iterator[State]:
        """The relaxed pose at every time.

        Raises:
            InputError: the ligand's bond orders are not known, or the force field
                lacks parameters for it.
            SimulationError: the relaxation found no end.
        """
        batch = start.batch
        known = [x for x in start.molecules or () if x is not None]
        if len(known) < batch.n_complexes:
            raise InputError(
                "The model relaxed needs the bond orders of the ligand, and they are "
                "not known here.",
                hint="Use --model frozen.",
            )
        parts = [
            relaxed(molecule, batch.positions[batch.atom_complex == index])
            for index, molecule in enumerate(known)
        ]
        return at_rest(torch.cat(parts), times)

    def constants(self) -> dict[str, Any]:
        """Force field and tether."""
        return {
            "force_field": FORCE_FIELD,
            "tether_kcal_per_mol_angstrom2": TETHER,
        }

    def caveat(self, settings: Settings) -> str:
        """Half of the physics is missing."""
        return "Its force field sees the ligand alone, not the pocket."


def relaxed(
    molecule: Chem.Mol, positions: Float[Tensor, "heavy 3"], tether: float = TETHER
) -> Float[Tensor, "heavy 3"]:
    """Positions (Å) of the heavy atoms after the relaxation.

    Hydrogens are carried along from the molecule's conformer, or added, and move
    without a tether. All is done in a frame that the heavy atoms span, so that neither
    placed hydrogens nor the path of the minimiser depend on the coordinate system.

    Args:
        molecule: with bond orders and a conformer.
        positions: of its heavy atoms, Å.
        tether: kcal mol⁻¹ Å⁻².

    Raises:
        InputError: MMFF94s lacks parameters.
        SimulationError: the minimum was not reached.
    """
    points = positions.detach().cpu().double()
    frame, origin = own_frame(points.numpy())
    local = (points.numpy() - origin) @ frame
    whole = _placed(molecule, torch.from_numpy(local))
    heavy = heavy_atoms(whole)
    with rdBase.BlockLogs():
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(
            whole, mmffVariant=FORCE_FIELD
        )
    if properties is None:
        raise _without_parameters(molecule)
    field = rdForceFieldHelpers.MMFFGetMoleculeForceField(whole, properties)
    for atom in heavy:
        field.MMFFAddPositionConstraint(atom, 0.0, tether)
    if field.Minimize(
        maxIts=MOST_STEPS, forceTol=FORCE_TOLERANCE, energyTol=ENERGY_TOLERANCE
    ):
        raise SimulationError(
            f"The {FORCE_FIELD} relaxation reached no minimum in {MOST_STEPS} steps.",
            hint="Check the ligand's hydrogens, bond orders and pose.",
        )
    moved = whole.GetConformer().GetPositions()[list(heavy)] @ frame.T + origin
    return torch.from_numpy(moved).to(positions)


def own_frame(
    positions: Float[ndarray, "atoms 3"],
) -> tuple[Float[ndarray, "3 3"], Float[ndarray, "3"]]:
    """Axes (columns) and origin that turn and move with the atoms.

    The origin is the first atom, z points to the atom furthest from it, and the atom
    furthest from that line lies in the plane of y and z.
    """
    origin = positions[0]
    arms = positions - origin
    z = arms[np.argmax(np.linalg.norm(arms, axis=1))]
    z = z / np.linalg.norm(z)
    across = arms - np.outer(arms @ z, z)
    y = across[np.argmax(np.linalg.norm(across, axis=1))]
    if np.linalg.norm(y) < 1e-6:  # all on one line: any turn about it will do
        y = np.cross(z, np.eye(3)[np.argmin(np.abs(z))])
    y = y / np.linalg.norm(y)
    return np.stack([np.cross(y, z), y, z], axis=1), origin


def _placed(molecule: Chem.Mol, heavy_positions: Tensor) -> Chem.Mol:
    """The molecule with all its hydrogens, its heavy atoms at these positions."""
    placed = Chem.Mol(molecule)
    (positions,) = carry_hydrogens(placed, heavy_positions[None]).numpy()
    placed.GetConformer().SetPositions(positions)
    return with_hydrogens(placed)


def _without_parameters(molecule: Chem.Mol) -> InputError:
    strange = sorted({x.GetSymbol() for x in molecule.GetAtoms()} - _KNOWN)
    atoms = f", which holds {', '.join(strange)}" if strange else ""
    return InputError(
        f"{FORCE_FIELD} has no parameters for this ligand{atoms}.",
        hint="The model relaxed cannot be used for it; --model frozen can.",
    )
