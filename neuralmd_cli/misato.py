"""Files in MISATO's layout: an HDF5 group to complexes and a reference trajectory."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from jaxtyping import Float, Int
from rdkit import Chem
from rdkit.Chem import rdDetermineBonds
from torch import Tensor

from neuralmd_cli.complex import Complex, Ligand, Protein
from neuralmd_cli.errors import InputError
from neuralmd_cli.trajectory import Trajectory

CA_TYPE, C_TYPE, N_TYPES = 14, 3, (24, 26)
"""Amber atom type codes of CX (always and only CA), C, and N or N3."""
LIGAND_RESIDUE = 0
MISATO_SPACING_PS = 80.0
PEPTIDE_BOND = 2.0
"""Å; a longer C-N distance is a chain break."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One complex over time: ligand heavy atoms, backbone, and the atoms around."""

    name: str
    spacing_ps: float
    atomic_numbers: Int[Tensor, " atoms"]
    bonds: Int[Tensor, "bonds 2"]
    positions: Float[Tensor, "frames atoms 3"]  # Å
    backbone: Float[Tensor, "frames residues 3 3"]  # Å; N, CA, C
    residue_types: Int[Tensor, " residues"]
    segments: Int[Tensor, " residues"]
    obstacle_positions: Float[Tensor, "frames obstacles 3"]  # Å
    obstacle_numbers: Int[Tensor, " obstacles"]
    interaction_energies: Float[Tensor, " frames"] | None = None  # kcal/mol, MM/GBSA

    @property
    def n_frames(self) -> int:
        """Number of snapshots."""
        return self.positions.shape[0]

    def complex_at(self, frame: int) -> Complex:
        """Ligand and protein as they are in one snapshot."""
        n, ca, c = self.backbone[frame].unbind(dim=1)
        table = Chem.GetPeriodicTable()
        masses = [table.GetAtomicWeight(z) for z in self.atomic_numbers.tolist()]
        return Complex(
            ligand=Ligand(
                positions=self.positions[frame],
                atomic_numbers=self.atomic_numbers,
                masses=torch.tensor(masses),
                bonds=self.bonds,
            ),
            protein=Protein(
                n=n,
                ca=ca,
                c=c,
                residue_types=self.residue_types,
                segments=self.segments,
                obstacle_positions=self.obstacle_positions[frame],
                obstacle_numbers=self.obstacle_numbers,
            ),
        )

    def reference(self) -> Trajectory:
        """The ligand's recorded motion; velocities are differences of snapshots."""
        times = torch.arange(self.n_frames) * self.spacing_ps
        step = self.positions.diff(dim=0) / self.spacing_ps
        return Trajectory(
            times=times,
            positions=self.positions,
            velocities=torch.cat([step, step[-1:]]),
        )


def recording_names(path: Path) -> list[str]:
    """Names of the complexes in a file, in the file's order."""
    with _open(path) as file:
        return list(file.keys())


def read_recording(path: Path, name: str) -> Recording:
    """Read one complex.

    Args:
        path: an HDF5 file in MISATO's layout.
        name: the group, a PDB id in upper case.

    Raises:
        InputError: no such file or group, a dataset is missing or malformed, or the
            complex has no small-molecule ligand or no complete residue.
    """
    with _open(path) as file:
        if name not in file:
            raise InputError(
                f"{path.name}: there is no complex {name!r}.",
                hint=f"The file holds {len(file)}, among them "
                f"{', '.join(list(file)[:5])}.",
            )
        group = file[name]
        try:
            numbers = np.asarray(group["atoms_number"], dtype=np.int64)
            types = np.asarray(group["atoms_type"], dtype=np.int64)
            residues = np.asarray(group["atoms_residue"], dtype=np.int64)
            begins = np.asarray(group["molecules_begin_atom_index"], dtype=np.int64)
            coordinates = np.asarray(group["trajectory_coordinates"], dtype=np.float32)
        except KeyError as missing:
            raise InputError(
                f"{path.name}: complex {name} lacks a dataset ({missing}).",
                hint="Only files with trajectories can be used; see the layout in "
                "docs/data.md.",
            ) from missing
        energies = _energies(group, len(coordinates))
        spacing = float(group.attrs.get("spacing_ps", MISATO_SPACING_PS))
    where = f"{path.name}: complex {name}"
    if coordinates.ndim != 3 or coordinates.shape[1:] != (len(numbers), 3):
        raise InputError(
            f"{where} has {len(numbers)} atoms, but trajectory_coordinates has "
            f"shape {coordinates.shape}.",
            hint="The entry is damaged; leave it out.",
        )
    if not np.isfinite(coordinates).all():
        raise InputError(
            f"{where} has coordinates that are not numbers.",
            hint="The entry is damaged; leave it out.",
        )
    ligand_begin = int(begins[-1]) if len(begins) else len(numbers)
    heavy = np.flatnonzero(numbers > 1)
    ligand_atoms = heavy[heavy >= ligand_begin]
    if not len(ligand_atoms) or (residues[ligand_atoms] != LIGAND_RESIDUE).any():
        raise InputError(
            f"{where} has no small-molecule ligand.",
            hint="Peptide ligands are not supported; leave the entry out.",
        )
    backbone = _backbone_rows(types[:ligand_begin], where)
    obstacles = heavy[heavy < ligand_begin]
    return Recording(
        name=name,
        spacing_ps=spacing,
        atomic_numbers=torch.from_numpy(numbers[ligand_atoms]),
        bonds=_perceived_bonds(numbers[ligand_atoms], coordinates[0, ligand_atoms]),
        positions=torch.from_numpy(coordinates[:, ligand_atoms]),
        backbone=torch.from_numpy(coordinates[:, backbone]),
        residue_types=torch.from_numpy(residues[backbone[:, 1]] - 1),
        segments=_segments(coordinates[0, backbone]),
        obstacle_positions=torch.from_numpy(coordinates[:, obstacles]),
        obstacle_numbers=torch.from_numpy(numbers[obstacles]),
        interaction_energies=energies,
    )


def _energies(group: h5py.Group, frames: int) -> Float[Tensor, " frames"] | None:
    """Interaction energies of the snapshots; None where the file has none."""
    if "frames_interaction_energy" not in group:
        return None
    values = np.asarray(group["frames_interaction_energy"], dtype=np.float32)
    return torch.from_numpy(values) if values.shape == (frames,) else None


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            f"{path}: not a readable HDF5 file.",
            hint="Check the path, and that the download was complete.",
        ) from error


def _backbone_rows(types: np.ndarray, where: str) -> np.ndarray:
    """Rows of N, CA and C of each residue, found by Amber atom types.

    Within a residue N comes first and the backbone C is the last atom of type C; side
    chains with such types (ASN, GLN) have them between CA and the backbone C.
    """
    ca = np.flatnonzero(types == CA_TYPE)
    n_like = np.flatnonzero(np.isin(types, N_TYPES))
    c_like = np.flatnonzero(types == C_TYPE)
    before = np.searchsorted(n_like, ca) - 1
    if not len(ca) or (before < 0).any():
        raise InputError(
            f"{where} has no residue with a complete backbone.",
            hint="The entry is damaged, or its atom types are not Amber's.",
        )
    n = n_like[before]
    ends = np.append(n[1:], len(types))
    last = np.searchsorted(c_like, ends) - 1
    c = c_like[np.maximum(last, 0)]
    complete = (c > ca) & (c < ends) & (n < ca)
    return np.stack([n, ca, c], axis=1)[complete]


def _segments(backbone: np.ndarray) -> Int[Tensor, " residues"]:
    gap = np.linalg.norm(backbone[1:, 0] - backbone[:-1, 2], axis=-1)
    return torch.from_numpy(np.append(0, np.cumsum(gap > PEPTIDE_BOND)))


def _perceived_bonds(numbers: np.ndarray, positions: np.ndarray) -> Tensor:
    """Connectivity of heavy atoms by RDKit, from distances."""
    molecule = Chem.RWMol()
    for z in numbers.tolist():
        molecule.AddAtom(Chem.Atom(z))
    conformer = Chem.Conformer(len(numbers))
    conformer.SetPositions(positions.astype(np.float64))
    molecule.AddConformer(conformer)
    rdDetermineBonds.DetermineConnectivity(molecule)
    pairs = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
