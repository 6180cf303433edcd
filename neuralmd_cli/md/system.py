"""An Amber topology to an OpenMM system: forces, constraints, walls, restraints."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from neuralmd_cli.errors import SimulationError
from neuralmd_cli.md.leap import Built, Droplet, Solvent
from neuralmd_cli.md.pocket import distance
from neuralmd_cli.md.protein import Chains
from neuralmd_cli.units import ANGSTROM_PER_NM

if TYPE_CHECKING:
    import openmm

HYDROGEN_MASS = 3.0  # amu
CUTOFF_NM = 1.0
IMPLICIT_CUTOFF_NM = 2.0
RESTRAINT = 836.8
"""kJ/mol/nm², E = k dr²: 2 kcal/mol/Å²."""
WALL = 4184.0
"""kJ/mol/nm², E = k dr² beyond the radius: 10 kcal/mol/Å²."""
WALL_MARGIN_NM = 0.05
FREE = 6.0
"""Å; in a droplet, residues nearer to the ligand are not restrained."""
SCALE = "restraint_scale"
"""Global parameter of the context: 1 while the system is prepared, then 0."""
PRESSURE_BAR = 1.0
STRAINED = 50.0
"""kJ/mol per atom after minimisation; sound systems are below 0."""


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """A system, where its atoms start, and its box."""

    system: "openmm.System"
    positions: Float[ndarray, "all_atoms 3"]  # nm
    box: tuple[Any, Any, Any] | None
    n_solute: int  # atoms that are written: protein and ligand
    molecules: tuple[slice, ...]  # of the solute: each stretch, and the ligand
    degrees_of_freedom: int


def simulated(
    built: Built,
    chains: Chains,
    ligand: Float[ndarray, "heavy 3"],
    *,
    solvent: Solvent,
    droplet: Droplet | None,
    temperature_k: float,
    seed: int,
) -> Simulated:
    """The OpenMM system of what leap built.

    Args:
        built: its files.
        chains: what of the protein is in it.
        ligand: its heavy atoms, Å.
        solvent: what is around.
        droplet: the sphere of water, of a droplet.
        temperature_k: of the barostat.
        seed: of the barostat.
    """
    import openmm
    from openmm import app, unit

    prmtop = app.AmberPrmtopFile(str(built.folder / "system.prmtop"))
    inpcrd = app.AmberInpcrdFile(str(built.folder / "system.inpcrd"))
    box = inpcrd.boxVectors if solvent == "explicit" else None
    if box is not None:
        prmtop.topology.setPeriodicBoxVectors(box)
    options = {
        "explicit": {"nonbondedMethod": app.PME, "nonbondedCutoff": CUTOFF_NM},
        "droplet": {
            "nonbondedMethod": app.CutoffNonPeriodic,
            "nonbondedCutoff": CUTOFF_NM,
        },
        "implicit": {
            "nonbondedMethod": app.CutoffNonPeriodic,
            "nonbondedCutoff": IMPLICIT_CUTOFF_NM,
            "implicitSolvent": app.OBC2,
        },
    }[solvent]
    system = prmtop.createSystem(
        constraints=app.HBonds,
        rigidWater=True,
        hydrogenMass=HYDROGEN_MASS * unit.amu,
        **options,
    )
    positions = np.array(inpcrd.positions.value_in_unit(unit.nanometer))
    if solvent == "droplet" and droplet is not None:
        _add_wall(system, prmtop.topology, droplet)
        _restrain(system, positions, droplet_shell(built, chains, ligand), None)
    else:
        _restrain(system, positions, _heavy_solute(built), SCALE)
    if solvent == "explicit":
        barostat = openmm.MonteCarloBarostat(
            PRESSURE_BAR * unit.bar, temperature_k * unit.kelvin
        )
        barostat.setRandomNumberSeed(seed)
        system.addForce(barostat)
    return Simulated(
        system=system,
        positions=positions,
        box=box,
        n_solute=built.topology.n_atoms,
        molecules=molecules_of(built, chains),
        degrees_of_freedom=_degrees_of_freedom(system),
    )


def droplet_shell(
    built: Built, chains: Chains, ligand: Float[ndarray, "heavy 3"]
) -> Int[ndarray, " restrained"]:
    """Atoms held in a droplet: backbones far from the ligand, and caps."""
    top = built.topology
    rows: list[int] = []
    for k, residue in enumerate(chains.residues):
        atoms = np.flatnonzero(top.residue_of == k)
        if residue.is_cap:
            rows += [int(a) for a in atoms if top.numbers[a] > 1]
        elif distance(residue, ligand) > FREE:
            rows += [int(a) for a in atoms if top.names[a] in ("N", "CA", "C")]
    return np.array(rows, dtype=np.int64)


def molecules_of(built: Built, chains: Chains) -> tuple[slice, ...]:
    """Rows of each stretch of the protein, and of the ligand."""
    counts = np.cumsum([0, *(len(x) for x in chains.stretches), 1])
    begins = np.searchsorted(built.topology.residue_of, counts)
    return tuple(
        slice(int(a), int(b)) for a, b in zip(begins[:-1], begins[1:], strict=True)
    )


def part_system(folder: Path, name: str) -> "openmm.System":
    """One of the dry parts in OBC2 water without a cutoff, for energies."""
    from openmm import app

    prmtop = app.AmberPrmtopFile(str(folder / f"{name}.prmtop"))
    return prmtop.createSystem(nonbondedMethod=app.NoCutoff, implicitSolvent=app.OBC2)


def vacuum_system(folder: Path, name: str) -> "openmm.System":
    """One of the dry parts without water, with a cutoff: for a quick look at it."""
    from openmm import app

    prmtop = app.AmberPrmtopFile(str(folder / f"{name}.prmtop"))
    return prmtop.createSystem(
        nonbondedMethod=app.CutoffNonPeriodic, nonbondedCutoff=CUTOFF_NM
    )


def check_relaxed(energy_kj: float, atoms: int, what: str = "The system") -> None:
    """Refuse a system that minimisation has not brought to rest.

    Args:
        energy_kj: kJ/mol, after it.
        atoms: of the system.
        what: to begin the message with.

    Raises:
        SimulationError: atoms lie in each other, or bonds are torn.
    """
    if not energy_kj < STRAINED * atoms:
        raise SimulationError(
            f"{what}: the energy stays at {energy_kj:.3g} kJ/mol after minimisation.",
            hint="Atoms lie in each other, or bonds are torn: look at the structure "
            "for clashes.",
        )


def _heavy_solute(built: Built) -> Int[ndarray, " restrained"]:
    return np.flatnonzero(built.topology.numbers > 1)


def _restrain(
    system: "openmm.System",
    positions: Float[ndarray, "all_atoms 3"],
    rows: Int[ndarray, " restrained"],
    scale: str | None,
) -> None:
    """Harmonic restraints to where the atoms are."""
    import openmm

    periodic = system.usesPeriodicBoundaryConditions()
    gap = (
        "periodicdistance(x, y, z, x0, y0, z0)^2"
        if periodic
        else "((x-x0)^2+(y-y0)^2+(z-z0)^2)"
    )
    factor = f"{scale}*" if scale else ""
    force = openmm.CustomExternalForce(f"{factor}{RESTRAINT}*{gap}")
    if scale:
        force.addGlobalParameter(scale, 1.0)
    for name in ("x0", "y0", "z0"):
        force.addPerParticleParameter(name)
    for row in rows.tolist():
        force.addParticle(row, positions[row].tolist())
    system.addForce(force)


def _add_wall(system: "openmm.System", topology: Any, droplet: Droplet) -> None:  # noqa: ANN401  OpenMM's topology
    """A half-harmonic wall that keeps the droplet's water in."""
    import openmm

    x, y, z = (v / ANGSTROM_PER_NM for v in droplet.centre)
    radius = droplet.radius / ANGSTROM_PER_NM + WALL_MARGIN_NM
    force = openmm.CustomExternalForce(
        f"{WALL}*max(0, r-{radius})^2; r=sqrt((x-{x})^2+(y-{y})^2+(z-{z})^2)"
    )
    for atom in topology.atoms():
        if atom.residue.name == "HOH" and atom.element.symbol == "O":
            force.addParticle(atom.index, [])
    system.addForce(force)


def _degrees_of_freedom(system: "openmm.System") -> int:
    masses = [system.getParticleMass(k) for k in range(system.getNumParticles())]
    moving = sum(bool(x > 0 * x.unit) for x in masses)
    return 3 * moving - int(system.getNumConstraints())
