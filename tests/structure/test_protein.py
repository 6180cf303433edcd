"""PDB and mmCIF files become the same rigid protein, and say what was left out."""

import csv
import gzip
from dataclasses import fields

import gemmi
import pytest
import torch

from neuralmd_cli.complex import RESIDUE_NAMES
from neuralmd_cli.errors import InputError
from neuralmd_cli.structure.components import parent_name
from neuralmd_cli.structure.protein import obstacle_name, read_protein

EXPECTED = "GLY ALA CYS ASP HIE PHE LYS MET SER TRP".split()


def types(file):
    return [RESIDUE_NAMES[i] for i in file.protein.residue_types]


def assert_same(first, second, atol=0.0):
    """Equality of every tensor of two proteins."""
    for field in fields(first):
        one, two = getattr(first, field.name), getattr(second, field.name)
        torch.testing.assert_close(one, two, atol=atol, rtol=0, msg=field.name)


def residue(structure, index):
    return structure[0][0][index]


def remove(residue, *names):
    for index in reversed(range(len(residue))):
        if residue[index].name in names:
            del residue[index]


def append(structure, name, atoms, number=900, het="H"):
    """Add a residue at the end of the first chain."""
    group = gemmi.Residue()
    group.name, group.seqid, group.het_flag = name, gemmi.SeqId(number, " "), het
    for atom_name, element, place in atoms:
        atom = gemmi.Atom()
        atom.name, atom.element = atom_name, gemmi.Element(element)
        atom.pos = gemmi.Position(*place)
        group.add_atom(atom)
    structure[0][0].add_residue(group)


def test_a_chain_keeps_its_residues_order_and_backbone(peptide, write):
    """Types, labels, segment and N, CA, C are those of the file."""
    file = read_protein(write("p.pdb", peptide))
    assert types(file) == EXPECTED
    assert file.residue_labels[3] == "A:4 ASP"
    assert file.protein.segments.tolist() == [0] * 10
    for row, group in enumerate(peptide[0][0]):
        for name, tensor in (("N", "n"), ("CA", "ca"), ("C", "c")):
            place = torch.tensor(group.find_atom(name, "*").pos.tolist())
            got = getattr(file.protein, tensor)[row]
            torch.testing.assert_close(got, place, atol=6e-4, rtol=0)
    assert file.protein.n.dtype == torch.float32


def test_gzip_and_mmcif_give_what_pdb_gives(peptide, write):
    """Neither compression nor format changes a single number."""
    text = peptide.make_pdb_string()
    plain = read_protein(write("p.pdb", text))
    zipped = read_protein(write("q.pdb.gz", gzip.compress(text.encode())))
    structure = gemmi.read_pdb_string(text)
    structure.setup_entities()
    cif = read_protein(write("p.cif", structure.make_mmcif_document().as_string()))
    misnamed = read_protein(
        write("cif.pdb", structure.make_mmcif_document().as_string())
    )
    for other in (zipped, cif, misnamed):
        assert_same(plain.protein, other.protein)
        assert other.residue_labels == plain.residue_labels


def test_hydrogens_change_nothing(peptide, write):
    """With and without hydrogens the protein is the same."""
    bare = peptide.clone()
    bare.remove_hydrogens()
    assert_same(
        read_protein(write("h.pdb", peptide)).protein,
        read_protein(write("b.pdb", bare)).protein,
    )


def test_names_numbers_and_place_change_only_labels(peptide, write):
    """Another chain name, negative numbers with insertion codes, another origin."""
    moved = peptide.clone()
    moved[0][0].name = "Z"
    for index, group in enumerate(moved[0][0]):
        group.seqid = gemmi.SeqId(-5 + index // 2, " B"[index % 2])
        for atom in group:
            atom.pos += gemmi.Position(10, -20, 5)
    first = read_protein(write("p.pdb", peptide))
    second = read_protein(write("q.pdb", moved))
    assert second.residue_labels[:3] == ("Z:-5 GLY", "Z:-5B ALA", "Z:-4 CYS")
    shift = torch.tensor([10.0, -20.0, 5.0])
    torch.testing.assert_close(second.protein.ca, first.protein.ca + shift)
    assert torch.equal(first.protein.segments, second.protein.segments)
    assert types(first) == types(second)


def test_a_gap_or_a_new_chain_starts_a_segment(peptide, write):
    """A missing residue breaks the chain; numbering alone does not."""
    broken = peptide.clone()
    del broken[0][0][4]
    assert (
        read_protein(write("p.pdb", broken)).protein.segments.tolist()
        == [0] * 4 + [1] * 5
    )
    two = peptide.clone()
    second = two[0][0].clone()
    second.name = "B"
    for group in second:
        for atom in group:
            atom.pos += gemmi.Position(40, 0, 0)
    two[0].add_chain(second)
    assert (
        read_protein(write("q.pdb", two)).protein.segments.tolist()
        == [0] * 10 + [1] * 10
    )


def test_of_alternate_locations_the_most_occupied_is_taken(peptide, write):
    """Location B with 0.7 wins over A with 0.3, whichever comes first."""
    for low, high in (("A", "B"), ("B", "A")):
        split = peptide.clone()
        group = residue(split, 2)
        copies = [atom.clone() for atom in group]
        for atom in group:
            atom.altloc, atom.occ = low, 0.3
        for other in copies:
            other.altloc, other.occ = high, 0.7
            other.pos += gemmi.Position(0, 0, 0.25)
            group.add_atom(other)
        file = read_protein(write("p.pdb", split))
        plain = read_protein(write("q.pdb", peptide))
        expected = plain.protein.ca[2] + torch.tensor([0, 0, 0.25])
        torch.testing.assert_close(file.protein.ca[2], expected)
        assert len(file.protein.obstacle_numbers) == len(plain.protein.obstacle_numbers)
        assert (
            "1 residue with alternate locations: took the most occupied." in file.notes
        )


def test_of_two_residues_in_one_place_the_most_occupied_is_taken(peptide, write):
    """Microheterogeneity: SER 0.4 / THR 0.6 is one threonine."""
    mixed = peptide.clone()
    group = residue(mixed, 8)
    other = group.clone()
    other.name = "THR"
    for atom in group:
        atom.altloc, atom.occ = "A", 0.4
    for atom in other:
        atom.altloc, atom.occ = "B", 0.6
    mixed[0][0].add_residue(other, 9)
    assert types(read_protein(write("p.pdb", mixed)))[8] == "THR"


def test_of_several_models_the_first_is_taken(peptide, write):
    """And a note says so."""
    both = peptide.clone()
    second = both[0].clone()
    second.num = 2
    for chain in second:
        for group in chain:
            for atom in group:
                atom.pos += gemmi.Position(1, 1, 1)
    both.add_model(second)
    file = read_protein(write("p.pdb", both))
    assert_same(file.protein, read_protein(write("q.pdb", peptide)).protein)
    assert "p.pdb holds 2 models: took the first." in file.notes


@pytest.mark.parametrize(
    ("name", "parent"),
    [
        *[("HIS", "HIE"), ("HIP", "HIE"), ("HSD", "HIE"), ("ASH", "ASP")],
        *[("GLH", "GLU"), ("LYN", "LYS"), ("CYM", "CYS"), ("CYX", "CYX")],
        *[("MSE", "MET"), ("SEP", "SER"), ("TPO", "THR"), ("CAS", "CYS")],
        *[("NALA", "ALA"), ("CHIE", "HIE"), ("DAL", "ALA"), ("SEC", "CYS")],
        *[("UNK", None), ("ACE", None), ("ATP", None), ("HOH", None), ("DA", None)],
    ],
)
def test_a_residue_name_leads_to_its_parent(name, parent):
    """Or to None where nobody knows one."""
    assert parent_name(name, {}) == parent


def test_a_parent_declared_by_the_file_is_believed():
    """MODRES names the parent of a residue that no table lists."""
    assert parent_name("QZQ", {"QZQ": "LYS"}) == "LYS"
    assert parent_name("QZQ", {"QZQ": "QZQ"}) is None


def test_a_modified_residue_counts_as_its_parent_with_a_note(peptide, write):
    """MSE among HETATM records stays in the chain."""
    changed = peptide.clone()
    residue(changed, 7).name, residue(changed, 7).het_flag = "MSE", "H"
    file = read_protein(write("p.pdb", changed))
    assert types(file) == EXPECTED
    assert file.protein.segments.tolist() == [0] * 10
    assert "Modified residues read as their parent: MSE as MET." in file.notes


def test_a_residue_of_unknown_parent_is_left_out_and_reported(peptide, write):
    """It stays an obstacle, and the chain breaks there."""
    changed = peptide.clone()
    residue(changed, 4).name = "UNK"
    file = read_protein(write("p.pdb", changed))
    assert file.protein.n_residues == 9
    assert file.protein.segments.tolist() == [0] * 4 + [1] * 5
    assert any("parent amino acid is not known: UNK." in x for x in file.notes)
    whole = read_protein(write("q.pdb", peptide))
    assert_same_obstacles(file, whole)


def assert_same_obstacles(first, second):
    torch.testing.assert_close(
        first.protein.obstacle_positions, second.protein.obstacle_positions
    )


def test_two_cysteines_in_a_disulfide_are_cyx(peptide, write):
    """SG atoms 2.05 Å apart make CYX, 4 Å apart CYS."""
    for distance, expected in ((2.05, "CYX"), (4.0, "CYS")):
        pair = peptide.clone()
        residue(pair, 8).name = "CYS"
        sulphur = residue(pair, 2).find_atom("SG", "*").clone()
        sulphur.pos += gemmi.Position(distance, 0, 0)
        residue(pair, 8).add_atom(sulphur)
        got = types(read_protein(write("p.pdb", pair)))
        assert (got[2], got[8]) == (expected, expected)


def test_residues_without_a_whole_backbone_are_left_out_by_name(peptide, write):
    """No CA in one, no C in another; both stay obstacles."""
    broken = peptide.clone()
    remove(residue(broken, 1), "CA")
    remove(residue(broken, 5), "C")
    file = read_protein(write("p.pdb", broken))
    assert file.protein.n_residues == 8
    note = "Left out for want of a whole backbone: A:2 ALA (no CA), A:6 PHE (no C)."
    assert note in file.notes


def test_a_backbone_on_one_line_is_no_backbone(peptide, write):
    """It would have no local frame."""
    broken = peptide.clone()
    group = residue(broken, 1)
    group.find_atom("N", "*").pos = gemmi.Position(0, 0, 0)
    group.find_atom("CA", "*").pos = gemmi.Position(1.5, 0, 0)
    group.find_atom("C", "*").pos = gemmi.Position(3, 0, 0)
    file = read_protein(write("p.pdb", broken))
    assert any("A:2 ALA (N, CA, C on one line)" in x for x in file.notes)


def test_waters_go_and_ions_cofactors_and_caps_stay_as_obstacles(peptide, write):
    """A calcium ion named CA is no backbone; water is in no tensor."""
    full = peptide.clone()
    append(full, "HOH", [("O", "O", (30, 0, 0))], 901)
    append(full, "CA", [("CA", "Ca", (33, 0, 0))], 902)
    append(full, "GOL", [("C1", "C", (36, 0, 0)), ("O1", "O", (36, 1.4, 0))], 903)
    append(full, "NME", [("N", "N", (40, 0, 0)), ("C", "C", (41, 0, 0))], 904, "A")
    file = read_protein(write("p.pdb", full))
    plain = read_protein(write("q.pdb", peptide))
    assert file.protein.n_residues == 10
    extra = file.protein.obstacle_numbers[len(plain.protein.obstacle_numbers) :]
    assert extra.tolist() == [20, 6, 8, 7, 6]
    assert "1 water left out." in file.notes
    assert "Kept as rigid atoms outside the backbone: CA, GOL, NME." in file.notes
    assert obstacle_name(file, len(plain.protein.obstacle_numbers)) == "A:902 CA CA"
    names = [r.name for c in file.structure[0] for r in c]
    assert "HOH" not in names
    assert "GOL" in names


def test_a_free_amino_acid_among_hetatm_is_not_in_the_chain(peptide, write):
    """A glutamine ligand far from the chain is a group, not a residue."""
    full = peptide.clone()
    atoms = [
        ("N", "N", (50, 0, 0)),
        ("CA", "C", (51.5, 0, 0)),
        ("C", "C", (52, 1.4, 0)),
    ]
    append(full, "GLN", atoms)
    file = read_protein(write("p.pdb", full))
    assert file.protein.n_residues == 10
    assert [x.label for x in file.het_groups] == ["A:900 GLN"]


ATOM = (
    "ATOM      1  N   ASP A   1      -1.058   1.426 -20.149  1.00  0.00           N\n"
)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdb", "", "a.pdb is empty"),
        ("a.pdb", "HEADER    X\n", "a.pdb holds no ATOM records"),
        ("a.txt", "hello\n", "a.txt is neither PDB nor mmCIF"),
        ("a.cif", "data_x\nloop_\n_a.b\n_a.c\n1 2 3\n", "a.cif is not valid mmCIF"),
        ("a.cif", "data_x\n_cell.length_a 1\n", "a.cif holds no atoms"),
        ("a.pdb", ATOM, "none of 1 amino acids has its N, CA and C"),
        ("a.pdb", ATOM.replace("  -1.058", "     nan"), "line 1 has no coordinates"),
        ("a.pdb", ATOM.replace("-1.058", "-1.x58"), "line 1 has no coordinates"),
        ("a.pdb", ATOM[:40] + "\n", "line 1 has no coordinates"),
        ("a.pdb", ATOM.replace(" N   ASP", "MG    MG"), "holds no protein, only MG"),
        ("a.mol2", "@<TRIPOS>MOLECULE\n", "proteins in the format .mol2 cannot"),
        ("a.sdf", "x\n\n\n  1  0  0  0 999 V2000\n", "is an SDF or MOL file"),
        ("a.pdb", b"\x00\x01\x02", "a.pdb is a binary file"),
        ("a.pdb.gz", b"\x1f\x8b\x08\x00broken", "gzip data is damaged or cut short"),
    ],
)
def test_an_unusable_file_gets_one_clear_message(name, content, message, write):
    """Every refusal names the file and has a hint."""
    with pytest.raises(InputError) as caught:
        read_protein(write(name, content))
    assert message in caught.value.message
    assert caught.value.message.startswith(name)
    assert caught.value.hint


def test_a_missing_file_or_a_folder_is_said_to_be_one(tmp_path):
    """Both are InputErrors."""
    with pytest.raises(InputError, match="there is no such file"):
        read_protein(tmp_path / "none.pdb")
    with pytest.raises(InputError, match="is a folder"):
        read_protein(tmp_path)


# File -> why its residue count differs from the table's, and by how much.
COUNT_DIFFERENCES = {
    "pdb/1BHL.pdb": 2,  # the table leaves out 2 CAS, 2 TPO, 3 MSE, 2 TPO
    "pdb/1p5e.pdb.gz": 2,
    "pdb/1xdn.pdb": 3,
    "pdb/3E8D.pdb.gz": 2,
    "pdb/5ddr.pdb": -122,  # nucleotides
}


def test_residue_counts_agree_with_the_table_of_the_data(shared):
    """Over all PDB entries; modified residues and nucleotides explain the rest."""
    root = shared / "data" / "structures"
    with (root / "pdb_features.csv").open() as handle:
        rows = [x for x in csv.DictReader(handle) if (root / x["file"]).exists()]
    checked = 0
    for row in rows:
        if row["file"] == "pdb/a_structure.pdb":  # its first model has no protein
            continue
        got = read_protein(root / row["file"]).protein.n_residues
        expected = int(row["residues"]) + COUNT_DIFFERENCES.get(row["file"], 0)
        assert got == expected, row["file"]
        checked += 1
    assert checked > 20
