"""From a structure to capped stretches of residues that ff14SB has."""

import gemmi
import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem.rdMolTransforms import GetAngleDeg, GetBondLength, GetDihedralDeg

from neuralmd_cli.errors import InputError, SimulationError
from neuralmd_cli.md.capping import capped, placed
from neuralmd_cli.md.completion import completed
from neuralmd_cli.md.pocket import pocket_of
from neuralmd_cli.md.prepare import Preparation, prepare_md
from neuralmd_cli.md.protein import chains_of
from neuralmd_cli.md.residues import HEAVY_ATOMS, as_given, at_ph
from neuralmd_cli.md.system import check_relaxed
from neuralmd_cli.structure.prepare import prepare


@pytest.fixture
def edited(tiny, tmp_path):
    """The tiny complex after a change of its structure, read as `simulate` reads it."""

    def make(change):
        structure = gemmi.read_structure(str(tiny.protein))
        change(structure[0])
        path = tmp_path / "changed.pdb"
        path.write_text(structure.make_pdb_string())
        return prepare(path, tiny.ligand)

    return make


def test_side_chains_follow_the_ph(edited):
    """Histidine is HIE at 7.4 and HIP at 5; lysine loses its proton above 10.4."""
    read = edited(lambda model: None)
    names = {
        ph: [x.name for x in chains_of(read, ph=ph).residues] for ph in (5.0, 7.4, 11.0)
    }
    assert names[7.4] == ["SER", "ALA", "HIE", "LYS", "CYS"]
    assert names[5.0][2] == "HIP"
    assert names[11.0][3:] == ["LYN", "CYM"]
    assert at_ph("ASP", 3.0) == "ASH"
    assert at_ph("TRP", 1.0) == "TRP"


def test_a_file_can_say_how_side_chains_are_protonated():
    """By name, or by the hydrogens that are there; else nobody knows."""
    assert as_given("HIE", "HID", frozenset()) == "HID"
    assert as_given("HIE", "HIS", frozenset({"HD1", "HE2", "HA"})) == "HIP"
    assert as_given("HIE", "HIS", frozenset({"HD1", "HE1"})) == "HID"
    assert as_given("ASP", "ASP", frozenset({"HA", "HD2"})) == "ASH"
    assert as_given("LYS", "LYS", frozenset({"HZ1", "HZ2"})) == "LYN"
    assert as_given("LYS", "LYS", frozenset()) is None


def test_modified_residues_become_their_parent_with_a_word(edited):
    """Selenium of MSE is the sulphur of MET, missing atoms are built, all is said."""

    def to_mse(model):
        residue = model[0][3]
        residue.name = "MSE"
        selenium = residue.find_atom("CD", "*")
        selenium.name, selenium.element = "SE", gemmi.Element("Se")
        residue.remove_atom("CE", "\0", gemmi.Element("C"))
        residue.remove_atom("NZ", "\0", gemmi.Element("N"))

    chains = chains_of(edited(to_mse))
    met = chains.residues[3]
    assert met.name == "MET"
    assert "SD" in met.atoms
    assert met.missing == ("CE",)
    assert any("MSE as MET" in x for x in chains.notes)
    whole = completed(chains).residues[3]
    assert tuple(sorted(whole.atoms)) == tuple(sorted(HEAVY_ATOMS["MET"]))
    np.testing.assert_allclose(whole.atoms["SD"], met.atoms["SD"])
    gap = np.linalg.norm(whole.atoms["CE"] - whole.atoms["SD"])
    assert 1.4 < gap < 2.2


def test_sulphurs_at_a_bond_s_length_are_a_disulfide(edited):
    """Two cysteines become CYX and a pair; apart they stay CYS."""

    def second_cysteine(model):
        first = model[0][1]
        first.name = "CYS"
        atom = gemmi.Atom()
        atom.name, atom.element, atom.occ = "SG", gemmi.Element("S"), 1.0
        other = model[0][4].find_atom("SG", "*").pos
        atom.pos = other + gemmi.Position(0, 0, 2.05)
        first.add_atom(atom)

    bound = chains_of(edited(second_cysteine))
    assert [x.name for x in bound.residues].count("CYX") == 2
    assert len(bound.disulfides) == 1
    free = chains_of(edited(lambda model: None))
    assert free.residues[4].name == "CYS"
    assert not free.disulfides


def test_copies_of_a_molecule_are_told_apart(edited):
    """Chains A, B, A, as assemblies are written: each cap is bonded to its own copy."""

    def assembled(model):
        for name, place in (("B", (30, 0, 0)), ("A", (0, 0, 30))):
            copy = model[0].clone()
            copy.name = name
            for residue in copy:
                for atom in residue:
                    atom.pos += gemmi.Position(*place)
            model.add_chain(copy)

    read = edited(assembled)
    chains = completed(chains_of(read))
    labels = [x.label for x in chains.residues]
    assert len(labels) == len(set(labels)) == 15
    # Of the copy, that the ligand is beside, some residues are left out.
    ligand = read.complex.ligand.positions.numpy().astype(float) + [0, 0, 30]
    pocket = pocket_of(chains, ligand, cutoff=5.0)
    done = capped(
        pocket.chains, read.protein_structure, pocket.neighbours, ligand
    ).stretches
    assert sum(len(x) - 2 for x in done) < 5
    for ace, first, *_, last, nme in done:
        assert np.linalg.norm(ace.atoms["C"] - first.atoms["N"]) < 1.6
        assert np.linalg.norm(last.atoms["C"] - nme.atoms["N"]) < 1.6


def test_a_system_that_does_not_come_to_rest_is_refused():
    """Torn bonds have millions of kJ/mol; a sound system is below 0."""
    check_relaxed(-1000.0, 50)
    for energy in (1e7, float("nan")):
        with pytest.raises(SimulationError, match="x.pdb: the energy stays at"):
            check_relaxed(energy, 50, "x.pdb")


def test_a_break_is_capped_on_both_sides(edited):
    """Without its third residue the chain is two stretches, each with ACE and NME."""

    def cut(model):
        del model[0][2]

    read = edited(cut)
    chains = chains_of(read)
    ligand = read.complex.ligand.positions.numpy().astype(float)
    done = capped(completed(chains), read.protein_structure, {}, ligand)
    names = [[x.name for x in stretch] for stretch in done.stretches]
    assert names == [["ACE", "SER", "ALA", "NME"], ["ACE", "LYS", "CYS", "NME"]]
    assert any("1 chain break" in x for x in chains.notes)
    for stretch in done.stretches:
        bond = stretch[0].atoms["C"] - stretch[1].atoms["N"]
        assert np.linalg.norm(bond) == pytest.approx(1.335, abs=1e-6)
        bond = stretch[-1].atoms["N"] - stretch[-2].atoms["C"]
        assert np.linalg.norm(bond) == pytest.approx(1.335, abs=1e-6)


def test_residues_in_another_order_are_joined_by_their_bonds(edited):
    """As insertion codes that count backwards leave them: 3, 2, 1 is no break."""

    def backwards(model):
        residues = [x.clone() for x in model[0]]
        while len(model[0]):
            del model[0][0]
        for residue in reversed(residues):
            model[0].add_residue(residue)

    (stretch,) = chains_of(edited(backwards)).stretches
    assert [x.name for x in stretch] == ["SER", "ALA", "HIE", "LYS", "CYS"]


@pytest.mark.parametrize("dihedral", [-120.0, 0.0, 65.0, 180.0])
def test_an_atom_is_placed_at_its_distance_angle_and_dihedral(dihedral):
    """Measured back by RDKit."""
    a, b, c = np.random.default_rng(1).normal(size=(3, 3)) * 2
    atoms = np.array([a, b, c, placed(a, b, c, 1.4, 110.0, dihedral)])
    chain = Chem.MolFromSmiles("CCCC")
    chain.AddConformer(Chem.Conformer(4))
    chain.GetConformer().SetPositions(atoms)
    found = chain.GetConformer()
    assert GetBondLength(found, 2, 3) == pytest.approx(1.4)
    assert GetAngleDeg(found, 1, 2, 3) == pytest.approx(110.0)
    turn = GetDihedralDeg(found, 0, 1, 2, 3) - dihedral
    assert (turn + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-6)


def test_a_pocket_is_what_the_recipe_of_our_data_kept(shared):
    """The same residues in the same order as in the stored droplet of BRD4."""
    import h5py

    from neuralmd_cli.complex import RESIDUE_NAMES

    folder = shared / "data" / "complexes" / "brd4"
    read = prepare(folder / "protein.pdb", folder / "ligand.sdf")
    ligand = read.complex.ligand.positions.numpy().astype(float)
    pocket = pocket_of(chains_of(read), ligand)
    with h5py.File(shared / "data" / "md" / "droplet_4ps.hdf5") as file:
        group = file["BRD4"]
        types, codes = group["atoms_type"][:], group["atoms_residue"][:]
        begins = group["molecules_begin_atom_index"][:]
    stored = codes[: begins[-1]][types[: begins[-1]] == 14]
    assert [x.standard for x in pocket.chains.residues] == [
        RESIDUE_NAMES[k - 1] for k in stored
    ]
    assert len(pocket.chains.stretches) == len(begins) - 1


def test_a_metal_bonded_to_the_ligand_is_refused_by_name(shared, tmp_path):
    """Unless asked to go without."""
    from neuralmd_cli.md.prepare import Inputs

    folder = shared / "data" / "complexes" / "7ztl_bcn"
    inputs = Inputs(protein=folder / "protein.pdb", ligand=folder / "ligand.sdf")
    with pytest.raises(InputError, match="bonded to the metal of A:502 MG") as caught:
        prepare_md(inputs, Preparation(charges="gasteiger"), tmp_path)
    assert "--drop-hetero" in caught.value.hint
