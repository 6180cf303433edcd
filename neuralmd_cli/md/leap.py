"""Protein, ligand and water to Amber topologies, by tleap."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from neuralmd_cli.errors import InputError
from neuralmd_cli.md.amber import failed, run_program
from neuralmd_cli.md.completion import atom_line
from neuralmd_cli.md.prmtop import Topology, read_topology, without_cap
from neuralmd_cli.md.protein import Chains

Solvent = Literal["explicit", "droplet", "implicit"]
PADDING = 12.0
"""Å of water between the complex and the faces of its box, as MISATO."""
SHELL = 8.0
"""Å of water beyond the ligand's radius in a droplet."""
CLOSENESS = 0.55
"""Share of the van der Waals distance at which leap places water in a droplet."""
_HINT = "Look into leap.log and protein.pdb in the work folder (--keep-work)."
_MAX_RESIDUES = 9999


@dataclass(frozen=True, kw_only=True)
class Droplet:
    """A sphere of water around the ligand."""

    centre: tuple[float, float, float]  # Å
    radius: float  # Å


@dataclass(frozen=True, kw_only=True)
class Built:
    """What leap made, as files of one folder: NAME.prmtop and NAME.inpcrd.

    `system` is what is simulated; `dry` the complex alone, `protein` and `ligand` its
    parts, for interaction energies.
    """

    folder: Path
    topology: Topology  # of `dry`; protein first, ligand last
    n_ligand: int  # atoms
    n_waters: int
    n_ions: int


def droplet_of(ligand: Float[ndarray, "atoms 3"]) -> Droplet:
    """The droplet around a ligand's atoms (Å)."""
    centre = ligand.mean(axis=0)
    radius = float(np.linalg.norm(ligand - centre, axis=1).max())
    x, y, z = (float(v) for v in centre)
    return Droplet(centre=(x, y, z), radius=radius + SHELL)


def build(
    chains: Chains,
    folder: Path,
    *,
    solvent: Solvent,
    droplet: Droplet | None,
    where: str,
) -> None:
    """Write leap's input and run it.

    Args:
        chains: complete, capped.
        folder: to work in; the files of the typed ligand are there.
        solvent: what is around.
        droplet: where the water of a droplet goes.
        where: file of the protein, to begin messages with.

    Raises:
        InputError: too large for leap's numbering.
        SimulationError: leap failed, with its words.
    """
    residues = chains.residues
    if len(residues) > _MAX_RESIDUES:
        raise InputError(
            f"{where} has {len(residues)} residues; MD takes {_MAX_RESIDUES}.",
            hint="Take only the chains around the ligand.",
        )
    (folder / "protein.pdb").write_text("\n".join([*_pdb(chains), "END", ""]))
    script = [*_script(chains, solvent, droplet), ""]
    (folder / "leap.in").write_text("\n".join(script))
    text = run_program(
        "tleap",
        ["-f", "leap.in"],
        folder,
        what=f"{where}: the system cannot be built",
        hint=_HINT,
    )
    for name in ("protein", "ligand", "dry", "system"):
        if (
            not (folder / f"{name}.prmtop").is_file()
            or not (folder / f"{name}.prmtop").stat().st_size
        ):
            raise failed(
                "tleap", text, what=f"{where}: the system cannot be built", hint=_HINT
            )
    without_cap(folder / "system.prmtop")


def read_built(folder: Path, chains: Chains, where: str) -> Built:
    """What leap made.

    Args:
        folder: it worked in.
        chains: it was given.
        where: file of the protein, to begin messages with.

    Raises:
        SimulationError: it did not keep our residues and their order.
    """
    topology = read_topology(folder / "dry.prmtop")
    system = read_topology(folder / "system.prmtop")
    _check_order(topology, system, chains, where)
    last = len(topology.residue_names) - 1
    rest = system.residue_names[last + 1 :]
    waters = sum(x == "WAT" for x in rest)
    return Built(
        folder=folder,
        topology=topology,
        n_ligand=int((topology.residue_of == last).sum()),
        n_waters=waters,
        n_ions=len(rest) - waters,
    )


def _check_order(dry: Topology, system: Topology, chains: Chains, where: str) -> None:
    """Refuse a topology in which leap has not kept our residues and order."""
    ours = [x.name for x in chains.residues]
    theirs = [_plain(x) for x in dry.residue_names[:-1]]
    same = system.names[: dry.n_atoms] == dry.names
    if ours != theirs or not same:
        raise failed(
            "tleap",
            f"residues {theirs[:5]} for {ours[:5]}",
            what=f"{where}: the system cannot be built",
            hint=_HINT,
        )


def _plain(name: str) -> str:
    """A residue's name without leap's mark of a chain's end."""
    return name[1:] if len(name) == 4 and name[0] in "NC" else name


def _pdb(chains: Chains) -> Iterator[str]:
    """Heavy atoms; leap adds the hydrogens."""
    serial = number = 0
    for stretch in chains.stretches:
        for residue in stretch:
            number += 1
            for atom, place in residue.atoms.items():
                serial += 1
                yield atom_line(serial, atom, residue.name, "A", number, place)
        yield "TER"


def _script(chains: Chains, solvent: Solvent, droplet: Droplet | None) -> Sequence[str]:
    labels = {x.label: k for k, x in enumerate(chains.residues, start=1)}
    bonds = [
        f"bond prot.{labels[a]}.SG prot.{labels[b]}.SG" for a, b in chains.disulfides
    ]
    water: list[str] = []
    if solvent == "explicit":
        water = [
            f"solvateOct complex TIP3PBOX {PADDING:g}",
            "addIons complex Na+ 0",
            "addIons complex Cl- 0",
        ]
    elif solvent == "droplet" and droplet is not None:
        x, y, z = droplet.centre
        water = [
            f"solvateCap complex TIP3PBOX {{ {x:.4f} {y:.4f} {z:.4f} }} "
            f"{droplet.radius:.4f} {CLOSENESS}"
        ]
    return [
        "source leaprc.protein.ff14SB",
        "source leaprc.gaff2",
        "source leaprc.water.tip3p",
        "set default PBRadii mbondi2",
        "loadAmberParams ligand.frcmod",
        "lig = loadMol2 ligand.mol2",
        "prot = loadPdb protein.pdb",
        *bonds,
        "saveAmberParm lig ligand.prmtop ligand.inpcrd",
        "saveAmberParm prot protein.prmtop protein.inpcrd",
        "complex = combine { prot lig }",
        "saveAmberParm complex dry.prmtop dry.inpcrd",
        *water,
        "saveAmberParm complex system.prmtop system.inpcrd",
        "quit",
    ]
