"""An entry of a store, or of a file in MISATO's layout, as files others can read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from rdkit import Chem
from rdkit.Geometry import Point3D

from neuralmd_cli.dataset.recordings import open_recordings
from neuralmd_cli.dataset.survey import found_name
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.misato import ligand_at_start
from neuralmd_cli.outputs import all_or_nothing
from neuralmd_cli.recording import Recording, Superposition
from neuralmd_cli.structure.atom_names import named_protein
from neuralmd_cli.structure.recorded_molecule import recorded_molecule
from neuralmd_cli.topology import complex_topology, ligand_topology
from neuralmd_cli.writers import (
    write_ligand_sdf,
    write_topology_pdb,
    write_trajectory,
)

Format = Literal["dcd", "xtc"]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written, and what is to be known of it."""

    name: str
    files: tuple[Path, ...]  # structure, ligand, trajectory
    snapshots: int
    spacing_ps: float
    notes: tuple[str, ...]


def export(
    path: Path,
    name: str,
    folder: Path,
    *,
    trajectory_format: Format = "dcd",
    superposition: Superposition | None = None,
    smiles: str | None = None,
    replace: bool = False,
) -> Exported:
    """Write NAME.pdb, NAME.sdf and NAME.dcd (or .xtc), all of them or none.

    The PDB holds protein and ligand as they are in snapshot 0, and is the topology of
    the trajectory. A protein of which only snapshot 0 is known stands still; the ligand
    is then superposed on the pocket, in which it belongs.

    Args:
        path: a store or a file in MISATO's layout.
        name: of the entry, in whatever case.
        folder: where to write; it is made if its own folder is there.
        trajectory_format: DCD has full precision, XTC 0.01 Å.
        superposition: as recorded, or on the pocket.
        smiles: bond orders of the ligand, where the file has none.
        replace: files that are there already give way.

    Raises:
        InputError: no such entry, or it does not fit what is asked.
        OutputError: a file is there already or cannot be written.
    """
    recordings = open_recordings(path)
    name = found_name(path, recordings.names, name)
    names = [f"{name}.{suffix}" for suffix in ("pdb", "sdf", trajectory_format)]
    _check_folder(folder, names, replace=replace)
    where = f"{path.name}: complex {name}"
    recording = recordings.read(name)
    moving = recording.has_moving_protein
    if superposition == "none" and not moving:
        raise InputError(
            f"{where}: only snapshot 0 of the protein is kept, so as recorded the "
            "ligand would leave it.",
            hint="Leave out --superpose, or export from the file it was made of, or "
            "from an all-atom store.",
        )
    notes = []
    if not moving:
        notes.append(
            "Of the protein the store keeps snapshot 0: it stands still in the "
            "trajectory, and the ligand is superposed on the pocket."
        )
    recording = recording.superposed(superposition or ("none" if moving else "pocket"))
    molecule, orders = _molecule(
        path, recording, smiles, where, is_store=recordings.is_store
    )
    notes += [*orders, "Heavy atoms only; a reading program adds the hydrogens."]
    with all_or_nothing(folder, names) as temporary:
        _write(recording, molecule, [temporary / x for x in names])
    return Exported(
        name=name,
        files=tuple(folder / x for x in names),
        snapshots=recording.n_frames,
        spacing_ps=recording.spacing_ps,
        notes=tuple(notes),
    )


def _check_folder(folder: Path, names: list[str], *, replace: bool) -> None:
    """Make the folder, and refuse to write over what is in it."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be made a folder: {error.strerror}.",
            hint="Name a folder in one that is there.",
        ) from error
    there = [x for x in names if (folder / x).exists()]
    if there and not replace:
        raise OutputError(
            f"{folder} holds {', '.join(there)} already.",
            hint="Name another folder, or give --replace.",
        )


def _write(recording: Recording, molecule: Chem.Mol, files: list[Path]) -> None:
    """Structure, ligand and trajectory, in this order."""
    structure_file, ligand_file, trajectory_file = files
    rows = recording.backbone_rows
    if rows is None:
        raise ValueError("only a recording that knows its backbone can be written")
    structure, order = named_protein(
        recording.obstacle_numbers.numpy(),
        recording.obstacle_positions[0].numpy(),
        rows.numpy(),
        recording.residue_types.numpy(),
        recording.segments.numpy(),
    )
    topology = complex_topology(
        structure, ligand_topology(molecule, with_hydrogens=False)
    )
    protein = recording.obstacle_positions[:, order]
    around = protein.expand(recording.n_frames, -1, -1)
    everything = torch.cat([around, recording.positions], dim=1)
    times = torch.arange(recording.n_frames) * recording.spacing_ps
    write_trajectory(trajectory_file, everything, times, topology)
    write_topology_pdb(structure_file, everything[0], topology)
    write_ligand_sdf(ligand_file, molecule, recording.positions[0])


def _molecule(
    path: Path, recording: Recording, smiles: str | None, where: str, *, is_store: bool
) -> tuple[Chem.Mol, tuple[str, ...]]:
    """The ligand with the best bond orders there are, and a word on where from."""
    known = smiles or recording.attributes.get("smiles")
    heavy = recording.atomic_numbers.numpy(), recording.positions[0].numpy()
    if known:
        molecule = recorded_molecule(*heavy, smiles=str(known), where=where)
        said = "--smiles" if smiles else "the entry's SMILES"
        return _titled(molecule, recording), (f"Bond orders are those of {said}.",)
    reason = "the store has neither the ligand's hydrogens nor its SMILES"
    if not is_store:
        try:
            every = ligand_at_start(path, recording.name)
            molecule = recorded_molecule(*every, where=where)
        except InputError as error:
            reason = error.message.rstrip(".")
        else:
            return _titled(molecule, recording), (
                "Bond orders and charges are perceived from the ligand's atoms and "
                "hydrogens in snapshot 0: look at them. --smiles gives others.",
            )
    warning = f"Bond orders are not known and all written as single: {reason}"
    molecule = _titled(_single_bonds(recording), recording)
    molecule.SetProp("WARNING", "bond orders are not known: all written as single")
    return molecule, (f"{warning}. Give them with --smiles.",)


def _titled(molecule: Chem.Mol, recording: Recording) -> Chem.Mol:
    """With the entry's name as the title of its SDF."""
    named = Chem.Mol(molecule)
    named.SetProp("_Name", recording.name)
    return named


def _single_bonds(recording: Recording) -> Chem.Mol:
    """The bonds the recording has, without orders."""
    molecule = Chem.RWMol()
    conformer = Chem.Conformer(recording.n_atoms)
    for k, number in enumerate(recording.atomic_numbers.tolist()):
        molecule.AddAtom(Chem.Atom(number))
        conformer.SetAtomPosition(k, Point3D(*recording.positions[0, k].tolist()))
    for first, second in recording.bonds.tolist():
        molecule.AddBond(first, second, Chem.BondType.SINGLE)
    molecule.AddConformer(conformer, assignId=True)
    molecule.UpdatePropertyCache(strict=False)
    return molecule.GetMol()
