"""Bond orders of a ligand that a trajectory file names only by its atoms."""

import warnings
from collections import Counter
from pathlib import Path

import gemmi
import torch
from jaxtyping import Float
from rdkit import Chem, rdBase
from torch import Tensor

from neuralmd_cli.connectivity import bare_molecule, bonds_by_distance, connect
from neuralmd_cli.errors import InputError
from neuralmd_cli.readers import LoadedTrajectory
from neuralmd_cli.structure.bond_orders import from_template, template_of
from neuralmd_cli.structure.ligand import read_ligand


def molecule_from_sdf(
    path: Path, loaded: LoadedTrajectory, start: Float[Tensor, "atoms 3"]
) -> Chem.Mol:
    """The SDF's molecule, on the trajectory's heavy atoms in their order.

    Args:
        path: SDF with bond orders; its coordinates are not used.
        start: heavy atoms of the ligand, Å.

    Raises:
        InputError: not the same molecule.
    """
    template = Chem.RemoveAllHs(read_ligand(path).molecule)
    numbers = _numbers(loaded)
    ours, theirs = Counter(numbers), Counter(a.GetAtomicNum() for a in _atoms(template))
    if ours != theirs:
        raise InputError(
            f"{path.name} is another molecule than {loaded.ligand} of "
            f"{loaded.path.name}: {_formula(theirs)} against {_formula(ours)}.",
            hint="Give the SDF of the ligand that was simulated.",
        )
    if [a.GetAtomicNum() for a in _atoms(template)] == numbers:
        placed = _placed(template, start)
        if _same_bonds(placed, loaded):
            return placed
    return _from_template(template, loaded, start, f"{loaded.ligand} ({path.name})")


def molecule_from_smiles(
    smiles: str, loaded: LoadedTrajectory, start: Float[Tensor, "atoms 3"]
) -> Chem.Mol:
    """The trajectory's heavy atoms with the bond orders of a SMILES.

    Raises:
        InputError: the SMILES is wrong, or another molecule's.
    """
    template = template_of("", smiles, loaded.ligand)
    return _from_template(template, loaded, start, loaded.ligand)


def molecule_from_hydrogens(
    loaded: LoadedTrajectory, start: Float[Tensor, "atoms 3"]
) -> Chem.Mol | None:
    """The molecule its own hydrogens determine, by MDAnalysis; None if they do not.

    Where every hydrogen is an atom, valences fix bond orders and charges. Without
    hydrogens, without MDAnalysis, or where the result is no sound molecule: None.

    Args:
        start: heavy atoms of the ligand, Å.
    """
    if bool(loaded.heavy.all()):
        return None
    full = orders_from_hydrogens(
        bare_molecule(loaded.atomic_numbers.numpy(), loaded.positions[0].numpy())
    )
    if full is None or len(Chem.GetMolFrags(full)) > 1:
        return None
    with rdBase.BlockLogs():
        found = Chem.RemoveAllHs(full)
    if [a.GetAtomicNum() for a in found.GetAtoms()] != _numbers(loaded):
        return None
    return _placed(found, start)


def orders_from_hydrogens(
    bare: Chem.RWMol, *, complete: bool = True
) -> Chem.Mol | None:
    """Bonds by distance, orders and charges from the valences hydrogens leave open.

    By MDAnalysis' algorithm; atoms keep their order and properties. None without
    MDAnalysis, or where an impossible valence remains.

    Args:
        bare: all atoms, hydrogens among them, in their places.
        complete: a whole molecule, so that a radical is a failure as well.
    """
    # Recorded, not filtered: MDAnalysis sets filters of its own.
    with rdBase.BlockLogs(), warnings.catch_warnings(record=True):
        try:
            from MDAnalysis.converters.RDKitInferring import MDAnalysisInferrer

            connect(bare)
            for atom in bare.GetAtoms():
                atom.SetNoImplicit(True)
                atom.SetIntProp("_MDAnalysis_index", atom.GetIdx())
            bare.UpdatePropertyCache(strict=False)
            found = MDAnalysisInferrer()(bare.GetMol())
            Chem.SanitizeMol(found)
        except (ImportError, ValueError, RuntimeError):
            return None
    radical = any(atom.GetNumRadicalElectrons() for atom in found.GetAtoms())
    return None if complete and radical else found


def with_hydrogens_of(
    molecule: Chem.Mol, loaded: LoadedTrajectory
) -> tuple[Chem.Mol, list[int]] | None:
    """The molecule with the trajectory's own hydrogens, if those are all it has.

    Returns:
        The molecule, hydrogens last, and the row of each atom in the trajectory; None
        where the trajectory lacks hydrogens, or has others.
    """
    rows = loaded.heavy.nonzero()[:, 0].tolist()
    hydrogens = (loaded.atomic_numbers == 1).nonzero()[:, 0].tolist()
    first = loaded.positions[0]
    nearest = torch.cdist(first[hydrogens], first[rows]).argmin(dim=1).tolist()
    counts = Counter(nearest)
    if any(counts[a.GetIdx()] != a.GetTotalNumHs() for a in molecule.GetAtoms()):
        return None
    full = Chem.RWMol(molecule)
    for atom in full.GetAtoms():
        atom.SetNumExplicitHs(0)
        atom.SetNoImplicit(True)
    for parent in nearest:
        full.AddBond(parent, full.AddAtom(Chem.Atom(1)), Chem.BondType.SINGLE)
    order = [*rows, *hydrogens]
    result = full.GetMol()
    Chem.SanitizeMol(result)
    return _placed(result, first[order], keep_tags=True), order


def _from_template(
    template: Chem.Mol,
    loaded: LoadedTrajectory,
    start: Float[Tensor, "atoms 3"],
    where: str,
) -> Chem.Mol:
    """The atoms at the start, bonded by distance, with the template's orders."""
    atoms = []
    for number, xyz in zip(_numbers(loaded), start.double().tolist(), strict=True):
        atom = gemmi.Atom()
        atom.element, atom.pos = gemmi.Element(number), gemmi.Position(*xyz)
        atoms.append(atom)
    return _placed(from_template(atoms, template, where), start)


def _placed(
    molecule: Chem.Mol, positions: Float[Tensor, "atoms 3"], *, keep_tags: bool = False
) -> Chem.Mol:
    """A copy at these positions, with the stereochemistry they show."""
    placed = Chem.Mol(molecule)
    conformer = Chem.Conformer(placed.GetNumAtoms())
    conformer.SetPositions(positions.double().numpy())
    placed.RemoveAllConformers()
    placed.AddConformer(conformer)
    if not keep_tags:
        with rdBase.BlockLogs():
            Chem.SanitizeMol(placed)
            Chem.AssignStereochemistryFrom3D(placed)
    return placed


def _same_bonds(molecule: Chem.Mol, loaded: LoadedTrajectory) -> bool:
    """Whether the topology's bonds are the molecule's; by distance if it has none."""
    ours = {
        frozenset((b.GetBeginAtomIdx(), b.GetEndAtomIdx())) for b in molecule.GetBonds()
    }
    theirs = {frozenset(pair) for pair in heavy_bonds(loaded)}
    if not theirs:
        near = bonds_by_distance(
            loaded.atomic_numbers[loaded.heavy].numpy(),
            molecule.GetConformer().GetPositions(),
        )
        theirs = {frozenset(pair) for pair in near.tolist()}
    return ours == theirs


def heavy_bonds(loaded: LoadedTrajectory) -> list[tuple[int, int]]:
    """Bonds of the topology between heavy atoms, as places among these."""
    place = {row: k for k, row in enumerate(loaded.heavy.nonzero()[:, 0].tolist())}
    return [
        (place[a], place[b])
        for a, b in loaded.bonds.tolist()
        if a in place and b in place
    ]


def _numbers(loaded: LoadedTrajectory) -> list[int]:
    """Atomic numbers of the heavy atoms."""
    numbers: list[int] = loaded.atomic_numbers[loaded.heavy].tolist()
    return numbers


def _atoms(molecule: Chem.Mol) -> list[Chem.Atom]:
    return list(molecule.GetAtoms())


def _formula(counts: Counter[int]) -> str:
    """Heavy atoms by element: "C24 N O3"."""
    table = Chem.GetPeriodicTable()
    named = sorted((table.GetElementSymbol(z), n) for z, n in counts.items())
    return " ".join(f"{x}{n if n > 1 else ''}" for x, n in named)
