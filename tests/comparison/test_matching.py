import pytest
import torch

from neuralmd_cli.comparison.matching import match_atoms, match_frames, match_residues
from neuralmd_cli.errors import InputError

SHUFFLED = [4, 2, 0, 3, 1]
CHAIN = ((0, 1), (1, 2), (2, 3), (3, 4))


def permuted(values, order):
    return tuple(values[k] for k in order)


def test_atoms_are_matched_by_name(load, frames):
    """The same molecule with its atoms in another order, and its bonds with them."""
    names, numbers = ("C1", "C2", "N1", "C3", "O1"), (6, 6, 7, 6, 8)
    place = {old: new for new, old in enumerate(SHUFFLED)}
    bonds = tuple((place[a], place[b]) for a, b in ((0, 1), (1, 2), (2, 3), (1, 4)))
    other = load(
        frames[:, SHUFFLED],
        names=permuted(names, SHUFFLED),
        numbers=permuted(numbers, SHUFFLED),
        bonds=bonds,
    )
    rows = match_atoms(other, load(frames))
    assert torch.equal(other.positions[:, rows.predicted], frames)
    assert rows.notes == ()


def test_atoms_with_other_names_are_matched_in_order_and_it_is_said(load, frames):
    """Elements and bonds agree in file order, which then counts."""
    rows = match_atoms(load(frames, names=("A", "B", "C", "D", "E")), load(frames))
    assert rows.predicted.tolist() == [0, 1, 2, 3, 4]
    assert "in file order" in rows.notes[0]


def test_hydrogens_and_virtual_sites_are_left_out(load, frames):
    """One file has a hydrogen and a virtual site between the heavy atoms."""
    more = torch.cat([frames[:, :2], frames[:, :2], frames[:, 2:]], dim=1)
    other = load(
        more,
        names=("C1", "C2", "H1", "M1", "N1", "C3", "O1"),
        numbers=(6, 6, 1, 6, 7, 6, 8),
        bonds=((0, 1), (1, 4), (4, 5), (1, 6)),
    )
    other.atomic_numbers[3] = 0
    rows = match_atoms(other, load(frames))
    assert rows.predicted.tolist() == [0, 1, 4, 5, 6]


def test_names_do_not_count_against_the_bonds(load, frames):
    """Two programs' C1 need not be one atom: names crossed, order right."""
    crossed = ("C3", "C2", "N1", "C1", "O1")
    rows = match_atoms(load(frames, names=crossed), load(frames))
    assert rows.predicted.tolist() == [0, 1, 2, 3, 4]
    assert rows.notes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"numbers": (6, 6, 7, 6, 16)}, "other elements"),
        ({"bonds": CHAIN}, "atoms of the same name are bonded differently"),
        (
            {"numbers": (8, 6, 7, 6, 6), "names": tuple("VWXYZ")},
            r"their order differs, .*only the first has V, W, X, Y, Z\)",
        ),
    ],
)
def test_other_ligands_are_refused(load, frames, changes, reason):
    """The error says what differs."""
    with pytest.raises(InputError, match=reason):
        match_atoms(load(frames, **changes), load(frames))


def test_a_smaller_ligand_is_refused(load, frames):
    """The numbers of heavy atoms are told."""
    small = load(frames[:, :4], names=tuple("ABCD"), numbers=(6, 6, 7, 6), bonds=())
    with pytest.raises(InputError, match="4 heavy atoms and 5"):
        match_atoms(small, load(frames))


def test_bonds_unknown_to_one_file_do_not_hinder(load, frames):
    """A foreign PDB often has none."""
    assert match_atoms(load(frames, bonds=()), load(frames)).notes == ()


def test_snapshots_of_common_times_are_compared(load, frames):
    """4 ps and 10 ps apart: every 20 ps, and both files' shares are told."""
    ours = load(frames, 4.0 * torch.arange(10), name="ours.dcd")
    theirs = load(frames, 10.0 * torch.arange(10), name="theirs.xtc")
    rows = match_frames(ours, theirs, "times")
    assert rows.predicted.tolist() == [0, 5]
    assert rows.reference.tolist() == [0, 2]
    assert "2 of 10 snapshots of ours.dcd" in rows.notes[0]
    assert "2 of 10 snapshots of theirs.xtc" in rows.notes[1]


def test_equal_times_need_no_note(load, frames):
    """Up to the rounding of a float32, which XTC files have."""
    times = 80.0 * torch.arange(1, 11) + 8e6
    rows = match_frames(load(frames, times.float()), load(frames, times), "times")
    assert rows.predicted.tolist() == rows.reference.tolist() == list(range(10))
    assert rows.notes == ()


def test_a_single_reference_snapshot_can_be_met(load, frames):
    """One time against ten."""
    one = load(frames[:1], torch.tensor([3.0]))
    assert match_frames(load(frames), one, "times").predicted.tolist() == [3]


def test_no_common_time_is_refused(load, frames):
    """The message has both spans, the hint the other way."""
    late = load(frames, 1000.5 + torch.arange(10), name="late.xtc")
    with pytest.raises(InputError, match=r"late.xtc has 1000.5 to 1009.5 ps") as error:
        match_frames(load(frames), late, "times")
    assert "--match frames" in error.value.hint


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"timed": False}, "holds no times"),
        ({"times": torch.tensor([0.0, 1, 2, 3, 4, 0, 1, 2, 3, 4])}, "fall back"),
    ],
)
def test_times_that_mean_nothing_are_refused(load, frames, changes, reason):
    """Counted frames are no picoseconds; joined runs have each time several times."""
    with pytest.raises(InputError, match=reason):
        match_frames(load(frames, **changes), load(frames), "times")


def test_two_files_without_times_are_matched_by_number(load, frames):
    """And it is said, as what of the longer one is left out."""
    ours, theirs = load(frames, timed=False), load(frames[:7], timed=False)
    rows = match_frames(ours, theirs, "times")
    assert rows.predicted.tolist() == rows.reference.tolist() == list(range(7))
    assert "by number, 1 to 7" in rows.notes[0]
    assert "3 snapshots of the longer file" in rows.notes[1]


def test_residues_are_matched_by_sequence(load, frames):
    """The same sequence: all, in order."""
    ca = torch.zeros(10, 6, 3)
    rows = match_residues(load(frames, protein=ca), load(frames, protein=ca))
    assert rows.predicted.tolist() == rows.reference.tolist() == list(range(6))


def test_residues_of_a_longer_protein_are_matched_by_number(load, frames):
    """Two residues more at the end: the common six."""
    ours = ("ALA", "GLY", "SER", "LYS", "VAL", "LEU", "TRP", "PHE")
    longer = load(frames, protein=torch.zeros(10, 8, 3), sequence=ours)
    rows = match_residues(longer, load(frames, protein=torch.zeros(10, 6, 3)))
    assert rows.predicted.tolist() == list(range(6))
    assert "6 residues are in both proteins (8 and 6)" in rows.notes[0]


def test_other_proteins_have_nothing_in_common(load, frames):
    """Too few residues for a fit, or no protein at all."""
    other = load(frames, protein=torch.zeros(10, 5, 3), sequence=("TRP",) * 5)
    ours = load(frames, protein=torch.zeros(10, 6, 3))
    assert match_residues(ours, other) is None
    assert match_residues(ours, load(frames)) is None
