"""A small simulation in a periodic box, as a user's files, whose truth is known."""

from dataclasses import dataclass
from pathlib import Path

import mdtraj
import numpy as np
from mdtraj.core.element import carbon, chlorine, hydrogen, nitrogen, oxygen, sodium
from mdtraj.utils import lengths_and_angles_to_box_vectors
from rdkit import Chem
from rdkit.Geometry import Point3D

from tests.dataset.synthetic import GLY, LIGAND_PLACES

ELEMENTS = {1: hydrogen, 6: carbon, 7: nitrogen, 8: oxygen}
GLY_NAMES = ["N", "H", "CA", "C", "O"]
LIGAND = [("C1", carbon), ("H1", hydrogen), ("C2", carbon), ("O1", oxygen)]
RESIDUES = 6  # of each of two chains
HEAVY = RESIDUES * 2 * 4
WATERS = 20


@dataclass(frozen=True)
class OwnMD:
    """Files, and where everything is when nothing is cut."""

    folder: Path
    truth: np.ndarray  # (frames, atoms, 3), Å; chains, ligand, water, ions
    wrapped: mdtraj.Trajectory  # as a program writes it

    @property
    def ligand(self) -> np.ndarray:
        """C, C, O in every frame."""
        begin = RESIDUES * 2 * len(GLY)
        return self.truth[:, [begin, begin + 2, begin + 3]]

    @property
    def ca(self) -> np.ndarray:
        """The CA atoms of both chains in every frame."""
        return self.truth[:, 2 : RESIDUES * 2 * len(GLY) : len(GLY)]


def topology() -> mdtraj.Topology:
    """Two chains of glycine, a ligand with a hydrogen, water and salt."""
    top = mdtraj.Topology()
    for name in "AB":
        chain = top.add_chain(name)
        for k in range(RESIDUES):
            residue = top.add_residue("GLY", chain, resSeq=k + 1)
            for atom, (z, *_) in zip(GLY_NAMES, GLY, strict=True):
                top.add_atom(atom, ELEMENTS[z], residue)
    residue = top.add_residue("LIG", top.add_chain("L"), resSeq=1)
    for name, element in LIGAND:
        top.add_atom(name, element, residue)
    chain = top.add_chain("W")
    for k in range(WATERS):
        residue = top.add_residue("HOH", chain, resSeq=k + 1)
        for name, element in (("O", oxygen), ("H1", hydrogen), ("H2", hydrogen)):
            top.add_atom(name, element, residue)
    for k, (name, element) in enumerate((("NA", sodium), ("CL", chlorine))):
        top.add_atom(name, element, top.add_residue(name, chain, resSeq=90 + k))
    return top


def places(frames: int, seed: int = 0) -> np.ndarray:
    """The chains side by side, the ligand above them, all drifting through space."""
    rng = np.random.default_rng(seed)
    chain = np.array(
        [
            np.array(x) + [3.6 * k, 0.4 * (k % 2), 0.0]
            for k in range(RESIDUES)
            for *_, x in GLY
        ]
    )
    ligand = np.array(LIGAND_PLACES) + [9.0, 3.0, 3.5]
    solvent = rng.uniform(0, 30, (WATERS, 1, 3)) + rng.normal(0, 0.5, (WATERS, 3, 3))
    salt = [[30.0, 30.0, 30.0], [5.0, 30.0, 30.0]]
    start = np.concatenate(
        [chain, chain + [0.0, 6.0, 0.0], ligand, solvent.reshape(-1, 3), salt]
    )
    moving = start + np.cumsum(rng.normal(0, 0.02, (frames, len(start), 3)), axis=0)
    return moving + np.cumsum(rng.normal(0, 4.0, (frames, 1, 3)), axis=0)


def own_md(
    folder: Path, *, frames: int = 12, angles: float = 90.0, swelling: float = 0.0
) -> OwnMD:
    """Write top.pdb (all atoms, wrapped) and ligand.sdf (in another order)."""
    truth = places(frames)
    lengths = np.full((frames, 3), 40.0) * np.linspace(1, 1 + swelling, frames)[:, None]
    degrees = np.full((frames, 3), angles)
    vectors = lengths_and_angles_to_box_vectors(*lengths.T, *degrees.T)
    cells = np.stack(vectors, axis=1)
    fractions = truth @ np.linalg.inv(cells)
    wrapped = (fractions - np.floor(fractions)) @ cells
    trajectory = mdtraj.Trajectory(
        wrapped / 10,
        topology(),
        time=np.arange(frames) * 5.0,
        unitcell_lengths=lengths / 10,
        unitcell_angles=degrees,
    )
    trajectory[0].save_pdb(str(folder / "top.pdb"))
    write_ligand(folder / "ligand.sdf")
    return OwnMD(folder, truth, trajectory)


def write_ligand(path: Path, smiles: str = "OCC") -> None:
    """An SDF of O, C, C with its places anywhere."""
    molecule = Chem.MolFromSmiles(smiles)
    conformer = Chem.Conformer(molecule.GetNumAtoms())
    for k in range(molecule.GetNumAtoms()):
        conformer.SetAtomPosition(k, Point3D(1.4 * k, 0.5 * (k % 2), 0.3))
    molecule.AddConformer(conformer)
    with Chem.SDWriter(str(path)) as writer:
        writer.write(molecule)
