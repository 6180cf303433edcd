import math

import pytest
import torch

from neuralmd_cli.analysis.published_metrics import published_scores
from neuralmd_cli.comparison.compare import compare
from neuralmd_cli.comparison.surroundings import rigid_surroundings
from neuralmd_cli.errors import InputError
from tests.comparison.conftest import PROTEIN, START


def values(comparison, pose: str = "predicted") -> dict[str, float]:
    return {row.metric.name: getattr(row, pose) for row in comparison.rows}


def turns(n: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    q, _ = torch.linalg.qr(torch.randn(n, 3, 3, generator=generator))
    return q * torch.linalg.det(q)[:, None, None]


def tumbling(load, frames, **changes):
    """The same motion in a protein that tumbles with its ligand, from frame 1 on."""
    turn = turns(len(frames))
    turn[0] = torch.eye(3)
    shift = torch.arange(len(frames))[:, None, None] * torch.tensor([1.0, 2.0, -3.0])
    return load(
        frames @ turn.mT + shift,
        protein=PROTEIN.expand(len(frames), -1, -1) @ turn.mT + shift,
        **changes,
    )


def test_a_trajectory_equals_itself(load, frames):
    """No error, and skill above that of any pose."""
    result = compare(load(frames), load(frames))
    scores = values(result)
    assert scores["mae"] == scores["position_rmsd"] == scores["torsion_distance"] == 0
    assert scores["rmsf_correlation"] == pytest.approx(1)
    assert scores["skill"] > 1
    assert result.superposed == "none"
    assert result.heavy_atoms == 5


def test_published_metrics_are_those_of_the_functions(load, frames):
    """Coordinates of the files, snapshot by snapshot."""
    other = frames.flip(0)
    expected = published_scores(
        other, frames, torch.tensor([6, 6, 7, 6, 8]), START[:0], torch.zeros(0).long()
    )
    scores = values(compare(load(other), load(frames)))
    for name in ("mae", "rmse", "matching", "stability", "ligand_collision"):
        assert scores[name] == getattr(expected, name)


def test_a_tumbling_reference_is_seen_from_its_pocket(load, frames):
    """Superposed, corrected metrics see no error; published ones see the tumbling."""
    still = load(frames, protein=PROTEIN.expand(10, -1, -1))
    result = compare(still, tumbling(load, frames))
    scores = values(result)
    assert result.superposed == "pocket"
    assert scores["position_rmsd"] < 1e-5
    assert scores["mae"] > 1
    assert (
        values(compare(still, tumbling(load, frames), superpose="none"))[
            "position_rmsd"
        ]
        > 1
    )


def test_both_may_tumble_each_in_its_own_way(load, frames):
    """And from anywhere: the prediction's file lies elsewhere in space."""
    moved = tumbling(load, frames)
    backwards = load(
        moved.positions + 50, protein=moved.ca_positions + 50, name="b.dcd"
    )
    scores = values(compare(backwards, tumbling(load, frames)))
    assert scores["position_rmsd"] < 1e-4
    assert scores["mae"] == pytest.approx(150, rel=1e-4)


def test_a_ligand_alone_can_be_laid_in_the_references_start(load, frames):
    """On request: then only the reference is moved, and that is said."""
    alone, reference = load(frames), tumbling(load, frames)
    asked = compare(alone, reference, superpose="pocket")
    assert values(asked)["position_rmsd"] < 1e-5
    assert any("were taken to be those of the reference" in n for n in asked.notes)
    unasked = compare(alone, reference)
    assert unasked.superposed == "none"
    assert any("--superpose pocket would" in n for n in unasked.notes)


def test_superposing_without_a_protein_is_refused(load, frames):
    """There is nothing to hold still."""
    with pytest.raises(InputError, match="no pocket to superpose on: a.dcd has no"):
        compare(load(frames), load(frames), superpose="pocket")
    ca = PROTEIN.expand(10, -1, -1)
    other = load(frames, protein=ca, sequence=("TRP",) * 6)
    with pytest.raises(InputError, match="too few residues in common"):
        compare(load(frames, protein=ca), other, superpose="pocket")
    assert compare(load(frames, protein=ca), other).superposed == "none"


def test_frozen_is_the_snapshot_before_the_first_compared(load, frames):
    """A prediction from 1 ps on, a reference from 0: frozen is the pose at 0 ps."""
    ours = load(frames[1:], torch.arange(1, 10))
    result = compare(ours, load(frames))
    assert result.frozen_at == 0
    target = frames[1:]
    error = (frames[0] - target).double().abs().sum(dim=2).mean()
    assert values(result, "frozen")["mae"] == pytest.approx(float(error))
    assert values(result, "frozen")["skill"] == 0
    mean = (target.mean(dim=0) - target).double().abs().sum(dim=2).mean()
    assert values(result, "mean_pose")["mae"] == pytest.approx(float(mean), rel=1e-5)
    assert values(result, "mean_pose")["skill"] == 1


def test_clashes_are_with_the_predictions_own_rigid_protein(load, frames):
    """Wherever its file lies: a CA put on an atom is hit in each frame."""
    protein = PROTEIN.clone()
    protein[0] = START[2] + torch.tensor([0.0, 0.0, 0.6])
    ours = load(frames + 30, protein=(protein + 30).expand(10, -1, -1))
    reference = load(frames, protein=protein.expand(10, -1, -1))
    scores = values(compare(ours, reference))
    assert scores["frames_clashing"] == 100
    assert scores["binding_collision"] > 0
    assert values(compare(ours, reference), "frozen")["frames_clashing"] == 100


def test_a_moving_protein_has_no_clashes_to_tell(load, frames):
    """Only its first frame is known, so collisions are undefined and it is said."""
    moving = tumbling(load, frames)
    assert len(rigid_surroundings(moving).heavy.positions) == 0
    result = compare(moving, tumbling(load, frames))
    assert math.isnan(values(result)["frames_clashing"])
    assert math.isnan(values(result)["binding_collision"])
    assert any("collisions with a protein are undefined" in n for n in result.notes)


def test_surroundings_are_heavy_atoms_and_backbone(load, frames):
    """Four heavy atoms per residue, three of them backbone."""
    around = rigid_surroundings(load(frames, protein=PROTEIN.expand(10, -1, -1)))
    assert len(around.heavy.positions) == 24
    assert around.backbone.atomic_numbers.tolist() == [7, 6, 6] * 6


def test_bonds_are_found_where_no_topology_has_them(load, frames):
    """So that torsions are known; it is said."""
    steady = START + 0.05 * (frames - START)
    without = compare(load(steady, bonds=()), load(steady.flip(0), bonds=()))
    having = compare(load(steady), load(steady.flip(0)))
    assert values(without) == pytest.approx(values(having), nan_ok=True)
    assert any("found by distance" in n for n in without.notes)


def test_one_common_snapshot_is_scored_without_fluctuation(load, frames):
    """Positions have an error, RMSF is undefined, and it is said."""
    result = compare(load(frames[:1]), load(frames[4:], torch.arange(6)))
    assert values(result)["mae"] > 0
    assert math.isnan(values(result)["rmsf_error"])
    assert any("only one snapshot" in n for n in result.notes)
