"""The molecule behind the bare atoms of a recording: bond orders and charges.

Files in MISATO's layout hold elements and places, hydrogens included, and no bonds. Our
own also hold a SMILES.
"""

from collections.abc import Iterator

import gemmi
from jaxtyping import Float, Int
from numpy import ndarray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDetermineBonds

from neuralmd_cli.connectivity import bare_molecule, connect
from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.bond_orders import from_template, template_of
from neuralmd_cli.structure.molecule import sanitise

_CHARGES = {0: (0, -2, 2), 1: (-1, 1)}
"""Total charges tried, by the parity of the nuclear charges: no ligand is a radical."""
_MOST_ITERATIONS = 50_000
_MOST_RESONANCES = 10


def recorded_molecule(
    atomic_numbers: Int[ndarray, " atoms"],
    positions: Float[ndarray, "atoms 3"],
    *,
    smiles: str | None = None,
    where: str,
) -> Chem.Mol:
    """The ligand's heavy atoms with bond orders, in their order and places.

    With a SMILES, its orders and charges are laid on the atoms. Without, they follow
    from which atoms are bonded, hydrogens included, as `_perceived` says.

    Args:
        atomic_numbers: of the ligand's atoms, hydrogens included.
        positions: of one snapshot, Å.
        smiles: of the ligand as simulated, where the file has it.
        where: file and complex, to begin messages with.

    Raises:
        InputError: the SMILES is of another molecule or another protonation; or
            without one, there are no hydrogens, or no orders fit the atoms.
    """
    if smiles is not None:
        return _as_smiles_says(atomic_numbers, positions, smiles, where)
    if not (atomic_numbers == 1).any():
        raise InputError(
            f"{where}: the ligand has no hydrogens and no SMILES, so its bond orders "
            "cannot be known.",
            hint="Use a model that needs no bond orders.",
        )
    return _perceived(atomic_numbers, positions, where)


def _as_smiles_says(
    atomic_numbers: Int[ndarray, " atoms"],
    positions: Float[ndarray, "atoms 3"],
    smiles: str,
    where: str,
) -> Chem.Mol:
    heavy = atomic_numbers != 1
    template = template_of("", smiles, where)
    molecule = from_template(
        _gemmi_atoms(atomic_numbers[heavy], positions[heavy]), template, where
    )
    sanitise(molecule, where)
    told = sum(atom.GetTotalNumHs() for atom in molecule.GetAtoms())
    found = int((~heavy).sum())
    if found and told != found:
        raise InputError(
            f"{where}: the ligand has {found} hydrogens, its SMILES {told}.",
            hint="The SMILES must be that of the ligand as it was simulated.",
        )
    return molecule


def _gemmi_atoms(
    atomic_numbers: Int[ndarray, " atoms"], positions: Float[ndarray, "atoms 3"]
) -> list[gemmi.Atom]:
    atoms = []
    for number, place in zip(atomic_numbers, positions, strict=True):
        atom = gemmi.Atom()
        atom.element = gemmi.Element(int(number))
        atom.pos = gemmi.Position(*(float(x) for x in place))
        atoms.append(atom)
    return atoms


def _perceived(
    atomic_numbers: Int[ndarray, " atoms"],
    positions: Float[ndarray, "atoms 3"],
    where: str,
) -> Chem.Mol:
    """Orders by RDKit's search over valences, for the total charge that fits best.

    The charge is not in the file. Of the closed-shell answers for each, and of their
    resonance structures, the one is taken that has the fewest charged carbons, then
    the fewest charges, then the most aromatic atoms: carboxylates, ammonium, amidinium
    and zwitterions come out as a chemist draws them.
    """
    found = list(_closed_shells(atomic_numbers, positions))
    best = min(found, key=_strangeness, default=None)
    if best is None or _strangeness(best)[0]:
        raise InputError(
            f"{where}: no bond orders fit the ligand's atoms.",
            hint="The recording may be damaged, or the ligand is a radical, a metal "
            "complex or an ylide; use a model that needs no bond orders.",
        )
    return Chem.RemoveAllHs(best)


def _closed_shells(
    atomic_numbers: Int[ndarray, " atoms"], positions: Float[ndarray, "atoms 3"]
) -> Iterator[Chem.Mol]:
    """Molecules without unpaired electrons, the best resonance structure of each."""
    for charge in _CHARGES[int(atomic_numbers.sum()) % 2]:
        molecule = bare_molecule(atomic_numbers, positions)
        try:
            with rdBase.BlockLogs():
                connect(molecule)
                rdDetermineBonds.DetermineBondOrders(
                    molecule,
                    charge=charge,
                    allowChargedFragments=True,
                    embedChiral=False,
                    maxIterations=_MOST_ITERATIONS,
                )
                Chem.SanitizeMol(molecule)
        except (RuntimeError, ValueError):  # this total charge does not fit
            continue
        if not any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms()):
            yield min(_resonances(molecule), key=_strangeness)


def _resonances(molecule: Chem.Mol) -> Iterator[Chem.Mol]:
    """The molecule and, if it has charges, other places for them."""
    yield molecule
    if not any(atom.GetFormalCharge() for atom in molecule.GetAtoms()):
        return
    with rdBase.BlockLogs():
        others = [
            Chem.Mol(other)
            for other in Chem.ResonanceMolSupplier(
                molecule, Chem.ALLOW_CHARGE_SEPARATION, _MOST_RESONANCES
            )
            if other is not None
        ]
        sound = Chem.SanitizeFlags.SANITIZE_NONE
        yield from [x for x in others if Chem.SanitizeMol(x, catchErrors=True) == sound]


def _strangeness(molecule: Chem.Mol) -> tuple[int, int, int]:
    """Charged carbons, charges, and minus the number of aromatic atoms."""
    atoms = list(molecule.GetAtoms())
    charged = [atom for atom in atoms if atom.GetFormalCharge()]
    return (
        sum(atom.GetSymbol() == "C" for atom in charged),
        sum(abs(atom.GetFormalCharge()) for atom in charged),
        -sum(atom.GetIsAromatic() for atom in atoms),
    )
