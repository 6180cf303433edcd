"""One way to open a trajectory for every command that looks at one."""

from dataclasses import dataclass, replace
from pathlib import Path

import mdtraj
import torch
from jaxtyping import Bool, Float, Int
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.complex import Ligand
from neuralmd_cli.connectivity import bonds_by_distance
from neuralmd_cli.errors import InputError
from neuralmd_cli.hydrogens import carry_hydrogens
from neuralmd_cli.ligand_residue import written_by_us
from neuralmd_cli.mdtraj_guard import quiet_mdtraj
from neuralmd_cli.opening.molecule import (
    heavy_bonds,
    molecule_from_hydrogens,
    molecule_from_sdf,
    molecule_from_smiles,
    with_hydrogens_of,
)
from neuralmd_cli.opening.record import recorded_protein
from neuralmd_cli.opening.surroundings import (
    Surroundings,
    from_protein_file,
    from_trajectory,
)
from neuralmd_cli.plain_path import plain_path
from neuralmd_cli.readers import LoadedTrajectory, read_trajectory, topology_path
from neuralmd_cli.structure.ligand import with_hydrogens
from neuralmd_cli.units import ANGSTROM_PER_NM


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A trajectory, where its ligand started, its bonds and what is around it."""

    loaded: LoadedTrajectory
    inputs: tuple[Path, ...]  # every file that was read
    start: Float[Tensor, "atoms 3"]  # heavy atoms, Å
    start_is_snapshot: bool  # True: the first snapshot; ours lies before it
    bonds: Int[Tensor, "bonds 2"]  # between heavy atoms
    molecule: Chem.Mol | None  # heavy atoms at the start; None: bond orders unknown
    molecule_missing: str  # why there is none, in one clause
    around: Surroundings | None
    around_missing: str  # why there is none, in one clause
    notes: tuple[str, ...]

    @property
    def positions(self) -> Float[Tensor, "frames atoms 3"]:
        """The ligand's heavy atoms in all snapshots, Å."""
        return self.loaded.positions[:, self.loaded.heavy]

    @property
    def atomic_numbers(self) -> Int[Tensor, " atoms"]:
        """Of the heavy atoms."""
        return self.loaded.atomic_numbers[self.loaded.heavy]

    @property
    def atom_names(self) -> tuple[str, ...]:
        """Of the heavy atoms."""
        heavy = self.loaded.heavy.tolist()
        names = zip(self.loaded.atom_names, heavy, strict=True)
        return tuple(name for name, keep in names if keep)

    def need_molecule(self, purpose: str) -> Chem.Mol:
        """The molecule with bond orders.

        Raises:
            InputError: they are not known.
        """
        if self.molecule is None:
            raise InputError(
                f"{purpose} needs the ligand's bond orders, which are not known: "
                f"{self.molecule_missing}.",
                hint="Give them with --ligand FILE.sdf or --smiles 'SMILES'.",
            )
        return self.molecule

    def need_around(self, purpose: str) -> Surroundings:
        """What stands around the ligand.

        Raises:
            InputError: it is not known.
        """
        if self.around is None:
            raise InputError(
                f"{purpose} needs the protein: {self.around_missing}.",
                hint="Give the protein file of the run with --protein FILE, or "
                "simulate --with-protein.",
            )
        return self.around

    @property
    def finite(self) -> Bool[Tensor, " frames"]:
        """True for snapshots whose coordinates are all numbers."""
        return self.positions.isfinite().all(dim=2).all(dim=1)

    def need_finite(self) -> None:
        """Refuse a trajectory that broke down.

        Raises:
            InputError: with the first snapshot that has no coordinates.
        """
        # The pocket counts as well: the ligand is seen from there.
        finite = self.finite & self.loaded.ca_positions.isfinite().all(dim=2).all(dim=1)
        if not bool(finite.all()):
            first = int((~finite).nonzero()[0])
            raise InputError(
                f"{self.loaded.path.name}: snapshot {first + 1} of those read has "
                "coordinates that are not numbers.",
                hint="neuralmd stability says when and how it broke.",
            )

    def all_atoms(
        self,
    ) -> tuple[Chem.Mol, Float[Tensor, "frames all_atoms 3"], str]:
        """The molecule with every hydrogen, its snapshots, and where those are from.

        The trajectory's own hydrogens where it has all of them; else placed by
        geometry at the start and carried rigidly. The conformer is the start.

        Raises:
            InputError: bond orders are not known.
        """
        molecule = self.need_molecule("Placing hydrogens")
        own = with_hydrogens_of(molecule, self.loaded)
        if own is not None:
            return own[0], self.loaded.positions[:, own[1]], "of the trajectory"
        full = with_hydrogens(molecule)
        shape = (len(self.positions), full.GetNumAtoms(), 3)
        carried = self.positions.new_full(shape, torch.nan)
        carried[self.finite] = carry_hydrogens(full, self.positions[self.finite])
        return full, carried, "added, carried rigidly"


def open_trajectory(
    path: Path,
    *,
    top: Path | None = None,
    ligand_residue: str | None = None,
    ligand: Path | None = None,
    smiles: str | None = None,
    protein: Path | None = None,
    every: int = 1,
    with_surroundings: bool = True,
) -> Opened:
    """Open a trajectory of ours or anybody's, with what belongs to it.

    Bond orders come from `ligand`, from `smiles`, from the .sdf beside our topology,
    or from the ligand's own hydrogens; the surroundings from `protein`, from the
    trajectory itself, or from the protein file that the run record names.

    Args:
        top, ligand_residue: as for `read_trajectory`.
        ligand: SDF of the ligand, for its bond orders alone.
        smiles: the same as SMILES.
        protein: what stood still around the ligand, in the trajectory's coordinates.
        every: take the first snapshot and each `every`-th after it.

    Raises:
        InputError: a file cannot be read, or does not belong to the others.
    """
    if ligand is not None and smiles is not None:
        raise InputError(
            "--ligand and --smiles both give the bond orders.", hint="Leave one out."
        )
    top_used = topology_path(path, top)
    loaded = open_snapshots(path, top, ligand_residue, every)
    ours = written_by_us(top_used)
    start = loaded.positions[0, loaded.heavy]
    if ours:
        start = _topology_positions(top_used, loaded)[loaded.heavy]
    if ligand is None and smiles is None and ours:
        beside = top_used.with_suffix(".sdf")
        ligand = beside if beside.is_file() else None
    if not bool(start.isfinite().all()):
        raise InputError(
            f"{path.name}: the ligand's first coordinates are not numbers.",
            hint="Write the trajectory again.",
        )
    molecule, missing, notes = _molecule(loaded, start, ligand, smiles)
    bonds, bond_notes = _bonds(loaded, start, molecule)
    inputs = [path, top_used]
    inputs += [x for x in (ligand, protein) if x is not None]
    around, around_missing = None, "it was not asked for"
    if with_surroundings:
        around, around_missing, found = _around(
            loaded, top_used, start, bonds, protein, every
        )
        inputs += [] if found is None else [found]
    return Opened(
        loaded=loaded,
        inputs=tuple(dict.fromkeys(inputs)),
        start=start,
        start_is_snapshot=not ours,
        bonds=bonds,
        molecule=molecule,
        molecule_missing=missing,
        around=around,
        around_missing=around_missing,
        notes=(*loaded.notes, *notes, *bond_notes),
    )


def open_snapshots(
    path: Path,
    top: Path | None = None,
    ligand_residue: str | None = None,
    every: int = 1,
) -> LoadedTrajectory:
    """The ligand's snapshots alone: the first and each `every`-th after it.

    Raises:
        InputError: as `read_trajectory`.
    """
    loaded = read_trajectory(path, top, ligand_residue)
    if every == 1:
        return loaded
    return replace(
        loaded,
        times=loaded.times[::every],
        positions=loaded.positions[::every],
        ca_positions=loaded.ca_positions[::every],
    )


def _topology_positions(
    top: Path, loaded: LoadedTrajectory
) -> Float[Tensor, "atoms 3"]:
    """Where our topology has the ligand: the start of the run, Å."""
    with quiet_mdtraj(), plain_path(top) as plain:
        held = mdtraj.load_pdb(str(plain), standard_names=False, no_boxchk=True)
    rows = [a.index for a in loaded.topology.residue(loaded.ligand_index).atoms]
    return torch.from_numpy(held.xyz[0, rows] * ANGSTROM_PER_NM)


def _molecule(
    loaded: LoadedTrajectory,
    start: Float[Tensor, "atoms 3"],
    ligand: Path | None,
    smiles: str | None,
) -> tuple[Chem.Mol | None, str, tuple[str, ...]]:
    """The molecule, or why there is none; and notes."""
    if ligand is not None:
        return molecule_from_sdf(ligand, loaded, start), "", ()
    if smiles is not None:
        return molecule_from_smiles(smiles, loaded, start), "", ()
    found = molecule_from_hydrogens(loaded, start)
    if found is not None:
        shown = Chem.MolToSmiles(found)
        note = f"bond orders of {loaded.ligand} were worked out from its hydrogens"
        return found, "", (f"{note}: {shown}",)
    lacking = "" if bool(loaded.heavy.all()) else " that determine them"
    return (
        None,
        f"{loaded.path.name} has no .sdf of ours beside it and no hydrogens{lacking}",
        (),
    )


def _bonds(
    loaded: LoadedTrajectory,
    start: Float[Tensor, "atoms 3"],
    molecule: Chem.Mol | None,
) -> tuple[Int[Tensor, "bonds 2"], tuple[str, ...]]:
    """Bonds of the molecule, else of the topology, else by distance at the start."""
    notes: tuple[str, ...] = ()
    if molecule is not None:
        pairs = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]
    else:
        pairs = heavy_bonds(loaded)
        if not pairs and len(start) > 1:
            numbers = loaded.atomic_numbers[loaded.heavy].numpy()
            pairs = bonds_by_distance(numbers, start.numpy()).tolist()
            notes = ("the ligand's bonds were found by distance",)
    return torch.tensor(pairs, dtype=torch.long).reshape(-1, 2), notes


def _around(
    loaded: LoadedTrajectory,
    top: Path,
    start: Float[Tensor, "atoms 3"],
    bonds: Int[Tensor, "bonds 2"],
    protein: Path | None,
    every: int,
) -> tuple[Surroundings | None, str, Path | None]:
    """The surroundings or why there are none, and a file found on the way."""
    if protein is None:
        own = from_trajectory(loaded, top, every)
        if own is not None:
            return own, "", None
        found, why = recorded_protein(loaded.path, top)
        if found is None:
            return None, f"{loaded.path.name} holds the ligand alone, and {why}", None
        protein = found
    numbers = loaded.atomic_numbers[loaded.heavy]
    table = Chem.GetPeriodicTable()
    ligand = Ligand(
        positions=start,
        atomic_numbers=numbers,
        masses=torch.tensor([table.GetAtomicWeight(z) for z in numbers.tolist()]),
        bonds=bonds,
    )
    positions = torch.cat([start[None], loaded.positions[:, loaded.heavy]])
    around = from_protein_file(protein, ligand, positions)
    if not around.residues:
        raise InputError(
            f"{protein.name}: the ligand of {loaded.path.name} is nowhere near it.",
            hint="Give the protein in the coordinates of the trajectory.",
        )
    return around, "", protein
