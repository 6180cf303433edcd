"""Whether a complex can be simulated, found out by building it."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neuralmd_cli.md.prepare import Inputs, Preparation, prepare_md
from neuralmd_cli.md.system import check_relaxed, vacuum_system

_ITERATIONS = 50


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a preparation gave."""

    atoms: int  # of protein and ligand
    residues: int
    residues_full: int
    waters: int
    ions: int
    ligand_charge: int
    energy_kj: float  # of protein and ligand without water, after a short minimisation
    notes: list[str]
    warnings: list[str]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def prepare_only(
    inputs: Inputs,
    how: Preparation,
    folder: Path | None = None,
    *,
    on_step: Callable[[str], None] = lambda what: None,
) -> Facts:
    """Build a system, and see that its energy falls to something finite.

    Args:
        inputs: protein and ligand.
        how: the system is made.
        folder: for its files; without it, they are not kept.
        on_step: told what is being done.

    Raises:
        NeuralMDError: it cannot be built, or its energy is not sound.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="neuralmd-") as temporary:
            return prepare_only(inputs, how, Path(temporary), on_step=on_step)
    folder.mkdir(exist_ok=True)
    prepared = prepare_md(inputs, how, folder, on_step=on_step)
    on_step("minimising")
    built = prepared.built
    energy = _energy(folder)
    check_relaxed(energy, built.topology.n_atoms, inputs.protein.name)
    from rdkit import Chem

    return Facts(
        atoms=built.topology.n_atoms,
        residues=prepared.chains.n_residues,
        residues_full=prepared.n_residues_full,
        waters=built.n_waters,
        ions=built.n_ions,
        ligand_charge=int(Chem.GetFormalCharge(prepared.molecule)),
        energy_kj=round(energy, 1),
        notes=list(prepared.notes),
        warnings=list(prepared.warnings),
    )


def _energy(folder: Path) -> float:
    """Potential energy of the dry complex after a few steps downhill, kJ/mol."""
    import openmm
    from openmm import app, unit

    places = app.AmberInpcrdFile(str(folder / "dry.inpcrd")).positions
    context = openmm.Context(
        vacuum_system(folder, "dry"),
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("CPU"),
    )
    context.setPositions(places)
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=_ITERATIONS)
    energy = context.getState(energy=True).getPotentialEnergy()
    return float(energy.value_in_unit(unit.kilojoule_per_mole))
