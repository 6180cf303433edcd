"""The residues around a ligand as a molecule with bond orders and hydrogens."""

import re
from dataclasses import dataclass

import gemmi
import numpy as np
import torch
from jaxtyping import Bool
from rdkit import Chem, rdBase
from torch import Tensor

from neuralmd_cli.connectivity import bare_molecule
from neuralmd_cli.errors import InputError
from neuralmd_cli.opening.molecule import orders_from_hydrogens
from neuralmd_cli.opening.surroundings import Surroundings, thinned

_COMPLETE = 0.7
"""Hydrogens per heavy atom from which on a protein has all; proteins have 1.0."""

_STANDARD = {
    **dict.fromkeys(("HID", "HIE", "HIP", "HSD", "HSE", "HSP"), "HIS"),
    **dict.fromkeys(("CYX", "CYM"), "CYS"),
    **{"ASH": "ASP", "GLH": "GLU", "LYN": "LYS", "MSE": "MET"},
}
_CHARGES = {
    ("ASP", "OD2"): -1,
    ("GLU", "OE2"): -1,
    ("LYS", "NZ"): 1,
    ("ARG", "NH2"): 1,
}
"""At pH 7; RDKit draws a double bond to the other oxygen, and to this nitrogen."""


@dataclass(frozen=True, kw_only=True)
class ProteinMolecule:
    """A molecule whose atoms' residue numbers are places in `around.residues`, from 1.

    Its atoms are those of `around`.
    """

    molecule: Chem.Mol
    around: Surroundings
    lacks_hydrogens: bool  # they are added by geometry in each snapshot
    notes: tuple[str, ...]

    def at(self, frame: int) -> Chem.Mol:
        """The molecule as it stands in one snapshot."""
        moved = Chem.Mol(self.molecule)
        positions = self.around.at(frame).double().numpy()
        moved.GetConformer().SetPositions(np.ascontiguousarray(positions))
        return _hydrogenated(moved) if self.lacks_hydrogens else moved


def protein_molecule(around: Surroundings) -> ProteinMolecule:
    """Bond orders and hydrogens of the surroundings.

    Where the file has the protein's hydrogens, these decide the bond orders. Else
    residues get the orders and charges of their names at pH 7, and hydrogens by
    geometry. Groups that are no amino acids count only with hydrogens of their own.

    Raises:
        InputError: no amino acid is near the ligand.
    """
    amino = torch.tensor([_is_amino_acid(r.name) for r in around.residues])
    hydrogens = ~around.heavy
    in_protein = amino[around.residue_rows]
    if not bool(in_protein.any()):
        raise InputError(
            f"{around.source}: no amino acid is near the ligand.",
            hint="Give the protein in the coordinates of the trajectory.",
        )
    share = float((hydrogens & in_protein).sum() / (around.heavy & in_protein).sum())
    dressed = torch.zeros(len(around.residues), dtype=torch.bool)
    dressed[around.residue_rows[hydrogens]] = True
    if share > _COMPLETE:
        used = thinned(around, (amino | dressed)[around.residue_rows])
        found = _from_hydrogens(used)
        if found is not None:
            return ProteinMolecule(
                molecule=found,
                around=used,
                lacks_hydrogens=False,
                notes=_left_out(around, amino | dressed),
            )
    used = thinned(around, in_protein & around.heavy)
    return ProteinMolecule(
        molecule=_from_names(used),
        around=used,
        lacks_hydrogens=True,
        notes=(
            f"{around.source} lacks hydrogens of the protein: added by geometry, "
            "charged as at pH 7, histidine on NE2; where a hydroxyl points is a guess",
            *_left_out(around, amino),
        ),
    )


def _is_amino_acid(name: str) -> bool:
    return name in _STANDARD or gemmi.find_tabulated_residue(name).is_amino_acid()


def _left_out(around: Surroundings, used: Bool[Tensor, " residues"]) -> tuple[str, ...]:
    """A word on the groups whose bond orders are not known."""
    pairs = zip(around.residues, used.tolist(), strict=True)
    left = [residue.label for residue, keep in pairs if not keep]
    if not left:
        return ()
    return (
        f"left out, as their bond orders are unknown: {', '.join(left[:6])}"
        + (f" and {len(left) - 6} more" if len(left) > 6 else ""),
    )


def _from_hydrogens(around: Surroundings) -> Chem.Mol | None:
    """Orders by the valences that the hydrogens leave open."""
    bare = bare_molecule(around.atomic_numbers.numpy(), around.at(0).numpy())
    # Bonds cut at the edge of the pocket leave open valences.
    found = orders_from_hydrogens(bare, complete=False)
    return None if found is None else _labelled(found, around)


def _from_names(around: Surroundings) -> Chem.Mol:
    """Orders by the names of amino acids and their atoms."""
    chain = gemmi.Chain("A")
    rows: list[list[int]] = [[] for _ in around.residues]
    for row, owner in enumerate(around.residue_rows.tolist()):
        rows[owner].append(row)
    order: list[int] = []
    for place, members in enumerate(rows, start=1):
        if not members:
            continue
        residue = gemmi.Residue()
        name = around.residues[place - 1].name
        residue.name = _STANDARD.get(name, name)
        residue.seqid = gemmi.SeqId(str(place))
        for row in members:
            atom = gemmi.Atom()
            atom.name = around.atom_names[row]
            atom.element = gemmi.Element(int(around.atomic_numbers[row]))
            atom.pos = gemmi.Position(*around.at(0)[row].tolist())
            residue.add_atom(atom)
            order.append(row)
        chain.add_residue(residue)
    model = gemmi.Model(1)
    model.add_chain(chain)
    structure = gemmi.Structure()
    structure.add_model(model)
    text = structure.make_pdb_string(gemmi.PdbWriteOptions(minimal=True))
    with rdBase.BlockLogs():
        parsed = Chem.MolFromPDBBlock(text, sanitize=False, removeHs=False)
    back = np.argsort(order).tolist()
    editable = Chem.RWMol(Chem.RenumberAtoms(parsed, back))
    for atom in editable.GetAtoms():
        info = atom.GetPDBResidueInfo()
        name = info.GetName().strip()
        charge = _CHARGES.get((info.GetResidueName().strip(), name), 0)
        atom.SetFormalCharge(-1 if name == "OXT" else charge)
        if (name == "N" and atom.GetDegree() == 1) or _cut_carbonyl(atom, name):
            atom.SetNoImplicit(True)
            atom.SetNumExplicitHs(1 if name == "N" else 0)
    with rdBase.BlockLogs():
        Chem.SanitizeMol(editable)
    return _labelled(editable.GetMol(), around)


def _cut_carbonyl(atom: Chem.Atom, name: str) -> bool:
    """A backbone C whose next residue is not in the pocket."""
    return name == "C" and atom.GetDegree() == 2


def _hydrogenated(molecule: Chem.Mol) -> Chem.Mol:
    with rdBase.BlockLogs():
        return Chem.AddHs(molecule, addCoords=True, addResidueInfo=True)


def _labelled(molecule: Chem.Mol, around: Surroundings) -> Chem.Mol:
    """Residue numbers that are places among the residues, and one chain."""
    for atom in molecule.GetAtoms():
        row = atom.GetIdx()
        place = int(around.residue_rows[row])
        info = Chem.AtomPDBResidueInfo(
            around.atom_names[row],
            residueName=re.sub(r"\W", "", around.residues[place].name)[:3] or "UNK",
            residueNumber=place + 1,
            chainId="A",
        )
        atom.SetMonomerInfo(info)
    return molecule


def place_ligand(molecule: Chem.Mol) -> Chem.Mol:
    """A copy whose atoms are all of one residue, LIG."""
    labelled = Chem.Mol(molecule)
    for atom in labelled.GetAtoms():
        atom.SetMonomerInfo(
            Chem.AtomPDBResidueInfo(
                atom.GetSymbol(), residueName="LIG", residueNumber=1, chainId="L"
            )
        )
    return labelled
