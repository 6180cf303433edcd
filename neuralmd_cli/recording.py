"""A complex over time, as training and evaluation read it; no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.analysis.geometry import pocket_anchors, superpose
from neuralmd_cli.complex import Complex, Ligand, Protein
from neuralmd_cli.trajectory import Trajectory

Superposition = Literal["none", "pocket"]
"""Coordinates as recorded (the paper's), or snapshots laid on the first pocket."""

Centring = Literal["initial", "trajectory"]
"""Where the origin is.

`initial`: the mean of ligand and backbone in the snapshot a window starts from.
`trajectory`: the mean of all atoms over all snapshots (the paper's), which knows the
future.
"""

FRAME_VALUES = {
    "interaction_energies": "frames_interaction_energy",
    "ligand_rmsds": "frames_rmsd_ligand",
    "distances": "frames_distance",
    "buried_areas": "frames_bSASA",
}
"""Datasets with one number per snapshot; a file may lack them."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """One rigid motion per snapshot, x -> R x + t."""

    rotations: Float[Tensor, "frames 3 3"]
    shifts: Float[Tensor, "frames 3"]  # Å

    def of(self, positions: Float[Tensor, "frames *n 3"]) -> Tensor:
        """The positions of each snapshot, moved by its motion."""
        points = positions.double().reshape(len(positions), -1, 3)
        moved = points @ self.rotations.double().mT + self.shifts.double()[:, None]
        return moved.reshape(positions.shape).to(positions.dtype)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One complex over time: ligand heavy atoms, backbone, and the atoms around.

    The protein is there in every snapshot, or only in the first where the file keeps no
    more; it is rigid then.
    """

    name: str
    spacing_ps: float
    atomic_numbers: Int[Tensor, " atoms"]
    bonds: Int[Tensor, "bonds 2"]
    positions: Float[Tensor, "frames atoms 3"]  # Å
    backbone: Float[Tensor, "protein_frames residues 3 3"]  # Å; N, CA, C
    residue_types: Int[Tensor, " residues"]
    segments: Int[Tensor, " residues"]
    obstacle_positions: Float[Tensor, "protein_frames obstacles 3"]  # Å
    obstacle_numbers: Int[Tensor, " obstacles"]
    backbone_rows: Int[Tensor, "residues 3"] | None = None  # of obstacle_positions
    pocket_motion: Motion | None = None  # that lays the pocket on the first snapshot's
    centres: Float[Tensor, "frames 3"] | None = None  # Å; mean of all atoms, with H
    interaction_energies: Float[Tensor, " frames"] | None = None  # kcal/mol
    ligand_rmsds: Float[Tensor, " frames"] | None = None  # Å; as the file states them
    distances: Float[Tensor, " frames"] | None = None  # Å; of the centres of mass
    buried_areas: Float[Tensor, " frames"] | None = None  # Å²
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()  # why the entry is suspect
    molecule: Chem.Mol | None = None  # heavy atoms with bond orders, where asked for

    @property
    def n_frames(self) -> int:
        """Number of snapshots."""
        return self.positions.shape[0]

    @property
    def n_atoms(self) -> int:
        """Number of ligand heavy atoms."""
        return self.positions.shape[1]

    @property
    def has_moving_protein(self) -> bool:
        """True if the protein is known in every snapshot."""
        return self.backbone.shape[0] == self.n_frames

    def complex_at(self, frame: int) -> Complex:
        """Ligand and protein as they are in one snapshot.

        Where only the first snapshot's protein is known, it is that; the ligand then
        fits it only if the recording is superposed.
        """
        protein_frame = frame if self.has_moving_protein else 0
        n, ca, c = self.backbone[protein_frame].unbind(dim=1)
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
                obstacle_positions=self.obstacle_positions[protein_frame],
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

    def superposed(self, superposition: Superposition = "pocket") -> "Recording":
        """The recording with every snapshot's pocket laid on the first's, or itself.

        The whole complex of a snapshot makes one rigid motion, so nothing changes
        within it. See `pocket_motion` for the pocket.
        """
        if superposition == "none":
            return self
        motion = self.pocket_motion or pocket_motion(self.backbone, self.positions)
        eye = torch.eye(3).expand(self.n_frames, 3, 3)
        moving = self.has_moving_protein
        obstacles = self.obstacle_positions
        return replace(
            self,
            positions=motion.of(self.positions),
            backbone=motion.of(self.backbone) if moving else self.backbone,
            obstacle_positions=motion.of(obstacles) if moving else obstacles,
            centres=None if self.centres is None else motion.of(self.centres),
            pocket_motion=Motion(rotations=eye, shifts=torch.zeros(self.n_frames, 3)),
        )

    def without_motion_of_protein(self) -> "Recording":
        """The recording with the protein of the first snapshot only."""
        return replace(
            self,
            backbone=self.backbone[:1],
            obstacle_positions=self.obstacle_positions[:1],
        )


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A recording, and what was seen in its file on the way."""

    recording: Recording
    n_atoms: int  # hydrogens included
    n_molecules: int  # of the protein
    incomplete_residues: int  # with a CA, but no sound N-CA-C; left out
    missing: tuple[str, ...]  # datasets the layout has and the file lacks


def pocket_motion(
    backbone: Float[Tensor, "frames residues 3 3"],
    ligand: Float[Tensor, "frames atoms 3"],
) -> Motion:
    """The rigid motion of each snapshot that best lays its pocket on the first's.

    Kabsch's fit of the CA atoms within 10 Å of the ligand in the first snapshot, or of
    all where these are fewer than four.

    Args:
        backbone: N, CA, C of each residue, Å.
        ligand: heavy atoms, Å.
    """
    anchors = pocket_anchors(backbone[:, :, 1], ligand[0]).double()
    # The fit applied to the origin and the three axes is the motion itself.
    probe = torch.zeros(len(ligand), 4, 3, dtype=torch.float64)
    probe[:, 1:] = torch.eye(3, dtype=torch.float64)
    origin, *axes = superpose(probe, anchors).unbind(dim=1)
    columns = torch.stack([x - origin for x in axes], dim=-1)
    return Motion(rotations=columns.float(), shifts=origin.float())
