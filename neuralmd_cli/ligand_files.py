"""Which atoms of a run go into its files, and in which order."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rdkit import Chem
from torch import Tensor

from neuralmd_cli.hydrogens import carry_hydrogens
from neuralmd_cli.structure.ligand import with_hydrogens
from neuralmd_cli.structure.prepare import PreparedComplex
from neuralmd_cli.topology import complex_topology, ligand_topology
from neuralmd_cli.trajectory import Trajectory
from neuralmd_cli.writers import (
    Write,
    trajectory_file,
    write_ligand_sdf,
    write_topology_pdb,
)


@dataclass(frozen=True, kw_only=True)
class LigandFiles:
    """Which atoms go into the files, and in which order."""

    prepared: PreparedComplex
    with_protein: bool
    hydrogens: bool

    @contextmanager
    def open(
        self, folder: Path, names: Sequence[str], replicas: int
    ) -> Iterator[list[Write]]:
        """Files of a run, under the first of `names`; whole when the body succeeds.

        Yields:
            Of each replica, what takes its heavy atoms block by block.
        """
        molecule = self._molecule()
        topology = ligand_topology(molecule, with_hydrogens=self.hydrogens)
        if self.with_protein:
            topology = complex_topology(self.prepared.protein_structure, topology)

        def all_atoms(heavy: Tensor) -> Tensor:
            return carry_hydrogens(molecule, heavy) if self.hydrogens else heavy

        def carrying(write: Write) -> Write:
            return lambda times, heavy: write(times, all_atoms(heavy))

        start = all_atoms(self.prepared.complex.ligand.positions[None])[0]
        write_topology_pdb(folder / names[-3], start, topology)
        write_ligand_sdf(folder / names[-2], molecule, start)
        with ExitStack() as stack:
            yield [
                carrying(stack.enter_context(trajectory_file(folder / x, topology)))
                for x in names[:replicas]
            ]

    def write(
        self, folder: Path, names: Sequence[str], trajectories: Sequence[Trajectory]
    ) -> None:
        """The files of trajectories that are there already."""
        with self.open(folder, names, len(trajectories)) as writes:
            for write, trajectory in zip(writes, trajectories, strict=True):
                for times, positions in trajectory.blocks():
                    write(times, positions)

    def notes(self) -> list[str]:
        """What is in the files that was not in the input."""
        added = self._molecule().GetNumAtoms() - self.prepared.molecule.GetNumAtoms()
        if not added:
            return []
        return [
            f"{added} hydrogens of the ligand are not in the input: added as its bond "
            "orders and charges ask, placed by geometry."
        ]

    def _molecule(self) -> Chem.Mol:
        """The ligand as it is written, or more."""
        molecule = self.prepared.molecule
        return with_hydrogens(molecule) if self.hydrogens else molecule
