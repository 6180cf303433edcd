import math

import torch

from neuralmd_cli.analysis.corrected_metrics import internal_rmsd
from neuralmd_cli.analysis.metric_table import METRICS, metric
from neuralmd_cli.analysis.published_metrics import PublishedScores
from neuralmd_cli.analysis.scores import Obstacles, backbone_atoms, corrected_scores
from neuralmd_cli.complex import Ligand, Protein
from neuralmd_cli.misato import read_recording
from neuralmd_cli.paper_tables.read import published_keys

NOT_OF_ONE_PREDICTION = {"skill", "snapshots_per_s"}


def butane(frames: int = 5) -> tuple[Ligand, torch.Tensor]:
    """Four carbons in a zigzag, and a trajectory around it."""
    start = torch.tensor([[0.0, 0, 0], [1.5, 0, 0], [2.0, 1.4, 0], [3.5, 1.4, 0]])
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(frames, 4, 3, generator=generator)
    ligand = Ligand(
        positions=start,
        atomic_numbers=torch.full((4,), 6),
        masses=torch.full((4,), 12.0),
        bonds=torch.tensor([[0, 1], [1, 2], [2, 3]]),
    )
    return ligand, start + noise


def wall(*points: tuple[float, float, float]) -> Obstacles:
    return Obstacles(
        positions=torch.tensor(points).reshape(-1, 3),
        atomic_numbers=torch.full((len(points),), 6),
    )


def test_every_metric_of_the_table_is_scored_and_no_other():
    """Names of both sets of scores are those of the table, each once."""
    ligand, target = butane()
    corrected = set(corrected_scores(target, target, ligand, wall()))
    published = set(PublishedScores.__annotations__) - {"atoms", "frames"} | {"fps"}
    in_table = {
        kind: {m.name for m in METRICS if m.definition == kind}
        for kind in ("published", "corrected")
    }
    assert in_table["corrected"] == corrected | NOT_OF_ONE_PREDICTION
    assert in_table["published"] == published
    assert len({m.name for m in METRICS}) == len(METRICS)
    assert len({m.label for m in METRICS}) == len(METRICS)


def test_the_papers_values_go_by_names_of_the_table():
    """Each published value belongs to a published metric."""
    assert {metric(name).definition for _, _, name in published_keys()} == {"published"}


def test_a_perfect_prediction_has_perfect_scores():
    """Errors 0, correlation 1, no clash far from everything."""
    ligand, target = butane()
    scores = corrected_scores(target, target, ligand, wall((50.0, 0, 0)))
    assert scores.pop("rmsf_correlation") == 1
    assert scores.pop("pair_stability") == 100
    assert max(scores.values()) < 1e-6


def test_frame_by_frame_metrics_are_averaged():
    """The score is the mean over the frames."""
    ligand, target = butane()
    predicted = target.flip(0)
    scores = corrected_scores(predicted, target, ligand, wall())
    each = internal_rmsd(predicted, target)
    assert scores["internal_rmsd"] == float(each.mean())


def test_clashes_with_what_stands_still_are_seen():
    """An atom in the ligand's way in every frame; with none around, undefined."""
    ligand, target = butane()
    assert (
        corrected_scores(target, target, ligand, wall((0.0, 1.0, 0.5)))[
            "frames_clashing"
        ]
        == 100
    )
    assert math.isnan(
        corrected_scores(target, target, ligand, wall())["frames_clashing"]
    )


def test_an_exploded_prediction_is_scored_all_the_same():
    """Positions that are not finite end in NaN, never in an exception."""
    ligand, target = butane()
    broken = target.clone()
    broken[3] = torch.inf
    scores = corrected_scores(broken, target, ligand, wall((9.0, 9, 9)))
    assert math.isnan(scores["internal_rmsd"])
    assert math.isnan(scores["frames_clashing"])
    assert not math.isfinite(scores["position_rmsd"])
    assert math.isnan(scores["torsion_distance"])


def test_backbone_comes_residue_by_residue():
    """N, CA and C of a residue, then of the next, with their elements."""
    first = torch.arange(6.0).reshape(2, 3)
    protein = Protein(
        n=first,
        ca=first + 10,
        c=first + 20,
        residue_types=torch.tensor([1, 1]),
        segments=torch.tensor([0, 0]),
        obstacle_positions=torch.zeros(0, 3),
        obstacle_numbers=torch.zeros(0).long(),
    )
    positions, numbers = backbone_atoms(protein)
    assert positions[:, 0].tolist() == [0, 10, 20, 3, 13, 23]
    assert numbers.tolist() == [7, 6, 6, 7, 6, 6]


def test_real_motion_is_scored_as_it_is_known(shared):
    """JAK1's ligand in our MD, first half against second: known size, few clashes."""
    recording = read_recording(shared / "data" / "md" / "droplet_4ps.hdf5", "JAK1")
    at_start = recording.complex_at(0)
    protein = at_start.protein
    around = Obstacles(
        positions=protein.obstacle_positions, atomic_numbers=protein.obstacle_numbers
    )
    first, second = recording.positions[:50], recording.positions[50:]
    scores = corrected_scores(first, second, at_start.ligand, around)
    assert 0.1 < scores["position_rmsd"] < 1.5
    assert scores["internal_rmsd"] < scores["position_rmsd"]
    assert scores["pair_stability"] > 90
    assert scores["torsion_distance"] < 40
    assert scores["pair_collision"] == 0
    assert scores["frames_clashing_inside"] == 0
    assert scores["rmsf_correlation"] > 0.3
