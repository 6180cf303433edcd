"""Does the ligand sit in the protein: nearness, clashes, and copies of itself."""

import torch
from jaxtyping import Float
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.complex import Ligand, Protein
from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.molecule import atom_name, heavy_atoms
from neuralmd_cli.structure.protein import (
    HetGroup,
    ProteinFile,
    obstacle_name,
    without,
)

REACH = 6.0
"""Largest distance between nearest heavy atoms of ligand and protein, Å.

Atoms that touch are 3 to 4 Å apart. Past 6 Å a water layer fits between, the ligand is
not bound, and hardly a residue is within the model's cutoff of 5 Å.
"""
CA_REACH = 10.0
"""Largest distance from a ligand atom to the nearest CA, Å: that of a side chain."""
BOND_SLACK = 0.08
"""How much longer than the sum of covalent radii a bond can be, Å.

Nearer than that two atoms are bonded or in one place. Poses modelled into a rigid
pocket do come to 1.65 Å (C-O, where this allows 1.50), and the model can start there.
"""
CLOSE = 0.75
"""Share of the summed van der Waals radii below which a pair of atoms clashes.

The limit of PoseBusters (Buttenschoen, Morris, Deane, Chem. Sci. 2024, 15, 3130).
"""
CLOSE_SHARE = 0.3
"""Share of ligand atoms in such a pair from which on the pose is refused."""
METAL_OVERLAP = 1.5
"""Distance below which a ligand atom lies on a metal ion, Å; bonds to one are 1.8."""
SAME_PLACE = 1.0
"""Distance within which a heavy atom of another group counts as the ligand's own, Å."""

TOUCH = 4.5
"""Distance within which heavy atoms of ligand and protein touch, Å."""
TOUCHING_SHARE = 0.5
"""Share of ligand atoms that touch the protein in any usual pocket.

Crystal poses have 0.8 and more; a ligand from another coordinate frame that lands
beside the protein, or one whose pocket lacks a chain, has less than 0.3.
"""

METALS = frozenset(
    [3, 4, 11, 12, 13, *range(19, 32), *range(37, 51), *range(55, 84), *range(87, 104)]
)
"""Atomic numbers of metals, to which a ligand may be bonded."""


def coinciding_groups(file: ProteinFile, ligand: Ligand) -> list[HetGroup]:
    """Groups that are the ligand itself: most of their atoms lie on ligand atoms."""
    found = []
    for group in file.het_groups:
        residue = file.structure[0][group.chain][group.residue]
        places = [a.pos.tolist() for a in residue if a.element.atomic_number > 1]
        if len(places) < 2:
            continue
        nearest = _distances(torch.tensor(places), ligand.positions).amin(dim=1)
        if 2 * int((nearest < SAME_PLACE).sum()) > len(places):
            found.append(group)
    return found


def copies_left_out(file: ProteinFile, ligand: Ligand, source: str) -> ProteinFile:
    """The protein without the ligand itself, where its file holds it as well."""
    copies = coinciding_groups(file, ligand)
    return without(file, copies, source) if copies else file


def check_contacts(
    file: ProteinFile, ligand: Ligand, molecule: Chem.Mol, source: str
) -> tuple[str, ...]:
    """Refuse a ligand that is away from the protein or in it; say what looks wrong.

    Raises:
        InputError: with the distance, and for a clash its worst pair of atoms.
    """
    protein = file.protein
    distances = _distances(ligand.positions, protein.obstacle_positions)
    nearest = float(distances.min())
    if nearest > REACH:
        raise InputError(
            f"{source}: the ligand is {nearest:.1f} Å from the nearest atom of the "
            "protein.",
            hint="Give both files in one coordinate system, with the ligand in its "
            "pocket (docked or from the crystal structure).",
        )
    to_ca = float(_distances(ligand.positions, protein.ca).min())
    if to_ca > CA_REACH:
        raise InputError(
            f"{source}: the ligand is {to_ca:.1f} Å from the nearest residue; it "
            "touches only atoms outside the protein's backbone.",
            hint="The model sees residues alone; the ligand must sit in the protein.",
        )
    return (
        *_check_clashes(file, ligand, molecule, distances, source),
        *_loose(distances, source),
    )


def _loose(distances: Float[Tensor, "atoms obstacles"], source: str) -> tuple[str, ...]:
    """A word on a ligand that hardly touches the protein."""
    touching = int((distances.amin(dim=1) < TOUCH).sum())
    if touching >= TOUCHING_SHARE * len(distances):
        return ()
    return (
        f"{source}: only {touching} of the ligand's {len(distances)} heavy atoms touch "
        "the protein. Is it in its pocket, in the protein's coordinate system, and is "
        "every chain of the pocket there?",
    )


def _check_clashes(
    file: ProteinFile,
    ligand: Ligand,
    molecule: Chem.Mol,
    distances: Float[Tensor, "atoms obstacles"],
    source: str,
) -> tuple[str, ...]:
    """Refuse overlaps and a pose full of clashes; a word on a few of them."""
    share, excess = _radius_ratios(ligand, file.protein, distances)

    def pair(table: Float[Tensor, "atoms obstacles"]) -> tuple[str, str]:
        """The atoms of the smallest entry, for the user, and the obstacle's name."""
        row, column = divmod(int(table.argmin()), table.shape[1])
        atom = molecule.GetAtomWithIdx(heavy_atoms(molecule)[row])
        other = obstacle_name(file, column)
        length = float(distances[row, column])
        text = f"ligand {atom_name(atom)} and {other} are {length:.2f} Å apart"
        return text, other

    if float(excess.min()) < BOND_SLACK:
        text, other = pair(excess)
        raise InputError(
            f"{source}: {text}: they overlap or are bonded.",
            hint=_overlap_hint(file, other),
        )
    worst, other = pair(share)
    clashing = int((share.amin(dim=1) < CLOSE).sum())
    if clashing > CLOSE_SHARE * ligand.n_atoms:
        raise InputError(
            f"{source}: {clashing} of the ligand's {ligand.n_atoms} heavy atoms clash "
            f"with the protein; {worst}.",
            hint=_overlap_hint(file, other),
        )
    if not clashing:
        return ()
    more = f" (and {clashing - 1} more of its atoms clash)" if clashing > 1 else ""
    return (f"Clash at the start: {worst}{more}.",)


def _overlap_hint(file: ProteinFile, other: str) -> str:
    """The likely reason, from what the ligand overlaps with."""
    label = other.rsplit(" ", 1)[0]
    if any(x.label == label for x in file.het_groups):
        return (
            f"Remove {label} from the protein file if it stands in the ligand's place; "
            "ligands bonded to another group cannot be simulated."
        )
    return (
        "Dock or minimise the ligand again; ligands bonded to the protein cannot be "
        "simulated."
    )


def _radius_ratios(
    ligand: Ligand, protein: Protein, distances: Float[Tensor, "atoms obstacles"]
) -> tuple[Float[Tensor, "atoms obstacles"], Float[Tensor, "atoms obstacles"]]:
    """Distance over the van der Waals sum; distance less the covalent sum, Å.

    A metal binds a ligand well within both sums, so there the first is infinite and
    the second measures from METAL_OVERLAP.
    """
    table = Chem.GetPeriodicTable()
    waals = torch.tensor([table.GetRvdw(z) for z in range(119)])
    covalent = torch.tensor([table.GetRcovalent(z) for z in range(119)])
    ours, theirs = ligand.atomic_numbers[:, None], protein.obstacle_numbers
    metal = torch.tensor([z in METALS for z in range(119)])[theirs]
    share = distances / (waals[ours] + waals[theirs])
    bond = torch.where(
        metal, METAL_OVERLAP - BOND_SLACK, covalent[ours] + covalent[theirs]
    )
    return torch.where(metal, torch.inf, share), distances - bond


def _distances(
    first: Float[Tensor, "rows 3"], second: Float[Tensor, "columns 3"]
) -> Float[Tensor, "rows columns"]:
    """Distances between all pairs, Å, exact also for points far from the origin."""
    return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")
