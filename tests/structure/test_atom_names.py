"""Atoms get the names of the PDB from elements, places and the backbone alone."""

import json

import gemmi
import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import AllChem

from neuralmd_cli.complex import RESIDUE_NAMES
from neuralmd_cli.misato import read, read_atoms, recording_names
from neuralmd_cli.structure.atom_names import named_protein
from neuralmd_cli.structure.coordinates import labelled_atoms
from neuralmd_cli.structure.protein import protein_file


def named(recording):
    return named_protein(
        recording.obstacle_numbers.numpy(),
        recording.obstacle_positions[0].numpy(),
        recording.backbone_rows.numpy(),
        recording.residue_types.numpy(),
        recording.segments.numpy(),
    )


def table_names(schema, atoms, recording):
    """Name of each heavy protein atom by MISATO's own table, where it has one."""
    rows = json.loads((schema / "protein_atom_names.json").read_text())
    table = {
        (x["residue"], x["index_in_residue"], x["amber_type"]): x["atom_name"]
        for x in rows
    }
    codes = json.loads((schema / "type_codes.json").read_text())
    heavy = atoms.protein_heavy
    starts = heavy[recording.backbone_rows[:, 0].numpy()]  # N is the first
    names = []
    for row in heavy.tolist():
        first = starts[np.searchsorted(starts, row, side="right") - 1]
        residue = RESIDUE_NAMES[atoms.residues[row] - 1]
        kind = codes[str(atoms.types[row])]["amber_type"]
        names.append(table.get((residue, row - int(first), kind)))
    return names


def test_names_are_those_of_misatos_table(shared):
    """In every residue of our recordings."""
    pytest.importorskip("h5py")
    path = shared / "data" / "md" / "droplet_4ps.hdf5"
    compared = 0
    for name in recording_names(path)[:6]:
        recording = read(path, name).recording
        structure, order = named(recording)
        found = dict(
            zip(
                order.tolist(),
                [x.name for _, x in labelled_atoms(structure[0])],
                strict=True,
            )
        )
        schema = shared / "data" / "misato_schema"
        known = table_names(schema, read_atoms(path, name), recording)
        for row, expected in enumerate(known):
            if expected is not None:
                assert found[row] == expected, (name, row)
                compared += 1
    assert compared > 2500


def peptide(sequence):
    """Heavy atoms of a peptide, shuffled: elements, places, rows of the backbone."""
    molecule = Chem.AddHs(Chem.MolFromSequence(sequence))
    assert AllChem.EmbedMolecule(molecule, randomSeed=3) == 0
    molecule = Chem.RemoveHs(molecule)
    names = [x.GetPDBResidueInfo().GetName().strip() for x in molecule.GetAtoms()]
    numbers = [x.GetPDBResidueInfo().GetResidueNumber() for x in molecule.GetAtoms()]
    order = np.random.default_rng(0).permutation(len(names))
    place = {(numbers[x], names[x]): k for k, x in enumerate(order.tolist())}
    backbone = [
        [place[k, x] for x in ("N", "CA", "C")] for k in range(1, len(sequence) + 1)
    ]
    z = np.array([x.GetAtomicNum() for x in molecule.GetAtoms()])
    places = molecule.GetConformer().GetPositions()
    return z[order], places[order], np.array(backbone)


@pytest.mark.parametrize("sequence", ["ACDEFGHIK", "LMNPQRSTVWY"])
def test_order_of_the_atoms_does_not_matter(sequence):
    """Each residue gets its own atom names, once each; the end of the chain an OXT."""
    numbers, places, backbone = peptide(sequence)
    codes = {"H": "HIE"} | {
        gemmi.find_tabulated_residue(x).one_letter_code: x
        for x in RESIDUE_NAMES
        if x not in ("ACE", "CYX", "HIE")
    }
    types = np.array([RESIDUE_NAMES.index(codes[x]) for x in sequence])
    structure, order = named_protein(
        numbers, places, backbone, types, np.zeros(len(types), dtype=int)
    )
    assert sorted(order.tolist()) == list(range(len(numbers)))
    for letter, residue in zip(sequence, structure[0][0], strict=True):
        template = Chem.MolFromSequence(letter)
        expected = {
            x.GetPDBResidueInfo().GetName().strip() for x in template.GetAtoms()
        }
        last = residue.seqid.num == len(sequence)
        assert {x.name for x in residue} == expected - (set() if last else {"OXT"})
    isoleucine = [x for x in structure[0][0] if x.name == "ILE"]
    for residue in isoleucine:
        at = {x.name: x.pos for x in residue}
        assert at["CG1"].dist(at["CD1"]) < 1.7


def test_what_belongs_to_no_residue_stands_apart():
    """A zinc ion and a two-atom molecule, in chain X; nothing is lost."""
    numbers, places, backbone = peptide("AG")
    far = np.array([[30.0, 0, 0], [40.0, 0, 0], [41.2, 0, 0]])
    structure, order = named_protein(
        np.concatenate([numbers, [30, 6, 8]]),
        np.concatenate([places, far]),
        backbone,
        np.array([RESIDUE_NAMES.index(x) for x in ("ALA", "GLY")]),
        np.array([0, 0]),
    )
    others = [(x.name, [a.name for a in x]) for x in structure[0]["X"]]
    assert others == [("ZN", ["ZN"]), ("UNL", ["C1", "O1"])]
    assert len(order) == len(numbers) + 3


def test_reading_the_structure_gives_the_protein_back(shared):
    """Types, segments and backbone, as the recording has them."""
    pytest.importorskip("h5py")
    path = shared / "data" / "md" / "droplet_4ps.hdf5"
    recording = read(path, "UROKINASE").recording
    structure, order = named(recording)
    found = protein_file(structure, (), "x.pdb")
    ours = recording.complex_at(0).protein
    for field in ("n", "ca", "c", "residue_types", "segments"):
        assert torch.equal(getattr(found.protein, field), getattr(ours, field)), field
    assert torch.equal(
        found.protein.obstacle_numbers, ours.obstacle_numbers[torch.tensor(order)]
    )
    rows = torch.from_numpy(found.backbone_rows)
    assert torch.equal(found.protein.obstacle_positions[rows][:, 1], ours.ca)
