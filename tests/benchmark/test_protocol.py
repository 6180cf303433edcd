"""A protocol says which snapshots are seen and which are scored."""

import pytest
import torch

from neuralmd_cli.benchmark.cases import make_case
from neuralmd_cli.benchmark.protocol import PROTOCOLS, Protocol, choose_protocol
from neuralmd_cli.errors import InputError
from tests.benchmark.recordings import drifting, tumbling


@pytest.mark.parametrize(
    ("observe", "predict", "frames"), [(10, 10, 20), (80, 20, 100), (20, 80, 100)]
)
def test_a_window_is_seen_up_to_its_start_and_scored_after(observe, predict, frames):
    """As other groups cut it, with snapshots left over or not."""
    recording = drifting(0, frames + 3)
    protocol = choose_protocol(None, observe, predict, single=False)
    case = make_case(recording, protocol)
    assert len(case.observed) == observe
    assert torch.equal(case.recorded, recording.positions[observe:frames])
    start = recording.positions[observe - 1]
    ligand = case.complex.ligand.positions
    torch.testing.assert_close(case.to_recorded.of(ligand).float(), start)
    step = start - recording.positions[observe - 2]
    torch.testing.assert_close(case.displacement, step, atol=1e-5, rtol=0)


def test_a_single_structure_has_no_velocity_unless_it_is_leaked():
    """`multi` gives none; the paper's gives the step to the first scored snapshot."""
    recording = drifting(0)
    assert make_case(recording, PROTOCOLS["multi"]).displacement is None
    leaked = make_case(recording, PROTOCOLS["multi-published"])
    step = recording.positions[1] - recording.positions[0]
    torch.testing.assert_close(leaked.displacement, step)
    assert leaked.known == 1


def test_the_name_is_multi_for_a_split_and_single_for_a_trajectory():
    """Without a choice of the user."""
    assert choose_protocol(None, None, None, single=False).name == "multi"
    assert choose_protocol(None, None, None, single=True).name == "single"
    assert choose_protocol(None, 5, None, single=True).predict is None


@pytest.mark.parametrize("name", ["multi", "single"])
def test_both_targets_are_one_motion_seen_from_two_places(name):
    """A complex that tumbles as a whole has the pocket's targets of one at rest."""
    still = drifting(1, 100)
    at_rest = make_case(still, PROTOCOLS[name])
    moving = make_case(tumbling(still), PROTOCOLS[name])
    torch.testing.assert_close(moving.in_pocket, at_rest.in_pocket, atol=2e-4, rtol=0)
    back = moving.to_recorded.of(moving.complex.ligand.positions)
    start = tumbling(still).positions[PROTOCOLS[name].start]
    torch.testing.assert_close(back.float(), start, atol=2e-4, rtol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("best", None, None), "--protocol best: there is no such protocol"),
        (("multi", 10, None), "exclude each other"),
        ((None, 0, 5), "each must be at least 1"),
    ],
)
def test_a_protocol_that_is_none_is_refused(arguments, message):
    """With what there is."""
    with pytest.raises(InputError, match=message):
        choose_protocol(*arguments, single=False)


def test_a_recording_that_is_too_short_is_refused():
    """With its length and the length needed."""
    protocol = Protocol(name="w", about="", observe=20, predict=80)
    with pytest.raises(InputError, match="TOY0 has 30 snapshots; .* at least 100"):
        make_case(drifting(0), protocol)
    with pytest.raises(InputError, match="at least 31"):
        make_case(drifting(0), Protocol(name="w", about="", observe=30))


def test_a_system_may_be_shown_the_last_snapshot_alone():
    """It starts where one that is shown all starts, and is scored on the same."""
    recording = drifting(0, frames=12)
    every = make_case(recording, Protocol(name="x", about="", observe=8))
    last = make_case(recording, Protocol(name="x", about="", observe=8, shown=1))
    assert last.observed.equal(every.observed[-1:])
    assert last.displacement is None
    assert last.in_pocket.equal(every.in_pocket)
