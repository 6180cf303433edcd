"""Whether a ligand kept its stereochemistry."""

import torch
from jaxtyping import Float, Int
from rdkit import Chem
from torch import Tensor


def stereo_centres(molecule: Chem.Mol) -> Int[Tensor, "centres 4"]:
    """Each tetrahedral stereocentre with three of its neighbours, heavy ones.

    Args:
        molecule: heavy atoms, stereochemistry assigned.
    """
    found = []
    for atom in molecule.GetAtoms():
        neighbours = sorted(x.GetIdx() for x in atom.GetNeighbors())
        tagged = atom.GetChiralTag() != Chem.ChiralType.CHI_UNSPECIFIED
        # A phosphate's or a sulphone's oxygens differ by the drawing alone.
        if tagged and atom.GetSymbol() == "C" and len(neighbours) >= 3:
            found.append((atom.GetIdx(), *neighbours[:3]))
    return torch.tensor(found, dtype=torch.long).reshape(-1, 4)


def stereo_bonds(molecule: Chem.Mol) -> Int[Tensor, "stereo_bonds 4"]:
    """Four atoms along each double bond that is cis or trans, in no small ring."""
    found = []
    for bond in molecule.GetBonds():
        if bond.GetStereo() in (Chem.BondStereo.STEREOE, Chem.BondStereo.STEREOZ):
            first, last = bond.GetStereoAtoms()
            found.append((first, bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), last))
    return torch.tensor(found, dtype=torch.long).reshape(-1, 4)


def handedness(
    positions: Float[Tensor, "frames atoms 3"], centres: Int[Tensor, "centres 4"]
) -> Float[Tensor, "frames centres"]:
    """Volume spanned by three neighbours about a centre, Å³; its sign is the hand."""
    p = positions.double()[:, centres]
    a, b, c = (p[:, :, k] - p[:, :, 0] for k in (1, 2, 3))
    volume: Tensor = (a * torch.linalg.cross(b, c)).sum(dim=-1)
    return volume


def cis(
    positions: Float[Tensor, "frames atoms 3"], bonds: Int[Tensor, "stereo_bonds 4"]
) -> Float[Tensor, "frames stereo_bonds"]:
    """Positive where the outer atoms are on one side of the double bond."""
    p = positions.double()[:, bonds]
    axis = p[:, :, 2] - p[:, :, 1]
    left = torch.linalg.cross(p[:, :, 0] - p[:, :, 1], axis)
    right = torch.linalg.cross(p[:, :, 3] - p[:, :, 2], axis)
    side: Tensor = (left * right).sum(dim=-1)
    return side


def inverted(
    molecule: Chem.Mol,
    start: Float[Tensor, "atoms 3"],
    positions: Float[Tensor, "frames atoms 3"],
) -> tuple[Float[Tensor, " frames"], list[int]]:
    """Number of stereocentres and double bonds that are not as at the start.

    Returns:
        The number per frame, and the atoms (the first of a double bond) of the frame
        with most of them.
    """
    centres, bonds = stereo_centres(molecule), stereo_bonds(molecule)
    changed = torch.cat(
        [
            measure(positions, atoms) * measure(start[None], atoms) <= 0
            for measure, atoms in ((handedness, centres), (cis, bonds))
        ],
        dim=1,
    )
    counts = changed.sum(dim=1).double()
    owners = torch.cat([centres[:, 0], bonds[:, 1]])
    worst = changed[int(counts.argmax())] if len(owners) else owners.bool()
    atoms: list[int] = owners[worst].tolist()
    return counts, atoms
