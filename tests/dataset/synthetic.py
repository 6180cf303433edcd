"""A small file in MISATO's layout whose every number the test knows."""

from pathlib import Path

import h5py
import numpy as np

# (atomic number, Amber type code, position in the residue's own frame, Å)
GLY = [
    (7, 24, (0.0, 0.0, 0.0)),
    (1, 1, (-0.3, -0.9, 0.3)),
    (6, 14, (1.2, 0.85, 0.0)),
    (6, 3, (2.4, -0.1, 0.0)),
    (8, 30, (2.4, -1.3, 0.0)),
]
RESIDUES = 6
LIGAND = [(6, 60), (1, 70), (6, 60), (8, 60)]
LIGAND_PLACES = [(0.0, 0.0, 0.0), (-0.6, 0.9, 0.0), (1.5, 0.0, 0.0), (2.2, 1.2, 0.0)]
ELEMENT_CODES = {1: 1, 6: 2, 7: 3, 8: 4}
N_ATOMS = RESIDUES * len(GLY) + len(LIGAND)
LIGAND_BEGIN = RESIDUES * len(GLY)


def complex_data(seed: int = 0, frames: int = 100) -> dict[str, np.ndarray]:
    """Six glycines in a row, 3.6 Å apart, and a ligand of three heavy atoms beside."""
    rng = np.random.default_rng(seed)
    atoms = GLY * RESIDUES
    places = [
        np.array(x) + [3.6 * k, 0.4 * (k % 2), 0.0]
        for k in range(RESIDUES)
        for *_, x in GLY
    ]
    ligand = np.array(LIGAND_PLACES) + [7.0, 1.0, 3.5]
    start = np.concatenate([places, ligand])
    moving = start + np.cumsum(rng.normal(0, 0.005, (frames, len(start), 3)), axis=0)
    moving += np.cumsum(rng.normal(0, 0.3, (frames, 1, 3)), axis=0) + 40.0
    numbers = np.array([z for z, *_ in atoms] + [z for z, _ in LIGAND])
    types = np.array([t for _, t, _ in atoms] + [t for _, t in LIGAND])
    codes = np.array([10] * len(atoms) + [0] * len(LIGAND))
    return {
        "atoms_number": numbers,
        "atoms_element": np.array([ELEMENT_CODES[z] for z in numbers.tolist()]),
        "atoms_type": types,
        "atoms_residue": codes,
        "molecules_begin_atom_index": np.array([0, LIGAND_BEGIN]),
        "trajectory_coordinates": moving,
        "frames_interaction_energy": rng.normal(-40, 3, frames),
        "frames_rmsd_ligand": rng.uniform(0, 2, frames),
        "frames_distance": rng.uniform(8, 9, frames),
        "frames_bSASA": rng.uniform(300, 400, frames),
    }


def write_complex(
    path: Path, name: str = "1ABC", *, attributes=None, seed=0, frames=100, **changes
) -> dict[str, np.ndarray]:
    """Add a group to a file; a change to None leaves the dataset out."""
    data = complex_data(seed, frames) | changes
    with h5py.File(path, "a") as file:
        group = file.create_group(name)
        group.attrs.update(attributes or {})
        for key, value in data.items():
            if value is not None:
                group.create_dataset(key, data=value)
    return data
