"""Missing heavy atoms of residues, built in by PDBFixer."""

from collections.abc import Iterator
from dataclasses import replace
from io import StringIO

import numpy as np

from neuralmd_cli.errors import SimulationError
from neuralmd_cli.md.protein import Chains, Residue, Stretch

_NAMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def completed(chains: Chains) -> Chains:
    """The chains with every heavy atom; those of the file stay where they are.

    Raises:
        SimulationError: an atom could not be built.
    """
    if not any(x.missing for x in chains.residues):
        return chains
    # OpenMM comes with it.
    from openmm import unit
    from pdbfixer import PDBFixer

    fixer = PDBFixer(pdbfile=StringIO(_pdb(chains)))
    fixer.missingResidues = {}
    fixer.findMissingAtoms()
    fixer.missingTerminals = {}
    fixer.addMissingAtoms(seed=1)
    rows = np.array(fixer.positions.value_in_unit(unit.angstrom))
    built = iter(list(fixer.topology.residues()))
    done: list[Stretch] = []
    for stretch in chains.stretches:
        residues = []
        for residue in stretch:
            places = {a.name: rows[a.index] for a in next(built).atoms()}
            residues.append(_filled(residue, places))
        done.append(tuple(residues))
    return replace(chains, stretches=tuple(done))


def _filled(residue: Residue, places: dict[str, np.ndarray]) -> Residue:
    """The residue with what it lacked, in the order of its template."""
    absent = [x for x in residue.missing if x not in places]
    if absent:
        raise SimulationError(
            f"{residue.label}: the missing atoms {', '.join(absent)} could not be "
            "built.",
            hint="Complete the residue with another program, or remove it.",
        )
    order = (*residue.atoms, *residue.missing)
    return replace(
        residue, atoms={x: residue.atoms.get(x, places[x]) for x in order}, missing=()
    )


def _pdb(chains: Chains) -> str:
    """Standard residues, one chain a stretch."""
    return "\n".join([*_lines(chains), "END", ""])


def _lines(chains: Chains) -> Iterator[str]:
    serial = 0
    for k, stretch in enumerate(chains.stretches):
        chain = _NAMES[k % len(_NAMES)]
        for number, residue in enumerate(stretch, start=1):
            name = {"HIE": "HIS", "CYX": "CYS"}.get(residue.standard, residue.standard)
            for atom, place in residue.atoms.items():
                serial += 1
                yield atom_line(serial, atom, name, chain, number, place)
        yield "TER"


def atom_line(
    serial: int,
    atom: str,
    residue: str,
    chain: str,
    number: int,
    place: np.ndarray,
) -> str:
    """One ATOM record of a PDB file."""
    x, y, z = place
    padded = f" {atom:<3}" if len(atom) < 4 else atom
    return (
        f"ATOM  {serial % 100000:5d} {padded} {residue:>3} {chain}{number % 10000:4d}"
        f"    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {atom[0]:>2}"
    )
