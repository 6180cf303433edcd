"""A simulation as a group of an HDF5 file in MISATO's layout."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from rdkit import Chem
from torch import Tensor

from neuralmd_cli.analysis.geometry import rmsd, superpose
from neuralmd_cli.errors import InputError, OutputError
from neuralmd_cli.hdf5 import h5py, open_hdf5, writing_hdf5
from neuralmd_cli.md.codes import element_codes, residue_code, type_codes
from neuralmd_cli.md.energies import buried_areas, interaction_energies
from neuralmd_cli.md.plan import STEP_FS
from neuralmd_cli.md.prepare import Inputs, Preparation, Prepared
from neuralmd_cli.md.results import solute_of
from neuralmd_cli.md.session import Settings, Simulation, run_digest
from neuralmd_cli.outputs import claimed
from neuralmd_cli.version import VERSION
from neuralmd_cli.writers import atomic_path

DECIMALS = 3
"""Coordinates are rounded to 0.001 Å, which makes them a third smaller."""
_PATIENCE_S = 600.0
"""How long to wait for another process that adds to the same store."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Datasets and attributes of one complex."""

    datasets: Mapping[str, ndarray]
    attributes: Mapping[str, str | int | float]


def check_store(path: Path, name: str) -> None:
    """Refuse before the work a group that could not be added after it.

    Raises:
        InputError: a bad or taken name, a missing folder, or a file of another kind.
    """
    if not name or any(x in name for x in "/ ."):
        raise InputError(
            f"{name!r} cannot be the name of a group.",
            hint="Take letters, digits, _ and -: --name MINE_1.",
        )
    if not path.parent.is_dir():
        raise InputError(
            f"{path.parent} is not a folder, so {path.name} cannot be written.",
            hint="Create it first.",
        )
    if name in stored_names(path):
        raise InputError(
            f"{path.name} holds {name} already.",
            hint="Choose another --name, or another --store.",
        )


def stored_names(path: Path) -> list[str]:
    """Groups of a store; none where there is no such file.

    Raises:
        InputError: the file is of another kind.
    """
    if not path.exists():
        return []
    with open_hdf5(path) as file:
        names = list(file)
        strange = [x for x in names if "trajectory_coordinates" not in file[x]]
    if strange:
        raise InputError(
            f"{path.name} is not a file in MISATO's layout: it holds {strange[0]}.",
            hint="Take another name for --store; `neuralmd data prepare` makes the "
            "compact store from this one.",
        )
    return names


def stored_run(path: Path, name: str) -> str | None:
    """`run_digest` of a group of a store; None if there is none, or it does not say.

    Raises:
        InputError: the file is of another kind.
    """
    if name not in stored_names(path):
        return None
    with open_hdf5(path) as file:
        found = file[name].attrs.get("run_sha256")
    return None if found is None else str(found)


def append(path: Path, groups: Mapping[str, Group]) -> None:
    """Add groups; until the new file is whole, the old one stays.

    Raises:
        OutputError: it cannot be written, or has such a group by now.
    """
    with _added_to(path) as (file, check):
        for name, group in groups.items():
            if name in file:
                raise OutputError(
                    f"Another process has added {name} to {path} meanwhile.",
                    hint="Choose another --name.",
                )
            _write(file.create_group(name), group)
            check()


def merge(path: Path, parts: Sequence[Path]) -> None:
    """Add all groups of other files; those that are there already stay.

    Raises:
        OutputError: it cannot be written.
    """
    with _added_to(path) as (file, check):
        for part in parts:
            with open_hdf5(part) as source:
                for name in source:
                    if name not in file:
                        source.copy(name, file)
            check()


@contextmanager
def _added_to(path: Path) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """A copy of the file, or a new one, that takes its place when all went well."""
    with claimed(path, wait_s=_PATIENCE_S), atomic_path(path) as temporary:
        there = path.exists()
        if there:
            shutil.copyfile(path, temporary)
        with writing_hdf5(temporary, append=there) as opened:
            yield opened


def _write(group: Any, content: Group) -> None:  # noqa: ANN401 - h5py has no types
    for name, values in content.datasets.items():
        group.create_dataset(name, data=values, compression="gzip")
    for name, value in content.attributes.items():
        group.attrs[name] = value


def group_of(
    simulation: Simulation, inputs: Inputs, how: Preparation, settings: Settings
) -> Group:
    """Everything MISATO's layout has of a complex, caps left out.

    Frames are superposed on the protein's CA atoms in the first one. The ligand's RMSD
    is to the first frame, after that.
    """
    prepared = simulation.prepared
    top = prepared.built.topology
    rows = _rows(prepared)
    n_protein = len(rows) - prepared.built.n_ligand
    solute = solute_of(prepared)
    frames = superpose(
        simulation.positions, simulation.positions[:, torch.from_numpy(solute.ca)]
    )
    heavy = frames[:, torch.from_numpy(solute.ligand_heavy)]
    coordinates = np.round(frames[:, torch.from_numpy(rows)].numpy(), DECIMALS)
    types, renamed = type_codes([top.types[k] for k in rows], top.numbers[rows])
    residues = [residue_code(x.standard) for x in _table_residues(prepared)]
    codes = np.array([*residues, 0], dtype=np.int64)[top.residue_of[rows]]
    datasets = {
        "trajectory_coordinates": coordinates.astype(np.float32),
        "atoms_number": top.numbers[rows].astype(np.int64),
        "atoms_element": element_codes(top.numbers[rows]),
        "atoms_type": types,
        "atoms_residue": codes,
        "molecules_begin_atom_index": _begins(prepared, rows, n_protein),
        "frames_interaction_energy": interaction_energies(simulation),
        "frames_rmsd_ligand": rmsd(heavy).double().numpy(),
        "frames_distance": _distances(frames, prepared),
        "frames_bSASA": buried_areas(frames, top.numbers, prepared.built.n_ligand),
    }
    return Group(
        datasets=datasets,
        attributes=_attributes(simulation, inputs, how, settings, renamed),
    )


def _table_residues(prepared: Prepared) -> Iterator[Any]:
    """The residues; caps stand in for themselves, none of their atoms is written."""
    for residue in prepared.chains.residues:
        yield _Cap if residue.is_cap else residue


class _Cap:
    standard = "ACE"


def _rows(prepared: Prepared) -> Int[ndarray, " written"]:
    """Atoms that are written: all but those of caps."""
    caps = np.array([*(x.is_cap for x in prepared.chains.residues), False])
    return np.flatnonzero(~caps[prepared.built.topology.residue_of])


def _begins(
    prepared: Prepared, rows: Int[ndarray, " written"], n_protein: int
) -> Int[ndarray, " molecules"]:
    """First atom of each stretch of the protein, then that of the ligand."""
    firsts = np.cumsum([0, *(len(x) for x in prepared.chains.stretches)])[:-1]
    of = prepared.built.topology.residue_of[rows]
    # A stretch begins with its cap, which is not written.
    begins = np.searchsorted(of, firsts)
    return np.array([*begins, n_protein], dtype=np.int64)


def _distances(frames: Tensor, prepared: Prepared) -> Float[ndarray, " frames"]:
    """Distance of the centres of mass of protein and ligand, Å."""
    table = Chem.GetPeriodicTable()
    numbers = prepared.built.topology.numbers.tolist()
    masses = torch.tensor([table.GetAtomicWeight(z) for z in numbers]).double()
    n = len(numbers) - prepared.built.n_ligand

    def centre(part: slice) -> Tensor:
        weights = masses[part, None]
        return (frames[:, part].double() * weights).sum(dim=1) / weights.sum()

    gap = centre(slice(0, n)) - centre(slice(n, None))
    return np.asarray(gap.norm(dim=1).numpy(), dtype=np.float64)


def _attributes(
    simulation: Simulation,
    inputs: Inputs,
    how: Preparation,
    settings: Settings,
    renamed: Sequence[str],
) -> dict[str, str | int | float]:
    prepared, outcome = simulation.prepared, simulation.outcome
    temperatures = [x.temperature_k for x in outcome.measured]
    solvents = {
        "explicit": "TIP3P box",
        "droplet": "TIP3P droplet",
        "implicit": "OBC2",
    }
    found: dict[str, str | int | float] = {
        "smiles": Chem.MolToSmiles(Chem.RemoveAllHs(prepared.molecule)),
        "spacing_ps": simulation.times[0],
        "temperature_K": settings.temperature_k,
        "mean_T_K": float(np.mean(temperatures)),
        "dt_fs": STEP_FS,
        "solvent": solvents[how.solvent],
        "n_waters": prepared.built.n_waters,
        "n_residues": prepared.chains.n_residues,
        "n_residues_full": prepared.n_residues_full,
        "ligand_charge": int(Chem.GetFormalCharge(prepared.molecule)),
        "ligand_heavy_atoms": prepared.complex.complex.ligand.n_atoms,
        "unmapped_types": ", ".join(renamed),
        "charges": Path(how.charges).name,
        "ph": how.ph,
        "equilibration_ps": float(
            settings.plan().stages[-2].end - settings.plan().stages[-3].end
        )
        * STEP_FS
        / 1000,
        "seed": settings.seed,
        "platform": simulation.place.name,
        "neuralmd_version": VERSION,
        "run_sha256": run_digest(inputs, how, settings),
        **{f"{role}_file": path.name for role, path in inputs.files.items()},
    }
    if how.solvent == "droplet":
        found["pocket_cutoff_A"] = how.pocket_cutoff
    return found
