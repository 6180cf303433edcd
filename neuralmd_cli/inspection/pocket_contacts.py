"""Touch and clash of a ligand with what is around it, rigid or moving."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from rdkit import Chem
from scipy.spatial import cKDTree
from torch import Tensor

from neuralmd_cli.opening.opened import Opened
from neuralmd_cli.opening.surroundings import Surroundings
from neuralmd_cli.structure.contacts import METALS, TOUCH


def closeness(
    opened: Opened, around: Surroundings
) -> tuple[Float[Tensor, " frames"], str]:
    """The smallest distance to the surroundings, as share of the van der Waals sum.

    Between heavy atoms; metals, to which ligands are bonded, are left out. Infinite
    where nothing is near.

    Returns:
        The start's share and each snapshot's, and the pair of the closest snapshot.
    """
    rows = [
        k
        for k, z in enumerate(around.atomic_numbers.tolist())
        if z > 1 and z not in METALS
    ]
    table = Chem.GetPeriodicTable()
    radii = np.array([table.GetRvdw(z) for z in range(119)])
    own = radii[opened.atomic_numbers.numpy()]
    other = radii[around.atomic_numbers.numpy()[rows]]
    reach = own.max() + other.max() if rows else 0.0
    shares: list[float] = []
    worst = (np.inf, "")
    for ligand, places in _scenes(opened, around):
        share = float(np.inf)
        lost = np.flatnonzero(~np.isfinite(places[rows]).all(axis=1))
        if len(lost):
            # Nothing can be said of a snapshot without all its atoms, and nothing good.
            share = 0.0
            residue = around.residues[int(around.residue_rows[rows[int(lost[0])]])]
            worst = (share, f"{residue.label}, which has no coordinates")
        elif rows and np.isfinite(ligand).all():
            near = cKDTree(places[rows]).sparse_distance_matrix(
                cKDTree(ligand), reach, output_type="coo_matrix"
            )
            if near.nnz:
                ratio = near.data / (other[near.row] + own[near.col])
                best = int(ratio.argmin())
                share = float(ratio[best])
                if share < worst[0] and shares:
                    atom = rows[int(near.row[best])]
                    residue = around.residues[int(around.residue_rows[atom])]
                    worst = (
                        share,
                        f"{opened.atom_names[int(near.col[best])]} and "
                        f"{residue.label} {around.atom_names[atom]}",
                    )
        shares.append(share)
    # Nothing within the van der Waals sum is no contact; 1 keeps JSON finite.
    found = torch.tensor(shares, dtype=torch.double).clamp(max=1.0)
    return found, worst[1]


def contacts_kept(
    opened: Opened, around: Surroundings
) -> tuple[Float[Tensor, " frames"], int]:
    """Share of the residues touched at the start that are touched, %.

    A residue is touched where heavy atoms come within 4.5 Å.

    Returns:
        The start's share and each snapshot's, and how many residues were touched.
    """
    touched = touching(opened, around)
    had = touched[0]
    number = int(had.sum())
    kept = (touched & had).sum(dim=1).double()
    return 100 * kept / max(number, 1), number


def touching(opened: Opened, around: Surroundings) -> Bool[Tensor, "frames residues"]:
    """Which residues the ligand touches, at the start and in each snapshot."""
    heavy = around.heavy.numpy()
    owner = around.residue_rows.numpy()[heavy]
    touched = torch.zeros(
        opened.loaded.n_frames + 1, len(around.residues), dtype=torch.bool
    )
    for frame, (ligand, places) in enumerate(_scenes(opened, around)):
        if not np.isfinite(ligand).all():
            continue
        near = places[heavy]
        known = np.isfinite(near).all(axis=1)
        apart, _ = cKDTree(ligand).query(near[known], distance_upper_bound=TOUCH)
        touched[frame, np.unique(owner[known][np.isfinite(apart)])] = True
    return touched


def _scenes(
    opened: Opened, around: Surroundings
) -> "list[tuple[Float[np.ndarray, 'atoms 3'], Float[np.ndarray, 'others 3']]]":
    """Ligand and surroundings at the start and in each snapshot."""
    ligands = torch.cat([opened.start[None], opened.positions]).numpy()
    places = around.positions.numpy()
    still = len(places) == 1
    return [
        (ligand, places[0 if still else max(k - 1, 0)])
        for k, ligand in enumerate(ligands)
    ]
