"""Structure files to a checked complex, with notes on everything done on the way."""

from dataclasses import dataclass
from pathlib import Path

import gemmi
from rdkit import Chem

from neuralmd_cli.complex import Complex
from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.contacts import check_contacts, coinciding_groups
from neuralmd_cli.structure.coordinates import (
    atoms_after_end,
    cleaned,
    structure_from_text,
)
from neuralmd_cli.structure.files import is_mmcif, read_text
from neuralmd_cli.structure.hetero import het_ligand
from neuralmd_cli.structure.ligand import LigandFile, read_ligand
from neuralmd_cli.structure.molecule import heavy_atoms
from neuralmd_cli.structure.protein import ProteinFile, protein_file, without


@dataclass(frozen=True, kw_only=True)
class PreparedComplex:
    """A complex ready to run, and what is needed to write it out again."""

    complex: Complex
    molecule: Chem.Mol  # the whole ligand, hydrogens of its file included
    heavy_atoms: tuple[int, ...]  # index in `molecule` of each atom of complex.ligand
    protein_structure: gemmi.Structure  # all that stays rigid
    residue_labels: tuple[str, ...]  # one per residue of complex.protein
    notes: tuple[str, ...]  # what was done to the input
    warnings: tuple[str, ...]  # what looks wrong with the pose


@dataclass(frozen=True, kw_only=True)
class OpenProtein:
    """A protein as read, without a choice of ligand yet."""

    file: ProteinFile
    text: str  # of the file, which may describe its components
    source: str  # the file's name


def prepare(
    protein_path: Path,
    ligand_path: Path | None = None,
    *,
    ligand_index: int | None = None,
    ligand_id: str | None = None,
    smiles: str | None = None,
) -> PreparedComplex:
    """Read a protein and its ligand, check that they belong together.

    Args:
        protein_path: PDB or mmCIF, gzipped or not.
        ligand_path: SDF or MOL; or else `ligand_id` names a group of `protein_path`.
        ligand_index: which molecule of the SDF, from 1.
        ligand_id: NAME[:chain[:number]].
        smiles: bond orders of the ligand that `ligand_id` names.

    Raises:
        InputError: an input that cannot be read, or a pose that makes no sense.
    """
    _check_choice(ligand_path, ligand_index, ligand_id, smiles)
    protein = open_protein(protein_path)
    if ligand_path is None:
        return with_group(protein, ligand_id or "", smiles)
    ligand = read_ligand(ligand_path, ligand_index)
    return with_ligand(protein, ligand, ligand_path.name)


def open_protein(path: Path) -> OpenProtein:
    """Read a protein once, for all the ligands that are to be put into it.

    Raises:
        InputError: it cannot be read, or has no residue with a backbone.
    """
    text = read_text(path)
    source = path.name
    structure, notes = cleaned(structure_from_text(text, path), source)
    if not is_mmcif(text) and atoms_after_end(text):
        notes = (*notes, f"{source} has atoms after its END line: they are left out.")
    return OpenProtein(
        file=protein_file(structure, notes, source), text=text, source=source
    )


def with_ligand(
    protein: OpenProtein, ligand: LigandFile, where: str
) -> PreparedComplex:
    """The protein with a ligand of another file, less that ligand's own copies.

    Args:
        protein: from `open_protein`.
        ligand: as read.
        where: its file and record, to begin messages with.

    Raises:
        InputError: a pose that makes no sense in this protein.
    """
    file, dropped = _without_copies(protein.file, ligand, protein.source)
    return _checked(file, ligand, where, dropped)


def with_group(
    protein: OpenProtein, ligand_id: str, smiles: str | None
) -> PreparedComplex:
    """The protein with a group of its own as the ligand.

    Raises:
        InputError: no such group, unknown bond orders, or a pose that makes no sense.
    """
    file, source = protein.file, protein.source
    ligand, group = het_ligand(file, protein.text, ligand_id, smiles, source)
    rest = without(file, [group], source)
    return _checked(rest, ligand, f"{source}, {group.label}", ())


def _checked(
    file: ProteinFile, ligand: LigandFile, where: str, dropped: tuple[str, ...]
) -> PreparedComplex:
    warnings = check_contacts(file, ligand.ligand, ligand.molecule, where)
    return PreparedComplex(
        complex=Complex(ligand=ligand.ligand, protein=file.protein),
        molecule=ligand.molecule,
        heavy_atoms=heavy_atoms(ligand.molecule),
        protein_structure=file.structure,
        residue_labels=file.residue_labels,
        notes=(*ligand.notes, *dropped, *file.notes),
        warnings=warnings,
    )


def _check_choice(
    ligand_path: Path | None,
    ligand_index: int | None,
    ligand_id: str | None,
    smiles: str | None,
) -> None:
    """Exactly one ligand, and no option that would do nothing."""
    if (ligand_path is None) == (ligand_id is None):
        raise InputError(
            "A run needs one ligand"
            + (", and two are given." if ligand_path else ", and none is given."),
            hint="Give either --ligand or --ligand-id.",
        )
    if ligand_path is not None and smiles is not None:
        raise InputError(
            "--smiles is given, but the SDF file already has bond orders.",
            hint="Leave --smiles out, or use --ligand-id instead of --ligand.",
        )
    if ligand_id is not None and ligand_index is not None:
        raise InputError(
            "--ligand-index is given, but no SDF file.",
            hint="Write the place into the id, as in --ligand-id 0WB:A:801.",
        )


def _without_copies(
    file: ProteinFile, ligand: LigandFile, source: str
) -> tuple[ProteinFile, tuple[str, ...]]:
    """The protein without the ligand itself, where its file holds it as well."""
    copies = coinciding_groups(file, ligand.ligand)
    if not copies:
        return file, ()
    labels = ", ".join(x.label for x in copies)
    note = f"{labels} of {source} stands where the ligand is: removed from the protein."
    return without(file, copies, source), (note,)
