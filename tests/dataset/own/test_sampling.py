"""The time between frames is the file's or the user's, and never a guess."""

import numpy as np
import pytest

from neuralmd_cli.dataset.own.sampling import sampling
from neuralmd_cli.errors import InputError

EVEN = np.arange(10) * 2.5 + 1000.0


def found(times, spacing_ps=None, frames=None):
    return sampling(
        times, spacing_ps=spacing_ps, frames=frames, source="run.xtc", n_frames=10
    )


def test_even_times_give_the_spacing():
    """Also as float32, far from zero."""
    assert found(EVEN).spacing_ps == 2.5
    late = (np.arange(10) * 80 + 1e6).astype(np.float32).astype(float)
    assert found(late).spacing_ps == 80


def test_the_users_word_counts_and_a_difference_is_told():
    """Files whose times are in another unit are common."""
    taken = found(EVEN, spacing_ps=10.0)
    assert taken.spacing_ps == 10.0
    assert taken.notes == ("run.xtc says 2.5 ps between frames; 10 ps were taken.",)
    assert found(EVEN, spacing_ps=2.5).notes == ()
    assert found(None, spacing_ps=4.0).spacing_ps == 4.0


def test_runs_joined_end_to_end_are_told_apart():
    """With the frames of each, and each of them can be taken."""
    times = np.concatenate([EVEN[:6], EVEN[:4]])
    with pytest.raises(InputError, match="1012.5 ps at frame 6, 1000 ps at") as caught:
        found(times)
    assert "Frames 1-6, 7-10 each go on without a break" in caught.value.hint
    assert found(times, frames=(7, 10)).spacing_ps == 2.5
    assert "first after frame 6" in found(times, spacing_ps=2.5).notes[0]


@pytest.mark.parametrize(
    ("times", "frames", "message"),
    [
        (EVEN**2, None, "times are not even"),
        (np.zeros(10), None, "times are not even"),
        (None, None, "does not say when"),
        (EVEN, (10, 99), "1 frame is taken"),
    ],
)
def test_what_gives_no_spacing_is_refused(times, frames, message):
    """No motion without a clock."""
    with pytest.raises(InputError, match=message):
        found(times, frames=frames)
