"""What MISATO says of each frame: interaction energy and buried surface."""

import mdtraj
import numpy as np
from jaxtyping import Float, Int
from mdtraj.core.element import Element
from numpy import ndarray
from torch import Tensor

from neuralmd_cli.md.session import Simulation
from neuralmd_cli.md.system import part_system
from neuralmd_cli.units import ANGSTROM_PER_NM

_KJ_PER_KCAL = 4.184
_PROBE_NM = 0.14
_POINTS = 240


def interaction_energies(simulation: Simulation) -> Float[ndarray, " frames"]:
    """MM/GB energy of the complex less those of its parts, kcal/mol.

    Single trajectory, OBC2 with mbondi2 radii, no cutoff, no entropy; water and ions
    are left out, caps are part of the protein.
    """
    import openmm
    from openmm import unit

    built, place = simulation.prepared.built, simulation.place
    n_protein = built.topology.n_atoms - built.n_ligand
    total = np.zeros(len(simulation.positions))
    for name, part, sign in (
        ("dry", slice(None), 1.0),
        ("protein", slice(0, n_protein), -1.0),
        ("ligand", slice(n_protein, None), -1.0),
    ):
        context = openmm.Context(
            part_system(built.folder, name),
            openmm.VerletIntegrator(0.001),
            openmm.Platform.getPlatformByName(place.name),
            place.properties,
        )
        frames = simulation.positions[:, part].numpy() / ANGSTROM_PER_NM
        for k, places in enumerate(frames):
            context.setPositions(places)
            energy = context.getState(energy=True).getPotentialEnergy()
            total[k] += sign * energy.value_in_unit(unit.kilojoule_per_mole)
    values: Float[ndarray, " frames"] = total / _KJ_PER_KCAL
    return values


def buried_areas(
    frames: Tensor, numbers: Int[ndarray, " atoms"], n_ligand: int
) -> Float[ndarray, " frames"]:
    """Surface that protein and ligand take from each other, Å² (Shrake-Rupley)."""
    n = len(numbers)
    protein, ligand = np.arange(n - n_ligand), np.arange(n - n_ligand, n)

    def area(rows: Int[ndarray, " some"]) -> Float[ndarray, " frames"]:
        topology = mdtraj.Topology()
        residue = topology.add_residue("ALL", topology.add_chain())
        for row in rows.tolist():
            element = Element.getByAtomicNumber(int(numbers[row]))
            topology.add_atom(f"{row}", element, residue)
        places = frames.numpy()[:, rows] / ANGSTROM_PER_NM
        found = mdtraj.shrake_rupley(
            mdtraj.Trajectory(places, topology),
            probe_radius=_PROBE_NM,
            n_sphere_points=_POINTS,
        )
        total: Float[ndarray, " frames"] = found.sum(axis=1).astype(np.float64)
        return total * ANGSTROM_PER_NM**2

    buried: Float[ndarray, " frames"] = (
        area(protein) + area(ligand) - area(np.arange(n))
    )
    return buried
