"""Bond orders for atoms that have only places: from a SMILES or a known component.

Nothing here guesses an order from a distance; distances only say which atoms are
bonded, and the SMILES must agree with that.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import AllChem

from neuralmd_cli.connectivity import bare_molecule, connect
from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.components import is_plain
from neuralmd_cli.structure.files import is_mmcif

_SMILES_HINT = (
    "Give its bond orders with --smiles, or give the ligand as an SDF file; the "
    "ligand's page at rcsb.org/ligand offers both."
)
_ORDERS = {
    "sing": Chem.BondType.SINGLE,
    "doub": Chem.BondType.DOUBLE,
    "trip": Chem.BondType.TRIPLE,
}
_VALENCES = {
    "B": (3,),
    "C": (4,),
    "N": (3,),
    "O": (2,),
    "Si": (4,),
    "P": (3, 5),
    "S": (2, 4, 6),
    "Se": (2, 4, 6),
    **{halogen: (1,) for halogen in ("F", "Cl", "Br", "I")},
}
"""Sums of bond orders, hydrogens included, that leave an atom without charge."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """What an mmCIF file says of one kind of residue, hydrogens included."""

    elements: Mapping[str, str]  # by atom name
    bonds: tuple[tuple[str, str, str], ...]  # two atom names and the order


def component(text: str, name: str) -> Component | None:
    """The description of a component inside an mmCIF file, as the archive adds it."""
    if not is_mmcif(text):
        return None
    for block in gemmi.cif.read_string(text):
        atoms = block.find("_chem_comp_atom.", ["comp_id", "atom_id", "type_symbol"])
        bonds = block.find(
            "_chem_comp_bond.", ["comp_id", "atom_id_1", "atom_id_2", "value_order"]
        )
        found = Component(
            elements={r.str(1): r.str(2).capitalize() for r in atoms if r[0] == name},
            bonds=tuple(
                (r.str(1), r.str(2), r.str(3).lower()) for r in bonds if r[0] == name
            ),
        )
        if found.elements and found.bonds:
            return found
    return None


def from_component(
    atoms: Sequence[gemmi.Atom], described: Component, where: str
) -> Chem.Mol:
    """The heavy atoms with the bonds, hydrogens and charges of their description.

    The archive's descriptions list every hydrogen but no charge; the charge is what
    the bonds of an atom exceed its neutral valence by.

    Raises:
        InputError: the file lacks atoms of the component, or an order is unclear.
    """
    row = {atom.name: i for i, atom in enumerate(atoms)}
    heavy = {x for x, element in described.elements.items() if element not in "HD"}
    if heavy != set(row):
        raise InputError(
            f"{where} does not hold the atoms of its component description: "
            f"{', '.join(sorted(heavy ^ set(row)))}.",
            hint="Complete the ligand, or give it as an SDF file.",
        )
    molecule = _bare(atoms)
    hydrogens: Counter[str] = Counter()
    for first, second, order in described.bonds:
        if order not in _ORDERS:
            raise InputError(
                f"{where}: the file gives bond {first}-{second} the order {order!r}.",
                hint=_SMILES_HINT,
            )
        if first in row and second in row:
            molecule.AddBond(row[first], row[second], _ORDERS[order])
        else:
            hydrogens[first if first in row else second] += 1
    for name, index in row.items():
        atom = molecule.GetAtomWithIdx(index)
        orders = sum(bond.GetBondTypeAsDouble() for bond in atom.GetBonds())
        valence = round(orders) + hydrogens[name]
        atom.SetNumExplicitHs(hydrogens[name])
        atom.SetNoImplicit(True)
        atom.SetFormalCharge(_charge(atom.GetSymbol(), valence, f"{where}: {name}"))
    return molecule.GetMol()


def _charge(element: str, valence: int, where: str) -> int:
    """Formal charge of an atom whose bonds, hydrogens included, sum to `valence`."""
    neutral = _VALENCES.get(element, (valence,))
    if valence in neutral:
        return 0
    # Nearest neutral valence, the lower of two: sulphur with 3 is a sulphonium.
    excess = valence - min(neutral, key=lambda x: (abs(valence - x), x))
    if element == "B" and excess == 1:
        return -1
    if element in ("N", "O", "P", "S", "Se") and abs(excess) == 1:
        return excess
    raise InputError(
        f"{where} has bonds of total order {valence}, which leaves its charge open.",
        hint=_SMILES_HINT,
    )


def template_of(name: str, smiles: str | None, where: str) -> Chem.Mol:
    """The molecule that a SMILES, or RDKit's list of amino acids, describes.

    Raises:
        InputError: the SMILES is wrong, or there is none and the ligand is no free
            amino acid.
    """
    if smiles is None:
        letter = gemmi.find_tabulated_residue(name).one_letter_code
        if is_plain(name) and letter.isupper():
            return Chem.MolFromSequence(letter)
        raise InputError(
            f"{where}: the file does not say its bond orders, and guessing them from "
            "distances could give another molecule.",
            hint=_SMILES_HINT,
        )
    with rdBase.BlockLogs():
        template = Chem.MolFromSmiles(smiles)
    if template is None or template.GetNumAtoms() == 0:
        raise InputError(
            f"{smiles!r} is not a valid SMILES.",
            hint="Put it in single quotes, so that the shell leaves it alone.",
        )
    return Chem.RemoveHs(template)


def from_template(
    atoms: Sequence[gemmi.Atom], template: Chem.Mol, where: str
) -> Chem.Mol:
    """The heavy atoms with the template's orders, charges and hydrogen counts.

    Raises:
        InputError: other elements than the template's, or bonded otherwise.
    """
    molecule = _bare(atoms)
    ours, theirs = _formula(molecule), _formula(template)
    if ours != theirs:
        raise InputError(
            f"{where} has the heavy atoms {ours}, the SMILES {theirs}.",
            hint="The SMILES must be that of this ligand alone, and the file must "
            "hold all of its atoms.",
        )
    try:
        with rdBase.BlockLogs():
            connect(molecule)
            for atom in molecule.GetAtoms():
                atom.SetNoImplicit(False)  # or every open valence becomes a radical
            bonded: Chem.Mol = AllChem.AssignBondOrdersFromTemplate(  # type: ignore[no-untyped-call]  # RDKit has no annotation for it
                template, molecule.GetMol()
            )
    except ValueError:
        raise InputError(
            f"{where}: its atoms are not bonded as the SMILES says.",
            hint="Check the SMILES; if it is right, give the ligand as an SDF file.",
        ) from None
    return _by_length(bonded)


def _by_length(molecule: Chem.Mol) -> Chem.Mol:
    """Atoms that the template cannot tell apart, told apart by their bonds' lengths.

    Both oxygens of an acid are bonded to one carbon and to nothing else: C=O is the
    shorter bond. Likewise the nitrogens of an amidine. Where one is charged they are
    alike, by resonance.
    """
    places = molecule.GetConformer().GetPositions()
    editable = Chem.RWMol(molecule)
    for centre in editable.GetAtoms():
        ends: dict[int, list[Chem.Bond]] = {}
        for bond in centre.GetBonds():
            end = bond.GetOtherAtom(centre)
            if end.GetDegree() == 1:
                ends.setdefault(end.GetAtomicNum(), []).append(bond)
        here = places[centre.GetIdx()]
        for bonds in ends.values():
            atoms = [bond.GetOtherAtom(centre) for bond in bonds]
            far = [float(((places[x.GetIdx()] - here) ** 2).sum()) for x in atoms]
            kinds = [
                (b.GetBondType(), a.GetFormalCharge(), a.GetNumExplicitHs())
                for b, a in zip(bonds, atoms, strict=True)
            ]
            if len(set(kinds)) < 2 or any(charge for _, charge, _ in kinds):
                continue
            shortest = sorted(range(len(far)), key=far.__getitem__)
            for row, kind in zip(shortest, sorted(kinds, reverse=True), strict=True):
                bonds[row].SetBondType(kind[0])
                atoms[row].SetNumExplicitHs(kind[2])
    editable.ClearComputedProps()
    return editable.GetMol()


def stereo_note(molecule: Chem.Mol, template: Chem.Mol) -> list[str]:
    """A note where the template names another stereoisomer than the coordinates."""
    placed, template = Chem.Mol(molecule), Chem.Mol(template)
    for atom in template.GetAtoms():
        # Which oxygen of a phosphate holds the proton is no stereochemistry.
        if atom.GetSymbol() == "P":
            atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    with rdBase.BlockLogs():
        Chem.SanitizeMol(placed)
        Chem.AssignStereochemistryFrom3D(placed)
        if placed.HasSubstructMatch(template, useChirality=True):
            return []
    return ["The SMILES names another stereoisomer than the coordinates show."]


def _bare(atoms: Sequence[gemmi.Atom]) -> Chem.RWMol:
    """The atoms in their places, no bonds yet."""
    return bare_molecule(
        np.array([atom.element.atomic_number for atom in atoms]),
        np.array([atom.pos.tolist() for atom in atoms]),
    )


def _formula(molecule: Chem.Mol) -> str:
    """Heavy atoms by element: "C24 N O3"."""
    counts = Counter(x.GetSymbol() for x in molecule.GetAtoms())
    return " ".join(f"{x}{n if n > 1 else ''}" for x, n in sorted(counts.items()))
