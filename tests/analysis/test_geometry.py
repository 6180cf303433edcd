import pytest
import torch

from neuralmd_cli.analysis.geometry import (
    in_frame_of,
    pocket_anchors,
    rmsd,
    superpose,
    superpose_onto,
)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.double)


def rotations(frames: int, seed: int = 0) -> torch.Tensor:
    q, _ = torch.linalg.qr(random(frames, 3, 3, seed=seed))
    return q * torch.linalg.det(q)[:, None, None]


def test_rmsd_of_a_shift_is_its_length():
    """Every atom moved by d gives an RMSD of |d|."""
    start = random(1, 7, 3)
    moved = torch.cat([start, start + torch.tensor([1.0, -2.0, 2.0])])
    torch.testing.assert_close(rmsd(moved), torch.tensor([0.0, 3.0]).double())


@pytest.mark.parametrize("seed", range(3))
def test_ligand_fit_ignores_rigid_motion(seed):
    """Turning and shifting each frame changes nothing once fitted on the ligand."""
    frames = random(1, 9, 3) + 0.1 * random(6, 9, 3, seed=seed)
    moved = frames @ rotations(6, seed).mT + 10 * random(6, 1, 3, seed=seed)
    moved[0] = frames[0]
    none = torch.zeros(6, 0, 3, dtype=torch.double)
    torch.testing.assert_close(
        in_frame_of("ligand", moved, none), in_frame_of("ligand", frames, none)
    )


def test_pocket_fit_ignores_motion_of_the_whole_complex():
    """Protein and ligand turned and shifted together: the ligand does not move."""
    ligand, protein = random(1, 5, 3), 4 * random(1, 30, 3, seed=1)
    turn, shift = rotations(8), 20 * random(8, 1, 3, seed=2)
    turn[0], shift[0] = torch.eye(3), 0
    fitted = in_frame_of("pocket", ligand @ turn.mT + shift, protein @ turn.mT + shift)
    torch.testing.assert_close(fitted, ligand.expand(8, -1, -1))


def test_pocket_fit_keeps_motion_within_the_pocket():
    """A ligand that drifts 1 Å in a still pocket is seen to drift 1 Å."""
    ligand = random(1, 5, 3).repeat(2, 1, 1)
    ligand[1, :, 0] += 1
    protein = 4 * random(1, 30, 3, seed=1)
    turn = rotations(2)
    turn[0] = torch.eye(3)
    fitted = in_frame_of("pocket", ligand @ turn.mT, protein @ turn.mT)
    torch.testing.assert_close(fitted, ligand)


@pytest.mark.parametrize("what", ["pocket", "none"])
def test_without_protein_coordinates_stay(what):
    """A ligand-only file is in the pocket's frame already."""
    frames = random(4, 5, 3)
    assert torch.equal(in_frame_of(what, frames, frames[:, :0]), frames)


def test_no_superposition_leaves_a_moving_complex_as_it_is():
    """`none` measures motion in the file's own coordinates."""
    frames, protein = random(4, 5, 3), random(4, 30, 3, seed=1)
    assert torch.equal(in_frame_of("none", frames, protein), frames)


def test_superposition_never_mirrors():
    """A mirrored frame is fitted by a rotation, so chirality stays visible."""
    start = random(1, 6, 3)
    mirrored = torch.cat([start, start * torch.tensor([-1.0, 1, 1])])
    assert rmsd(superpose(mirrored, mirrored))[1] > 0.1


@pytest.mark.parametrize("atoms", [1, 2])
def test_superposition_is_exact_for_one_and_two_atoms(atoms):
    """An atom, or a stiff pair of atoms, can always be laid on itself."""
    start = random(1, atoms, 3)
    frames = start @ rotations(5).mT + random(5, 1, 3, seed=4)
    fitted = superpose(frames, frames)
    torch.testing.assert_close(fitted, fitted[:1].expand(5, -1, -1))


def test_anchors_are_the_residues_near_the_ligand():
    """CA atoms within 10 Å of the ligand anchor the fit; far ones do not."""
    ca = torch.zeros(1, 10, 3)
    ca[0, :, 0] = 2.0 * torch.arange(10)
    anchors = pocket_anchors(ca, torch.zeros(1, 3))
    assert anchors[0, :, 0].tolist() == [0, 2, 4, 6, 8]


def test_all_residues_anchor_where_hardly_any_is_near():
    """Three CA atoms would make a poor fit, so the whole protein is taken."""
    ca = torch.zeros(1, 10, 3)
    ca[0, :, 0] = 4.0 * torch.arange(10)
    assert pocket_anchors(ca, torch.zeros(1, 3)).shape[1] == 10


@pytest.mark.parametrize("seed", range(3))
def test_frames_are_laid_on_targets_of_their_own(seed):
    """A fit onto the same shape elsewhere in space is exact, frame by frame."""
    shape = random(4, 8, 3, seed=seed)
    targets = shape @ rotations(4, seed).mT + 5 * random(4, 1, 3, seed=seed + 1)
    inside = shape[:, :3]
    fitted = superpose_onto(inside, shape, targets)
    torch.testing.assert_close(fitted, targets[:, :3])


def test_a_frame_that_is_not_finite_has_no_fit():
    """It alone becomes NaN; the others are fitted as if it were not there."""
    shape = random(3, 5, 3)
    broken = shape.clone()
    broken[1, 2, 0] = torch.inf
    fitted = superpose_onto(broken, broken, shape)
    assert fitted[1].isnan().all()
    torch.testing.assert_close(fitted[::2], shape[::2])
