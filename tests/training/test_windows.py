"""Windows hold what they should, and nothing later than they may."""

from dataclasses import replace

import pytest
import torch

from neuralmd_cli.errors import TrainingError
from neuralmd_cli.training.data import Parts
from neuralmd_cli.training.loop import Trainer, Watch
from neuralmd_cli.training.recipe import Recipe
from neuralmd_cli.training.windows import (
    Place,
    draw,
    make_window,
    streams,
    window_times,
)
from tests.toy import toy_model
from tests.toy_data import recording

PLACE = Place(device=torch.device("cpu"), dtype=torch.float64)
PLAIN = Recipe(
    velocity_rules=("zero",), target_window_ps=0.0, start_noise=0.0, streams="each"
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def windows(recipe, recordings, times=(10.0, 20.0, 30.0), seed=0):
    own, _ = streams(recipe, len(recordings), seeded(seed))
    pairs = zip(recordings, own, strict=True)
    drawn = [draw(r, recipe, times, g) for r, g in pairs]
    return drawn, make_window(drawn, recipe, times, PLACE)


@pytest.mark.parametrize("protein", ["start", "first"])
def test_targets_are_the_snapshots_after_the_start(protein):
    """In the window's own coordinates, in which the protein is where it was."""
    one = recording(0)
    recipe = replace(PLAIN, protein=protein)
    (drawn,), window = windows(recipe, [one])
    centre = one.positions[drawn.start] - window.start.batch.positions
    later = one.positions[drawn.start + 1 : drawn.start + 4]
    torch.testing.assert_close(window.targets, later - centre)
    frame = drawn.start if protein == "start" else 0
    ca = one.backbone[frame, :, 1]
    torch.testing.assert_close(window.start.batch.ca, ca - centre[0])


def test_an_averaged_target_leaves_out_the_start():
    """The mean over a window around the time, cut off at the start."""
    one = recording(0)
    (drawn,), window = windows(replace(PLAIN, target_window_ps=60.0), [one])
    centre = one.positions[drawn.start] - window.start.batch.positions
    k = drawn.start
    torch.testing.assert_close(
        window.targets[0] + centre, one.positions[k + 1 : k + 5].mean(dim=0)
    )


def test_noise_moves_the_start_but_not_the_targets():
    """By the size asked for."""
    one = recording(0, atoms=40)
    _, clean = windows(PLAIN, [one])
    _, noisy = windows(replace(PLAIN, start_noise=0.1), [one])
    moved = noisy.start.batch.positions - clean.start.batch.positions
    assert 0.05 < moved.std() < 0.2
    torch.testing.assert_close(noisy.targets, clean.targets)


def test_starts_are_anywhere_or_at_the_first_snapshot():
    """Random ones reach from the first to the last that leaves a whole window."""
    one = recording(0, frames=8)
    starts = {windows(PLAIN, [one], seed=k)[0][0].start for k in range(60)}
    assert starts == {0, 1, 2, 3, 4}
    first = replace(PLAIN, starts="first")
    assert {windows(first, [one], seed=k)[0][0].start for k in range(9)} == {0}


@pytest.mark.parametrize(("displacement", "shift"), [("previous", 0), ("next", 1)])
def test_a_displacement_is_from_the_snapshot_it_says(displacement, shift):
    """The one before the start, or the one after it, as the paper has it."""
    recipe = replace(PLAIN, velocity_rules=("displacement",), displacement=displacement)
    starts = set()
    one = recording(0, frames=8)
    for seed in range(30):
        (drawn,), window = windows(recipe, [one], seed=seed)
        starts.add(drawn.start)
        expected = one.positions.diff(dim=0)[drawn.start - 1 + shift]
        torch.testing.assert_close(window.start.displacement, expected)
    assert min(starts) == 1 - shift


def test_a_window_does_not_depend_on_the_rest_of_its_batch():
    """With streams = each: the second of three is the same whoever the others are."""
    recipe = replace(PLAIN, start_noise=0.1)
    _, one = windows(recipe, [recording(0), recording(1), recording(2)])
    _, two = windows(recipe, [recording(3), recording(1), recording(4)])
    rows = slice(9, 18)
    torch.testing.assert_close(
        one.start.batch.positions[rows], two.start.batch.positions[rows]
    )
    torch.testing.assert_close(one.targets[:, rows], two.targets[:, rows])


def test_window_lengths_are_in_the_unit_given():
    """Steps of the model, snapshots, or ps; random lengths up to it."""

    def times(**changes):
        recipe = replace(PLAIN, **changes)
        return window_times(recipe, 40.0, 10.0, seeded())

    assert times(window=2.0, window_unit="steps") == (40.0, 80.0)
    assert times(window=3.0, window_unit="snapshots") == (10.0, 20.0, 30.0)
    assert times(window=25.0, window_unit="ps") == (10.0, 20.0)
    recipe = replace(PLAIN, window=4.0, random_length=True)
    generator = seeded()
    lengths = {len(window_times(recipe, 1.0, 1.0, generator)) for _ in range(60)}
    assert lengths == {1, 2, 3, 4}


def test_a_recording_shorter_than_the_window_is_named():
    """Instead of targets that are not there."""
    with pytest.raises(TrainingError, match="TOY0 has 3 snapshots, 10 ps apart"):
        windows(PLAIN, [recording(0, frames=3)])


def test_windows_of_one_recording_share_its_protein():
    """It is encoded once, and the forces are those of encoding it for each window."""
    model = toy_model()
    recipe = replace(PLAIN, protein="first", start_noise=0.1)
    one, other = recording(0), recording(1)
    _, window = windows(recipe, [one, other, one, one])
    batch = window.start.batch
    assert batch.same_protein == (0, 1, 0, 0)
    apart = replace(batch, same_protein=())
    shared, alone = (model.binding_net.encode_protein(x) for x in (batch, apart))
    torch.testing.assert_close(shared.features, alone.features)
    torch.testing.assert_close(shared.frames, alone.frames)
    forces = [
        model.binding_net.forces(batch, batch.positions, protein)
        for protein in (shared, alone)
    ]
    torch.testing.assert_close(*forces)


def test_test_snapshots_never_reach_a_training():
    """A single trajectory whose last fifth is no number trains to the same weights."""
    from neuralmd_cli.training.data import divided_in_time

    whole = recording(0, frames=20)
    spoilt = replace(whole, positions=whole.positions.clone())
    spoilt.positions[16:] = float("nan")
    recipe = replace(
        PLAIN, pull_epochs=1, epochs=1, window=1.0, starts_per_epoch=4, start_noise=0.1
    )
    weights = []
    for one in (whole, spoilt):
        parts: Parts = divided_in_time(one, held=4)
        assert parts.train[0].n_frames == 12
        model = toy_model(friction_per_ps=0.025, tether_per_ps2=1e-4, step_ps=20.0)
        trainer = Trainer(model, parts, recipe, seed=0)
        trainer.run(Watch())
        weights.append(trainer.best_weights)
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])
