"""The paper's metrics against numbers from the authors' own evaluation code.

They evaluate in float32, so their results carry its rounding: agreement is asked to
1e-7 of a value, a last digit of float32, and for rollouts to what it loses on the way.
"""

import numpy as np
import pytest
import torch

from neuralmd_cli.analysis.published_metrics import (
    PublishedScores,
    binding_collision,
    covalent_radii,
    euclidean_distances,
    l1_distances,
    ligand_collision,
    matching,
    pooled,
    published_batch_rows,
    published_fps,
    published_scores,
    stability,
)

METRICS = (
    *("mae", "rmse", "matching", "stability"),
    *("ligand_collision", "binding_collision"),
)
ROUNDING = 1.5e-7
MADE_UP = [f"{kind}{size}" for kind in ("osc", "rigid") for size in ("0.5", "1", "2")]


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "goldens" / "golden_metrics.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def inputs(shared):
    with np.load(shared / "goldens" / "inputs.npz") as file:
        return dict(file)


def trajectory(golden, inputs, name: str) -> torch.Tensor:
    """[frames, atoms, 3] of A, B, C or one of the made-up motions of A."""
    stored = (inputs if name in "ABC" else golden)[f"{name}.traj"]
    return torch.from_numpy(stored).transpose(0, 1)


def scores(inputs, name: str, predicted, target) -> PublishedScores:
    """Scores with the elements and the protein of A, B or C."""
    complex_ = name if name in "ABC" else "A"
    backbone = [torch.from_numpy(inputs[f"{complex_}.{x}"]) for x in ("N", "CA", "C")]
    return published_scores(
        predicted,
        target,
        torch.from_numpy(inputs[f"{complex_}.z"]) + 1,
        torch.stack(backbone, dim=1).reshape(-1, 3),
        torch.tensor([7, 6, 6]).repeat(len(backbone[0])),
    )


def rolled_out(traj, predictor: str, protocol: str):
    """Prediction and target of a trivial predictor, rounded at each step as theirs."""
    start, frames = (0, 99) if protocol == "multi" else (79, 20)
    target = traj[start + 1 : start + 1 + frames]
    if predictor == "frozen":
        return traj[start].expand_as(target), target
    step = traj[1] - traj[0] if protocol == "multi" else traj[79] - traj[78]
    positions = [traj[start]]
    for _ in range(frames):
        positions.append(positions[-1] + step)
    return torch.stack(positions[1:]), target


def assert_equal(ours: PublishedScores, golden, key: str, rel: float = ROUNDING):
    for metric in METRICS:
        wanted = float(golden[f"{key}.{metric}"])
        # of two equal distances float32 leaves some 1e-6 of the coordinates
        noise = 5e-5 if metric == "matching" and wanted < 1e-3 else 0
        assert getattr(ours, metric) == pytest.approx(wanted, rel=rel, abs=noise), (
            metric
        )


def test_random_arrays_agree_frame_by_frame(golden):
    """Each complex's list of every pair metric, and all six over both complexes."""
    both = []
    lists: dict[str, list[torch.Tensor]] = {}
    for index in (0, 1):
        atoms = golden["random.batch"] == index
        around = golden["random.protein_batch"] == index
        predicted = torch.from_numpy(golden["random.pred"][:, atoms])
        target = torch.from_numpy(golden["random.target"][:, atoms])
        numbers = torch.from_numpy(golden["random.z"][atoms]) + 1
        protein = torch.from_numpy(golden["random.protein_pos"][around])
        kinds = torch.from_numpy(golden["random.protein_z"][around]) + 1
        both.append(published_scores(predicted, target, numbers, protein, kinds))
        for name, values in {
            "matching": matching(predicted, target),
            "stability": stability(predicted, target),
            "ligand_collision": ligand_collision(predicted, numbers),
            "binding_collision": binding_collision(predicted, numbers, protein, kinds),
        }.items():
            lists.setdefault(name, []).append(values)
    for name, values in lists.items():
        wanted = torch.from_numpy(golden[f"random.{name}_list"])
        torch.testing.assert_close(torch.cat(values), wanted, rtol=2e-7, atol=0)
    assert_equal(pooled(both), golden, "random", rel=2e-8)


@pytest.mark.parametrize("name", ["A", "B", "C", *MADE_UP])
def test_a_frozen_ligand_scores_as_published_code_says(golden, inputs, name):
    """The multi-trajectory protocol: from snapshot 0, snapshots 1 to 99 scored."""
    traj = trajectory(golden, inputs, name)
    predicted, target = rolled_out(traj, "frozen", "multi")
    ours = scores(inputs, name, predicted, target)
    assert_equal(ours, golden, f"multi.frozen.{name}")


@pytest.mark.parametrize("name", MADE_UP)
def test_constant_velocity_scores_as_published_code_says(golden, inputs, name):
    """99 steps of float32 leave a few 1e-7 of the way in the prediction itself."""
    traj = trajectory(golden, inputs, name)
    predicted, target = rolled_out(traj, "constvel", "multi")
    ours = scores(inputs, name, predicted, target)
    assert_equal(ours, golden, f"multi.constvel.{name}", rel=1e-6)


@pytest.mark.parametrize("name", ["A", *MADE_UP])
def test_single_trajectory_protocol_agrees(golden, inputs, name):
    """A frozen ligand from snapshot 79, snapshots 80 to 99 scored."""
    traj = trajectory(golden, inputs, name)
    predicted, target = rolled_out(traj, "frozen", "single")
    ours = scores(inputs, name, predicted, target)
    assert_equal(ours, golden, f"single.frozen.{name}")


@pytest.mark.parametrize("predictor", ["constvel", "binding01_single_scaling100"])
def test_stored_predictions_score_as_published_code_says(golden, inputs, predictor):
    """Their own rollouts, a neural one among them, without our rounding."""
    predicted = torch.from_numpy(golden[f"single.{predictor}.A.pred"])
    target = torch.from_numpy(golden["single.A.target"])
    assert torch.equal(target, trajectory(golden, inputs, "A")[80:])
    ours = scores(inputs, "A", predicted, target)
    assert_equal(ours, golden, f"single.{predictor}.A")


@pytest.mark.parametrize(
    ("key", "rel"),
    [
        ("multi.frozen.batch1", ROUNDING),
        ("multi.frozen.batch3", ROUNDING),
        ("multi.constvel.batch1", 1e-6),
    ],
)
def test_a_set_is_pooled_as_published(golden, inputs, key, rel):
    """Three ligands of 27, 26 and 42 atoms, in one batch or one by one."""
    predictor = key.split(".")[1]
    each = [
        scores(
            inputs, k, *rolled_out(trajectory(golden, inputs, k), predictor, "multi")
        )
        for k in "ABC"
    ]
    assert_equal(pooled(each), golden, key, rel)


def test_every_golden_value_is_compared(golden):
    """No golden result of a full evaluation is left out above."""
    keys = {k.rsplit(".", 1)[0] for k in golden if k.endswith(".mae")}
    assert keys == {
        "random",
        *(f"multi.frozen.{k}" for k in ("A", "B", "C", *MADE_UP)),
        *(f"multi.constvel.{k}" for k in MADE_UP),
        *(f"single.frozen.{k}" for k in ("A", *MADE_UP)),
        *("single.constvel.A", "single.binding01_single_scaling100.A"),
        *("multi.frozen.batch1", "multi.frozen.batch3", "multi.constvel.batch1"),
    }


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.double)


@pytest.mark.parametrize("seed", range(3))
def test_pair_metrics_are_those_of_full_matrices(seed):
    """Matching, stability and collision by the n x n matrix, diagonal included."""
    predicted, target = random(4, 7, 3, seed=seed), random(4, 7, 3, seed=seed + 9)
    numbers = torch.tensor([6, 7, 8, 16, 17, 6, 53])
    ours = torch.cdist(predicted, predicted)
    error = (ours - torch.cdist(target, target)).abs()
    radii = covalent_radii(numbers)
    torch.testing.assert_close(
        matching(predicted, target), error.square().mean(dim=(1, 2)).sqrt()
    )
    torch.testing.assert_close(
        stability(predicted, target),
        100 * (error <= 0.5).double().mean(dim=(1, 2)),
    )
    near = ours < radii[:, None] + radii
    torch.testing.assert_close(
        ligand_collision(predicted, numbers), 100 * near.double().mean(dim=(1, 2))
    )


def test_distances_of_a_known_displacement():
    """(3, -4, 0) Å is 7 Å by L1 and 5 Å by length."""
    start = random(2, 3, 3)
    moved = start + torch.tensor([3.0, -4.0, 0.0])
    torch.testing.assert_close(
        l1_distances(moved, start), 7 * torch.ones(2, 3).double()
    )
    torch.testing.assert_close(
        euclidean_distances(moved, start), 5 * torch.ones(2, 3).double()
    )


def test_one_atom_has_perfect_validity_whatever_it_does():
    """Its only pair is itself: matching 0, stability and collision 100."""
    predicted, target = random(3, 1, 3), random(3, 1, 3, seed=1)
    assert matching(predicted, target).tolist() == [0, 0, 0]
    assert stability(predicted, target).tolist() == [100, 100, 100]
    assert ligand_collision(predicted, torch.tensor([6])).tolist() == [100] * 3


def test_without_protein_binding_collision_is_undefined():
    """No obstacle, no share of collisions."""
    value = binding_collision(
        random(2, 3, 3), torch.full((3,), 6), random(0, 3), torch.zeros(0).long()
    )
    assert value.isnan().all()


def test_long_trajectories_are_scored_in_blocks(monkeypatch):
    """Blocks of pairs and of frames give what one pass gives."""
    predicted, target = random(5, 6, 3), random(5, 6, 3, seed=1)
    numbers, around = torch.full((6,), 6), 2 * random(40, 3, seed=2)
    kinds = torch.full((40,), 7)
    once = published_scores(predicted, target, numbers, around, kinds)
    monkeypatch.setattr("neuralmd_cli.analysis.pairs._VALUES_AT_ONCE", 10)
    monkeypatch.setattr(
        "neuralmd_cli.analysis.published_metrics._OBSTACLE_DISTANCES", 300
    )
    blocks = published_scores(predicted, target, numbers, around, kinds)
    for metric in METRICS:
        assert getattr(blocks, metric) == pytest.approx(getattr(once, metric))
    assert once.binding_collision > 0


def test_a_batch_takes_atoms_of_other_proteins():
    """Two residues and three: rows are mixed up; those of one complex alone are not."""
    residues = torch.tensor([0, 0, 1, 1, 1])
    assert published_batch_rows(residues, 0).tolist() == [0, 1, 5, 6, 10, 11]
    right = torch.arange(6).tolist()
    assert published_batch_rows(residues[:2], 0).tolist() == right


def test_published_speed_counts_snapshots_twice():
    """Ten complexes of 20 frames in 10 s: 20 snapshots/s, 400 by the formula."""
    assert published_fps(20, 10, 10.0) == 400


def test_elements_beyond_the_list_have_radii():
    """Selenium is not in the authors' list; carbon there is 0.69 Å."""
    radii = covalent_radii(torch.tensor([34, 6]))
    assert radii.tolist() == pytest.approx([1.20, 0.69], abs=0.05)
