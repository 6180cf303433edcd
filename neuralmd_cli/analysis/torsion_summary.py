"""How each rotatable bond of a ligand turned over a trajectory."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.analysis.torsions import torsion_angles

TURNED = 60.0
"""Degrees from the start beyond which a bond is in another well than before."""

_STIFF = "[CX3](=[O,S,N])-!@[NX3]"
"""Amides and their kin, which do not turn on their own."""


@dataclass(frozen=True, kw_only=True)
class TorsionSummary:
    """Angles of all torsions over the snapshots, degrees, and what they amount to."""

    angles: Float[Tensor, "frames torsions"]
    start: Float[Tensor, " torsions"]
    mean: Float[Tensor, " torsions"]  # circular
    spread: Float[Tensor, " torsions"]  # circular standard deviation
    largest_turn: Float[Tensor, " torsions"]  # from the start, 0 to 180
    turned: Float[Tensor, " torsions"]  # share of snapshots beyond TURNED, %


def without_stiff(
    torsions: Int[Tensor, "torsions 4"], molecule: Chem.Mol
) -> Int[Tensor, "kept 4"]:
    """Those about single bonds that are no amides.

    Args:
        molecule: heavy atoms.
    """
    amides = molecule.GetSubstructMatches(Chem.MolFromSmarts(_STIFF))
    stiff = {frozenset((match[0], match[2])) for match in amides}
    kept = [
        k
        for k, (_, a, b, _) in enumerate(torsions.tolist())
        if molecule.GetBondBetweenAtoms(a, b).GetBondType() == Chem.BondType.SINGLE
        and frozenset((a, b)) not in stiff
    ]
    return torsions[kept]


def summarise_torsions(
    positions: Float[Tensor, "frames atoms 3"],
    start: Float[Tensor, "atoms 3"],
    torsions: Int[Tensor, "torsions 4"],
) -> TorsionSummary:
    """Circular statistics (Mardia & Jupp 2000) of each torsion.

    The standard deviation is √(-2 ln R), R the length of the mean unit vector; capped
    at 180.

    Args:
        positions: heavy atoms, Å.
        start: the same atoms where the trajectory began.
    """
    angles = torsion_angles(positions, torsions)
    begun = torsion_angles(start[None], torsions)[0]
    radians = torch.deg2rad(angles)
    x, y = radians.cos().mean(dim=0), radians.sin().mean(dim=0)
    # Beyond 1 by rounding only; its logarithm would be no number.
    length = torch.sqrt(x.square() + y.square()).clamp(max=1.0)
    spread = torch.rad2deg((-2 * length.log()).clamp(min=0).sqrt()).clamp(max=180.0)
    turn = ((angles - begun + 180) % 360 - 180).abs()
    return TorsionSummary(
        angles=angles,
        start=begun,
        mean=torch.rad2deg(torch.atan2(y, x)),
        spread=spread,
        largest_turn=turn.amax(dim=0),
        turned=100 * (turn > TURNED).double().mean(dim=0),
    )
