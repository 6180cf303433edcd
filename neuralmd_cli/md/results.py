"""What was simulated, laid on the input's coordinates, and as topology to write."""

from collections.abc import Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from neuralmd_cli.analysis.geometry import superpose_onto
from neuralmd_cli.md.outcome import Measured
from neuralmd_cli.md.prepare import Prepared
from neuralmd_cli.topology import complex_topology, ligand_topology
from neuralmd_cli.trajectory import Check


@dataclass(frozen=True, kw_only=True)
class Solute:
    """Rows of the solute's atoms by what they are."""

    protein: Int[ndarray, " protein_atoms"]
    ligand: Int[ndarray, " ligand_atoms"]  # in the molecule's order
    ligand_heavy: Int[ndarray, " heavy"]
    ca: Int[ndarray, " residues"]


def solute_of(prepared: Prepared) -> Solute:
    """Find protein, ligand and CA atoms in the order of leap."""
    top = prepared.built.topology
    n_protein = top.n_atoms - prepared.built.n_ligand
    names = np.array(top.names[:n_protein])
    caps = np.array([x.is_cap for x in prepared.chains.residues])
    inside = ~caps[top.residue_of[:n_protein]]
    return Solute(
        protein=np.arange(n_protein),
        ligand=np.arange(n_protein, top.n_atoms),
        ligand_heavy=n_protein + np.array(prepared.complex.heavy_atoms),
        ca=np.flatnonzero((names == "CA") & inside),
    )


def laid_on_input(
    frames: Float[ndarray, "frames atoms 3"], prepared: Prepared
) -> Float[Tensor, "frames atoms 3"]:
    """Every frame with its CA atoms on those of the input (Kabsch), Å."""
    solute = solute_of(prepared)
    target = torch.from_numpy(
        np.array([x.atoms["CA"] for x in prepared.chains.residues if not x.is_cap])
    )
    positions = torch.from_numpy(np.ascontiguousarray(frames))
    anchors = positions[:, torch.from_numpy(solute.ca)].double()
    return superpose_onto(positions, anchors, target.expand_as(anchors))


def output_topology(
    prepared: Prepared, *, with_protein: bool, hydrogens: bool
) -> gemmi.Structure:
    """What a trajectory file holds: the ligand, or the protein and then the ligand."""
    ligand = ligand_topology(prepared.molecule, with_hydrogens=hydrogens)
    if not with_protein:
        return ligand
    return complex_topology(_protein_topology(prepared), ligand)


def output_rows(
    prepared: Prepared, *, with_protein: bool, hydrogens: bool
) -> Int[ndarray, " written"]:
    """Rows of the solute that are written, in the topology's order."""
    solute = solute_of(prepared)
    ligand = solute.ligand if hydrogens else solute.ligand_heavy
    return np.concatenate([solute.protein, ligand]) if with_protein else ligand


def _protein_topology(prepared: Prepared) -> gemmi.Structure:
    """The protein as it was simulated, hydrogens and caps included."""
    top = prepared.built.topology
    model = gemmi.Model(1)
    row = 0
    chain = gemmi.Chain("")
    for number, residue in enumerate(prepared.chains.residues):
        if residue.chain != chain.name or not model:
            chain = model.add_chain(gemmi.Chain(residue.chain))
        new = gemmi.Residue()
        new.name = residue.name
        new.seqid = _number_of(residue.name, residue.seqid)
        new.het_flag = "A"
        while row < len(top.names) and top.residue_of[row] == number:
            atom = gemmi.Atom()
            atom.name = top.names[row]
            atom.element = gemmi.Element(int(top.numbers[row]))
            atom.occ, atom.b_iso = 1.0, 0.0
            new.add_atom(atom)
            row += 1
        chain.add_residue(new)
    structure = gemmi.Structure()
    structure.add_model(model)
    return structure


def _number_of(name: str, seqid: str) -> gemmi.SeqId:
    """The number of a residue; a cap has that beside its neighbour's."""
    found = gemmi.SeqId(seqid)
    shift = {"ACE": -1, "NME": 1, "NHE": 1}.get(name, 0)
    if shift and found.num is not None:
        found.num = int(found.num) + shift
        found.icode = " "
    return found


def physical_checks(measured: Sequence[Measured], temperature_k: float) -> list[Check]:
    """Temperature, and whether the potential energy still drifts."""
    temperatures = np.array([x.temperature_k for x in measured])
    potential = np.array([x.potential_kj for x in measured])
    half = len(potential) // 2
    checks = [
        Check(
            name="temperature_mean",
            value=float(temperatures.mean()),
            unit="K",
            meaning=f"mean temperature ({temperature_k:g} K wanted)",
        ),
        Check(
            name="temperature_sd",
            value=float(temperatures.std()),
            unit="K",
            meaning="standard deviation of the temperature",
        ),
    ]
    if half:
        change = potential[half:].mean() - potential[:half].mean()
        checks += [
            Check(
                name="energy_change",
                value=float(change),
                unit="kJ/mol",
                meaning="potential energy, second half less first half",
            ),
            Check(
                name="energy_sd",
                value=float(potential.std()),
                unit="kJ/mol",
                meaning="standard deviation of the potential energy",
            ),
        ]
    volumes = [x.volume_nm3 for x in measured if x.volume_nm3 is not None]
    if volumes:
        checks.append(
            Check(
                name="volume_mean",
                value=float(np.mean(volumes)),
                unit="nm³",
                meaning="mean volume of the box",
            )
        )
    return checks
