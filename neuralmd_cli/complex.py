"""A ligand, the rigid protein around it, and batches of such pairs; no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

RESIDUE_NAMES = (
    "ACE ALA ARG ASN ASP CYS CYX GLN GLU GLY HIE "
    "ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL"
).split()
"""Residue types in the order of MISATO's codes (code 1 = ACE is index 0 here)."""


NEAR = 14.0
"""Å from the ligand: obstacles that a batch holds."""


@dataclass(frozen=True, kw_only=True)
class Ligand:
    """The heavy atoms of a small molecule, in the order of its file."""

    positions: Float[Tensor, "atoms 3"]  # Å
    atomic_numbers: Int[Tensor, " atoms"]
    masses: Float[Tensor, " atoms"]  # amu
    bonds: Int[Tensor, "bonds 2"]

    def __post_init__(self) -> None:
        if self.positions.shape[0] == 0:
            raise ValueError("a ligand needs at least one heavy atom")

    @property
    def n_atoms(self) -> int:
        """Number of heavy atoms."""
        return self.positions.shape[0]


@dataclass(frozen=True, kw_only=True)
class Protein:
    """A rigid protein: one N, CA, C triple per residue, and the atoms one can hit.

    Residues that follow each other in storage and share a `segments` number are
    joined by a peptide bond; a new number starts at each chain start and chain break.
    `obstacle_positions` are the heavy atoms of all that stays rigid and is not water:
    protein, cofactors, ions. The network does not see them; the pocket's springs and
    the checks do.
    """

    n: Float[Tensor, "residues 3"]  # Å
    ca: Float[Tensor, "residues 3"]  # Å
    c: Float[Tensor, "residues 3"]  # Å
    residue_types: Int[Tensor, " residues"]  # index into RESIDUE_NAMES
    segments: Int[Tensor, " residues"]
    obstacle_positions: Float[Tensor, "obstacles 3"]  # Å
    obstacle_numbers: Int[Tensor, " obstacles"]  # atomic numbers

    @property
    def n_residues(self) -> int:
        """Number of residues with a complete backbone."""
        return self.ca.shape[0]


@dataclass(frozen=True, kw_only=True)
class Complex:
    """A ligand in the pocket of a rigid protein, both in one coordinate system."""

    ligand: Ligand
    protein: Protein

    def moved(
        self, rotation: Float[Tensor, "3 3"], shift: Float[Tensor, "3"]
    ) -> "Complex":
        """The same complex after x -> R x + t, for every position in it."""

        def move(x: Tensor) -> Tensor:
            return x @ rotation.T + shift

        ligand = replace(self.ligand, positions=move(self.ligand.positions))
        protein = replace(
            self.protein,
            n=move(self.protein.n),
            ca=move(self.protein.ca),
            c=move(self.protein.c),
            obstacle_positions=move(self.protein.obstacle_positions),
        )
        return replace(self, ligand=ligand, protein=protein)

    def centre(self) -> Float[Tensor, "3"]:
        """Mean of ligand and backbone positions, Å: the origin the model works in.

        Taken from this one structure, so it knows nothing of the future.
        """
        p = self.protein
        return torch.cat([self.ligand.positions, p.n, p.ca, p.c]).mean(dim=0)

    def centred(self) -> tuple["Complex", Float[Tensor, "3"]]:
        """The complex moved to its own centre, and where that centre was (Å)."""
        centre = self.centre()
        identity = torch.eye(3, dtype=centre.dtype, device=centre.device)
        return self.moved(identity, -centre), centre

    def to(self, device: torch.device, dtype: torch.dtype) -> "Complex":
        """A copy with tensors on `device` and real numbers as `dtype`."""

        def send(x: Tensor) -> Tensor:
            return x.to(device, dtype if x.is_floating_point() else None)

        return Complex(
            ligand=Ligand(**{k: send(v) for k, v in vars(self.ligand).items()}),
            protein=Protein(**{k: send(v) for k, v in vars(self.protein).items()}),
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Complexes laid end to end; `*_complex` says which complex a row belongs to."""

    positions: Float[Tensor, "atoms 3"]  # Å
    atomic_numbers: Int[Tensor, " atoms"]
    masses: Float[Tensor, " atoms"]  # amu
    atom_complex: Int[Tensor, " atoms"]
    bonds: Int[Tensor, "bonds 2"]
    n: Float[Tensor, "residues 3"]  # Å
    ca: Float[Tensor, "residues 3"]  # Å
    c: Float[Tensor, "residues 3"]  # Å
    residue_types: Int[Tensor, " residues"]
    segments: Int[Tensor, " residues"]
    residue_complex: Int[Tensor, " residues"]
    obstacles: Float[Tensor, "obstacles 3"]  # Å; those near the ligand
    obstacle_numbers: Int[Tensor, " obstacles"]
    obstacle_complex: Int[Tensor, " obstacles"]
    n_complexes: int
    same_protein: tuple[int, ...] = ()
    """Of each complex, the first one with the very same protein; empty: all differ."""


def collate(complexes: Sequence[Complex]) -> Batch:
    """Lay complexes end to end; chain segments stay apart.

    Complexes that share one `Protein` object, as windows of one trajectory may, are
    marked, so that it is encoded once.
    """
    ligands = [x.ligand for x in complexes]
    proteins = [x.protein for x in complexes]
    segments, bonds = [], []
    near = [_near(x) for x in complexes]
    first_segment = first_atom = 0
    for ligand, protein in zip(ligands, proteins, strict=True):
        segments.append(protein.segments + first_segment)
        if protein.n_residues:
            first_segment += int(protein.segments.max()) + 1
        bonds.append(ligand.bonds + first_atom)
        first_atom += ligand.n_atoms
    return Batch(
        positions=torch.cat([x.positions for x in ligands]),
        atomic_numbers=torch.cat([x.atomic_numbers for x in ligands]),
        masses=torch.cat([x.masses for x in ligands]),
        atom_complex=_rows([x.positions for x in ligands]),
        bonds=torch.cat(bonds),
        n=torch.cat([x.n for x in proteins]),
        ca=torch.cat([x.ca for x in proteins]),
        c=torch.cat([x.c for x in proteins]),
        residue_types=torch.cat([x.residue_types for x in proteins]),
        segments=torch.cat(segments),
        residue_complex=_rows([x.ca for x in proteins]),
        obstacles=torch.cat([x for x, _ in near]),
        obstacle_numbers=torch.cat([z for _, z in near]),
        obstacle_complex=_rows([x for x, _ in near]),
        n_complexes=len(complexes),
        same_protein=_shared(proteins),
    )


def _near(complex_: Complex) -> tuple[Tensor, Tensor]:
    """Positions and atomic numbers of the obstacles near the ligand."""
    protein, ligand = complex_.protein, complex_.ligand.positions
    numbers = protein.obstacle_numbers
    positions = protein.obstacle_positions.to(ligand)
    low, high = ligand.amin(dim=0) - NEAR, ligand.amax(dim=0) + NEAR
    near = ((positions > low) & (positions < high)).all(dim=1)
    near[near.clone()] = torch.cdist(positions[near], ligand).amin(dim=1) < NEAR
    return positions[near], numbers[near]


def _shared(proteins: Sequence[Protein]) -> tuple[int, ...]:
    """Index of the first that is the same object; empty where no two are."""
    first: dict[int, int] = {}
    owners = tuple(first.setdefault(id(x), k) for k, x in enumerate(proteins))
    return owners if len(first) < len(proteins) else ()


def _rows(parts: Sequence[Tensor]) -> Int[Tensor, " rows"]:
    """Index of the part each row of `torch.cat(parts)` comes from."""
    counts = torch.tensor([len(x) for x in parts], device=parts[0].device)
    return torch.repeat_interleave(
        torch.arange(len(parts), device=counts.device), counts
    )
