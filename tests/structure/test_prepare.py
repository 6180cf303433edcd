"""Protein and ligand become one complex, unless they do not belong together."""

from dataclasses import fields

import gemmi
import numpy as np
import pytest
import torch
from rdkit import Chem

from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.prepare import prepare


def moved(molecule, shift):
    """The molecule, shifted by a vector in Å."""
    other = Chem.Mol(molecule)
    conformer = other.GetConformer()
    for index, place in enumerate(conformer.GetPositions() + np.array(shift)):
        conformer.SetAtomPosition(index, place.tolist())
    return other


def with_ligand(structure, molecule, shift=(0, 0, 0), name="LIG"):
    """The structure with the molecule's heavy atoms as a HETATM group."""
    full = structure.clone()
    group = gemmi.Residue()
    group.name, group.seqid, group.het_flag = name, gemmi.SeqId(801, " "), "H"
    places = molecule.GetConformer().GetPositions() + np.array(shift)
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() > 1:
            new = gemmi.Atom()
            new.name = f"{atom.GetSymbol().upper()}{atom.GetIdx()}"
            new.element = gemmi.Element(atom.GetSymbol())
            new.pos = gemmi.Position(*places[atom.GetIdx()])
            group.add_atom(new)
    full[0][0].add_residue(group)
    return full


def assert_same(first, second, atol=1e-3):
    for part in ("ligand", "protein"):
        one, two = getattr(first.complex, part), getattr(second.complex, part)
        for field in fields(one):
            torch.testing.assert_close(
                getattr(one, field.name), getattr(two, field.name), atol=atol, rtol=0
            )


def test_a_good_pair_is_prepared_without_a_note(peptide, molecule, write):
    """Heavy atoms point into the whole molecule; the protein can be written."""
    made = prepare(write("p.pdb", peptide), write("l.sdf", molecule))
    assert made.notes == ()
    ligand = made.complex.ligand
    numbers = [made.molecule.GetAtomWithIdx(i).GetAtomicNum() for i in made.heavy_atoms]
    assert numbers == ligand.atomic_numbers.tolist()
    places = made.molecule.GetConformer().GetPositions()[list(made.heavy_atoms)]
    np.testing.assert_allclose(ligand.positions.numpy(), places, atol=1e-5)
    assert len(made.residue_labels) == made.complex.protein.n_residues == 10
    assert made.protein_structure[0].count_atom_sites() > 100


def test_the_crystal_ligand_is_dropped_from_the_protein(peptide, molecule, write):
    """A copy 0.4 Å away is the ligand itself, not an obstacle; a note says so."""
    clean = prepare(write("p.pdb", peptide), write("l.sdf", molecule))
    full = with_ligand(peptide, molecule, (0.4, 0, 0))
    made = prepare(write("q.pdb", full), write("l.sdf", molecule))
    assert_same(made, clean)
    assert made.notes == (
        "A:801 LIG of q.pdb stands where the ligand is: removed from the protein.",
    )
    assert all(r.name != "LIG" for c in made.protein_structure[0] for r in c)


def test_a_copy_elsewhere_stays_an_obstacle(peptide, molecule, write):
    """Only the group in the ligand's place is the ligand."""
    full = with_ligand(peptide, molecule, (60, 0, 0))
    made = prepare(write("q.pdb", full), write("l.sdf", molecule))
    clean = prepare(write("p.pdb", peptide), write("l.sdf", molecule))
    extra = len(made.complex.protein.obstacle_numbers) - len(
        clean.complex.protein.obstacle_numbers
    )
    assert extra == clean.complex.ligand.n_atoms
    assert made.notes == ("Kept as rigid atoms outside the backbone: LIG.",)


def test_a_ligand_by_name_equals_the_same_ligand_by_file(peptide, molecule, write):
    """--ligand-id gives the complex that the SDF gives."""
    by_file = prepare(write("p.pdb", peptide), write("l.sdf", molecule))
    by_name = prepare(
        write("q.pdb", with_ligand(peptide, molecule)),
        ligand_id="LIG",
        smiles="Clc1ccccc1C[NH+](C)C",
    )
    ours, theirs = by_name.complex, by_file.complex
    torch.testing.assert_close(
        ours.ligand.positions, theirs.ligand.positions, atol=2e-3, rtol=0
    )
    assert torch.equal(ours.protein.obstacle_numbers, theirs.protein.obstacle_numbers)
    assert by_name.notes == ("Ligand taken from q.pdb: A:801 LIG.",)


def test_a_ligand_far_away_is_refused_with_the_distance(peptide, molecule, write):
    """Past 6 Å nothing holds it."""
    far = moved(molecule, (20, 0, 0))
    with pytest.raises(InputError, match=r"ligand is \d\d\.\d Å from the nearest atom"):
        prepare(write("p.pdb", peptide), write("l.sdf", far))


def test_a_ligand_that_touches_only_a_cofactor_is_refused(peptide, molecule, write):
    """The model would see no residue near it."""
    far = moved(molecule, (30, 0, 0))
    full = with_ligand(peptide, molecule, (37, 0, 0), "COF")
    with pytest.raises(InputError, match="Å from the nearest residue"):
        prepare(write("p.pdb", full), write("l.sdf", far))


def nearest(peptide, molecule):
    """Vector from the ligand to the peptide at their nearest heavy atoms."""
    ours = [a.GetIdx() for a in molecule.GetAtoms() if a.GetAtomicNum() > 1]
    places = molecule.GetConformer().GetPositions()[ours]
    wall = np.array(
        [a.pos.tolist() for g in peptide[0][0] for a in g if a.element.name != "H"]
    )
    gaps = wall[None] - places[:, None]
    lengths = np.linalg.norm(gaps, axis=2)
    return gaps[np.unravel_index(lengths.argmin(), lengths.shape)]


def at_distance(peptide, molecule, length):
    """The molecule with its nearest heavy atom `length` Å from the peptide."""
    gap = nearest(peptide, molecule)
    return moved(molecule, gap * (1 - length / np.linalg.norm(gap)))


def test_an_overlap_is_refused_and_its_atoms_named(peptide, molecule, write):
    """1.2 Å between heavy atoms is a bond or one place."""
    close = at_distance(peptide, molecule, 1.2)
    with pytest.raises(
        InputError, match=r"ligand atom \d+ \(\w+\) and A:\d+ "
    ) as error:
        prepare(write("p.pdb", peptide), write("l.sdf", close))
    assert "they overlap or are bonded" in error.value.message
    assert "Dock or minimise" in error.value.hint


def test_a_close_contact_is_a_warning(peptide, molecule, write):
    """2.2 Å is a clash the run can start from."""
    close = at_distance(peptide, molecule, 2.2)
    made = prepare(write("p.pdb", peptide), write("l.sdf", close))
    assert made.warnings[0].startswith("Clash at the start: ligand atom ")
    assert made.notes == ()


def test_a_ligand_that_hardly_touches_is_a_warning(peptide, molecule, write):
    """As from another coordinate frame, or without the chain that makes its pocket."""
    loose = at_distance(peptide, molecule, 4.0)
    made = prepare(write("p.pdb", peptide), write("l.sdf", loose))
    assert "heavy atoms touch the protein" in made.warnings[-1]


def test_real_poses_touch_their_protein(shared):
    """No false alarm for any real pose; an alarm for a ligand of another protein."""
    folder = shared / "data" / "complexes"
    for name in ("didh_1afs", "dlk", "184l_t4l"):  # the least buried, and the least
        made = prepare(folder / name / "protein.pdb", folder / name / "ligand.sdf")
        assert made.warnings == ()
    made = prepare(folder / "tyk2" / "protein.pdb", folder / "bace" / "ligand.sdf")
    assert "only 3 of the ligand's 27 heavy atoms touch" in made.warnings[0]


def test_a_pose_inside_the_protein_is_refused(peptide, molecule, write):
    """Many atoms clash; the worst pair or the share of atoms is named."""
    middle = np.array([g.find_atom("CA", "*").pos.tolist() for g in peptide[0][0]])
    centre = molecule.GetConformer().GetPositions().mean(axis=0)
    inside = moved(molecule, middle.mean(axis=0) - centre)
    with pytest.raises(InputError, match="overlap or are bonded|heavy atoms clash"):
        prepare(write("p.pdb", peptide), write("l.sdf", inside))


def test_another_ligand_in_the_site_is_named_in_the_hint(peptide, molecule, write):
    """A different group overlapping the ligand is to be removed by the user."""
    full = peptide.clone()
    group = gemmi.Residue()
    group.name, group.seqid, group.het_flag = "OLD", gemmi.SeqId(1, " "), "H"
    start = molecule.GetConformer().GetPositions()[0]
    for index in range(4):
        atom = gemmi.Atom()
        atom.name, atom.element = f"C{index}", gemmi.Element("C")
        atom.pos = gemmi.Position(*(start + [0.2 + 1.5 * index, 0, 0]))
        group.add_atom(atom)
    full[0][0].add_residue(group)
    with pytest.raises(InputError, match="A:1 OLD C0") as error:
        prepare(write("p.pdb", full), write("l.sdf", molecule))
    assert "Remove A:1 OLD" in error.value.hint


def test_a_bond_to_a_metal_ion_is_no_clash(peptide, molecule, write):
    """2.0 Å to zinc is coordination, 1.2 Å is an overlap."""
    places = molecule.GetConformer().GetPositions()
    outward = places[0] - places.mean(axis=0)
    outward /= np.linalg.norm(outward)
    for length, fine in ((2.0, True), (1.2, False)):
        full = peptide.clone()
        group = gemmi.Residue()
        group.name, group.seqid, group.het_flag = "ZN", gemmi.SeqId(1, " "), "H"
        atom = gemmi.Atom()
        atom.name, atom.element = "ZN", gemmi.Element("Zn")
        atom.pos = gemmi.Position(*(places[0] + length * outward))
        group.add_atom(atom)
        full[0][0].add_residue(group)
        paths = write("p.pdb", full), write("l.sdf", molecule)
        if fine:
            assert not any("Clash" in x for x in prepare(*paths).warnings)
        else:
            with pytest.raises(InputError, match="ZN ZN"):
                prepare(*paths)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs one ligand, and none is given"),
        ({"ligand_path": "l.sdf", "ligand_id": "LIG"}, "and two are given"),
        ({"ligand_path": "l.sdf", "smiles": "C"}, "already has bond orders"),
        ({"ligand_id": "LIG", "ligand_index": 2}, "but no SDF file"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message, tmp_path):
    """Before any file is read."""
    if "ligand_path" in options:
        options = {**options, "ligand_path": tmp_path / options["ligand_path"]}
    with pytest.raises(InputError, match=message):
        prepare(tmp_path / "p.pdb", **options)


# The amino acids of these are more (or fewer) than the table counts.
COUNT_DIFFERENCES = {
    "irak4": 2,  # SEP and TPO
    "7ztl_bcn": 1,  # TPO
    "pak4_5i0b_5vef": 1,  # SEP
    "2bm2_tryptase": -4,  # the last LYS of each chain has only its N
    "y635_4rlu": 299,  # two copies of chains A and B under the same names
}


def test_every_shared_complex_is_prepared(shared):
    """All folders; heavy atoms and residues are those of the table."""
    root = shared / "data" / "complexes"
    table = {}
    for line in (root / "README.md").read_text().splitlines():
        cells = [x.strip(" *") for x in line.split("|")[1:-1]]
        if cells and (root / cells[0] / "ligand.sdf").is_file():
            # Three tables: the first is the wide one, the last has one more column
            # before the numbers.
            first = 1 if cells[1].isdigit() else 2
            heavy = cells[5] if len(cells) == 10 else cells[first + 1]
            table[cells[0]] = (int(cells[first]), int(heavy.split()[0]))
    assert len(table) > 45
    for name, (residues, heavy) in table.items():
        made = prepare(root / name / "protein.pdb", root / name / "ligand.sdf")
        assert made.complex.ligand.n_atoms == heavy, name
        expected = residues + COUNT_DIFFERENCES.get(name, 0)
        assert made.complex.protein.n_residues == expected, name
