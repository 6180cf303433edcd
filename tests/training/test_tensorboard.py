"""Event files that TensorBoard itself reads back."""

import sys

import pytest

from neuralmd_cli.errors import InputError
from neuralmd_cli.training.epoch import EpochResult
from neuralmd_cli.training.tensorboard import tensorboard_log

RESULTS = [
    EpochResult(epoch=0, stage="untrained", loss=None, learning_rate=0.0, seconds=0.0),
    EpochResult(
        epoch=1,
        stage="rollout",
        loss=0.5,
        learning_rate=1e-3,
        validation_skill=0.25,
        validation_mae=0.75,
        seconds=1.0,
    ),
    EpochResult(
        epoch=2, stage="rollout", loss=float("nan"), learning_rate=5e-4, seconds=2.0
    ),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_finite_number_is_read_back(tmp_path):
    """Names, epochs and values; what is missing or no number is left out."""
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with tensorboard_log(tmp_path / "tensorboard") as log:
        for result in RESULTS:
            log(result)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {
        name: [(x.step, pytest.approx(x.value)) for x in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }
    assert found == {
        "loss": [(1, 0.5)],
        "learning_rate": [(0, 0.0), (1, 1e-3), (2, 5e-4)],
        "validation_skill": [(1, 0.25)],
        "validation_mae": [(1, 0.75)],
    }


def test_without_tensorboard_it_says_how_to_get_it(tmp_path, monkeypatch):
    """The extra announces itself, and names the file that has the same numbers."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with (
        pytest.raises(InputError) as caught,
        tensorboard_log(tmp_path / "tensorboard"),
    ):
        pass
    assert "neuralmd[tensorboard]" in caught.value.hint
    assert "metrics.jsonl" in caught.value.hint
