"""Structure files to a system that OpenMM can run: every choice on the way noted."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
from rdkit import Chem

from neuralmd_cli.errors import InputError
from neuralmd_cli.md.amber import require_md
from neuralmd_cli.md.capping import capped
from neuralmd_cli.md.completion import completed
from neuralmd_cli.md.leap import Built, Droplet, Solvent, build, droplet_of, read_built
from neuralmd_cli.md.ligand import CHARGES, check_typeable, parametrise
from neuralmd_cli.md.pocket import CUTOFF, pocket_of
from neuralmd_cli.md.protein import Chains, chains_of, hetero_groups
from neuralmd_cli.run_record import hashed
from neuralmd_cli.structure.contacts import METALS
from neuralmd_cli.structure.ligand import with_hydrogens
from neuralmd_cli.structure.prepare import PreparedComplex, prepare

_MARK = "prepared.json"
"""Says in a work folder that leap is done, and of what."""
COORDINATED = 3.0
"""Å; a metal this near an atom of the ligand is bonded to it."""
TOUCHING = 4.5
"""Å; a cofactor this near the ligand belongs to its pocket."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What is simulated: the files and options that `simulate` takes as well."""

    protein: Path
    ligand: Path | None
    ligand_index: int | None = None
    ligand_id: str | None = None
    smiles: str | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The files by their role."""
        both = {"protein": self.protein, "ligand": self.ligand}
        return {k: v for k, v in both.items() if v is not None}

    @property
    def ligand_label(self) -> str:
        """Where the ligand comes from, to begin messages with."""
        if self.ligand is not None:
            return self.ligand.name
        return f"{self.protein.name}, {self.ligand_id}"


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a system is made of the inputs."""

    solvent: Solvent = "explicit"
    charges: str = "am1-bcc"  # gasteiger, or a mol2 file
    ph: float = 7.4
    keep_protonation: bool = False
    drop_hetero: bool = False
    pocket_cutoff: float = CUTOFF  # Å; of a droplet


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A system ready to run, and what is needed to write its results."""

    complex: PreparedComplex
    molecule: Chem.Mol  # the ligand with all hydrogens, in the order of `built`
    chains: Chains  # what is simulated of the protein, caps included
    n_residues_full: int
    built: Built
    droplet: Droplet | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def prepare_md(
    inputs: Inputs,
    how: Preparation,
    folder: Path,
    *,
    on_step: Callable[[str], None] = lambda what: None,
) -> Prepared:
    """Read, complete, cap, type and solvate a complex.

    Args:
        inputs: protein and ligand.
        how: choices.
        folder: to work in; leap's files stay there.
        on_step: told what is being done.

    Raises:
        NeuralMDError: anything the user can mend, said in one sentence.
    """
    wanted = preparation_fingerprint(inputs, how)
    built_before = is_built(folder, wanted)
    require_md(built=built_before)
    on_step("reading")
    read = prepare(
        inputs.protein,
        inputs.ligand,
        ligand_index=inputs.ligand_index,
        ligand_id=inputs.ligand_id,
        smiles=inputs.smiles,
    )
    where = inputs.protein.name
    check_typeable(read.molecule, inputs.ligand_label)
    notes, warnings = _hetero(read, how, inputs)
    on_step("building the protein")
    molecule, chains, pocket_notes = protein_of(read, how)
    added = molecule.GetNumAtoms() - read.molecule.GetNumAtoms()
    if added:
        notes.append(
            f"{added} hydrogens of the ligand are not in the input: added as its bond "
            f"orders and charges (total {Chem.GetFormalCharge(molecule):+d}) ask."
        )
    heavy = read.complex.ligand.positions.numpy().astype(float)
    droplet = droplet_of(heavy) if how.solvent == "droplet" else None
    if not built_before:
        on_step(f"charges of the ligand ({_method(how.charges)})")
        parametrise(molecule, folder, charges=how.charges, where=inputs.ligand_label)
        on_step("solvating")
        build(chains, folder, solvent=how.solvent, droplet=droplet, where=where)
    built = read_built(folder, chains, where)
    (folder / _MARK).write_text(json.dumps(wanted, indent=2))
    kept = _said_of_rigid(read.notes)
    return Prepared(
        complex=read,
        molecule=molecule,
        chains=chains,
        n_residues_full=len(read.residue_labels),
        built=built,
        droplet=droplet,
        notes=(*kept, *chains.notes, *pocket_notes, *notes),
        warnings=(*read.warnings, *chains.warnings, *warnings),
    )


def preparation_fingerprint(inputs: Inputs, how: Preparation) -> dict[str, Any]:
    """What decides how a system is built, the content of files included."""
    charges = how.charges
    if charges not in CHARGES:
        charges = hashed(_given_charges(charges)).sha256
    return {
        **asdict(how),
        "charges": charges,
        "ligand_index": inputs.ligand_index,
        "ligand_id": inputs.ligand_id,
        "smiles": inputs.smiles,
        **{f"{k} file": hashed(v).sha256 for k, v in inputs.files.items()},
    }


def is_built(folder: Path, wanted: dict[str, Any]) -> bool:
    """True if leap's files of this very preparation are in the folder."""
    try:
        found = json.loads((folder / _MARK).read_text())
    except (OSError, ValueError):
        return False
    return bool(found == wanted)


def _given_charges(text: str) -> Path:
    """The mol2 file that --charges names.

    Raises:
        InputError: there is none.
    """
    path = Path(text)
    if not path.is_file():
        raise InputError(
            f"--charges {text}: there is no such file, and no such method.",
            hint="Give am1-bcc, gasteiger or a mol2 file with charges.",
        )
    return path


def protein_of(
    read: PreparedComplex, how: Preparation
) -> tuple[Chem.Mol, Chains, list[str]]:
    """The ligand with hydrogens, and the protein's stretches, complete and capped."""
    molecule = with_hydrogens(read.molecule)
    whole = chains_of(read, ph=how.ph, keep_protonation=how.keep_protonation)
    chains = completed(whole)
    ligand = read.complex.ligand.positions.numpy().astype(float)
    notes: list[str] = []
    if how.solvent == "droplet":
        pocket = pocket_of(chains, ligand, cutoff=how.pocket_cutoff)
        kept, neighbours = pocket.chains, pocket.neighbours
        notes.append(
            f"Droplet: {kept.n_residues} of {chains.n_residues} residues, within "
            f"{how.pocket_cutoff:g} Å of the ligand; the cuts are capped."
        )
    else:
        kept, neighbours = chains, {}
    done = capped(kept, read.protein_structure, neighbours, ligand)
    return molecule, replace(done, notes=whole.notes), notes


def _hetero(
    read: PreparedComplex, how: Preparation, inputs: Inputs
) -> tuple[list[str], list[str]]:
    """Notes and warnings on what is neither protein nor ligand; all is left out.

    Raises:
        InputError: a metal is bonded to the ligand, and nobody said to drop it.
    """
    groups = hetero_groups(read)
    if not groups:
        return [], []
    ligand = read.complex.ligand.positions.numpy().astype(float)
    touching: list[str] = []
    for label, residue in groups:
        gap, metal = _nearest(residue, ligand)
        if metal is not None and gap < COORDINATED and not how.drop_hetero:
            raise InputError(
                f"{inputs.protein.name}: the ligand is bonded to the metal of {label} "
                f"({metal}, {gap:.1f} Å), for which ff14SB and GAFF2 have no "
                "parameters.",
                hint="--drop-hetero simulates without it; the pose may not hold then.",
            )
        if gap < TOUCHING:
            touching.append(f"{label} ({gap:.1f} Å)")
    names = sorted({residue.name for _, residue in groups})
    notes = [
        f"Left out, as they have no parameters here: {len(groups)} groups that are "
        f"neither protein nor ligand ({', '.join(names[:8])})."
    ]
    warnings = []
    if touching and not how.drop_hetero:
        warnings.append(
            f"Left out although they touch the ligand: {', '.join(touching[:4])}. The "
            "pocket is not complete without them."
        )
    return notes, warnings


def _nearest(residue: gemmi.Residue, ligand: np.ndarray) -> tuple[float, str | None]:
    """Distance of a group's nearest heavy atom to the ligand, and its metal if any."""
    heavy = [a for a in residue if a.element.atomic_number > 1]
    if not heavy:
        return float("inf"), None
    metals = [a for a in heavy if a.element.atomic_number in METALS]
    places = np.array([a.pos.tolist() for a in (metals or heavy)])
    gap = float(np.linalg.norm(places[:, None] - ligand[None], axis=-1).min())
    return gap, metals[0].element.name if metals else None


def _said_of_rigid(notes: Sequence[str]) -> list[str]:
    """Notes of reading that hold for MD; on what stays rigid they do not."""
    return [
        x
        for x in notes
        if not x.startswith(("Kept as rigid atoms", "Modified residues read"))
    ]


def _method(charges: str) -> str:
    return charges if charges in CHARGES else Path(charges).name
