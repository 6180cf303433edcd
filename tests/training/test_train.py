"""A training from files to a folder, killed, resumed, and shared among processes."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from neuralmd_cli.errors import InputError, OutputError, TrainingError
from neuralmd_cli.training.folder import RunFolder
from neuralmd_cli.training.loop import StoppedOnRequestError
from neuralmd_cli.training.request import Request, make_request
from neuralmd_cli.training.train import command_of, train
from neuralmd_cli.weights.checkpoint import load_checkpoint
from neuralmd_cli.weights.model import load_model
from tests.toy_data import TINY, write_toy_set

ROOT = Path(__file__).parents[2]
KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from neuralmd_cli.training.folder import RunFolder
from neuralmd_cli.training.train import train

torch.set_num_threads(1)
folder = RunFolder(path=Path(sys.argv[1]))
batches = 0

def on_batch(done, of):
    global batches
    batches += 1
    if batches == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

train(
    folder.request(), folder, resume=True, on_batch=on_batch,
    save_seconds=float(sys.argv[3]), device="cpu",
)
"""


@pytest.fixture(scope="module")
def request_(tmp_path_factory) -> Request:
    data, split = write_toy_set(tmp_path_factory.mktemp("set"))
    return make_request(data=[data], split=str(split), settings=TINY)


@pytest.fixture(scope="module")
def whole(request_, tmp_path_factory) -> RunFolder:
    """A training that nothing disturbed: 3 epochs of 4 batches."""
    folder = RunFolder(path=tmp_path_factory.mktemp("whole") / "run")
    train(request_, folder, device="cpu")
    return folder


def begun(request_, path) -> RunFolder:
    """A folder with the request and no state yet."""
    folder = RunFolder(path=path)
    with pytest.raises(StoppedOnRequestError):
        train(request_, folder, device="cpu", should_stop=lambda: True)
    return folder


@pytest.mark.parametrize("save_seconds", [0.0, 1000.0])
def test_a_killed_training_ends_in_the_same_weights(
    request_, whole, tmp_path, save_seconds
):
    """SIGKILL in the middle of epoch 2, with a save before that batch, or none."""
    folder = begun(request_, tmp_path / "run")
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder.path), "7", str(save_seconds)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert len(folder.path.joinpath("metrics.jsonl").read_text().splitlines()) == 2
    train(folder.request(), folder, resume=True, device="cpu")
    assert folder.weights.read_bytes() == whole.weights.read_bytes()
    rows = [
        [json.loads(x) | {"seconds": 0} for x in file.read_text().splitlines()]
        for file in (f.path / "metrics.jsonl" for f in (folder, whole))
    ]
    assert rows[0] == rows[1]
    assert [x["epoch"] for x in rows[0]] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "settings",
    [
        ("optimiser=sgd", "momentum=0.9", "schedule=cosine"),
        ("optimiser=adam", "schedule=constant", "streams=each", "keep=last"),
    ],
)
def test_a_training_stopped_in_any_batch_ends_in_the_same_weights(
    request_, tmp_path, settings
):
    """Other optimisers and schedules, stopped and resumed after every third batch."""
    asked = make_request(request_, settings=settings)
    straight = RunFolder(path=tmp_path / "straight")
    train(asked, straight, device="cpu")
    folder, stops = RunFolder(path=tmp_path / "run"), 0
    while True:
        done: list[int] = []
        try:
            train(
                asked,
                folder,
                resume=stops > 0,
                device="cpu",
                on_batch=lambda k, n, done=done: done.append(k),
                should_stop=lambda done=done: len(done) == 3,
            )
            break
        except StoppedOnRequestError:
            stops += 1
    assert stops >= 3
    assert folder.weights.read_bytes() == straight.weights.read_bytes()


def test_two_processes_give_what_one_gives(request_, tmp_path):
    """torchrun with gloo, batches of three complexes of different sizes, float64."""
    asked = make_request(
        request_, settings=["streams=each", "batch_complexes=3", "precision=float64"]
    )
    alone = RunFolder(path=tmp_path / "alone")
    train(asked, alone, device="cpu")
    together = begun(asked, tmp_path / "together")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "neuralmd_cli", "train", "--resume"]
    child = subprocess.run(
        [*command, "-o", str(together.path), "--device", "cpu"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout.count("Wrote") == 1
    one, two = (load_checkpoint(x.weights).tensors for x in (alone, together))
    for key in one:
        torch.testing.assert_close(two[key], one[key], rtol=1e-6, atol=1e-12)
    start = load_checkpoint(begun(asked, tmp_path / "start").weights).tensors
    assert any((one[k] - start[k]).abs().max() > 1e-4 for k in one)


def test_one_stream_of_random_numbers_is_for_one_process(request_, monkeypatch):
    """Sharing it among several would change what is drawn."""
    from neuralmd_cli.training.group import Group
    from neuralmd_cli.training.loop import Trainer
    from neuralmd_cli.training.train import new_model, request_parts

    parts = request_parts(request_)
    recipe = replace(request_.setup.recipe, streams="shared")
    with pytest.raises(TrainingError, match="shared among 2") as error:
        Trainer(new_model(request_, parts), parts, recipe, seed=0, group=Group(size=2))
    assert "streams=each" in error.value.hint


def test_the_weights_say_where_they_come_from(request_, whole):
    """Data and split by hash, seed, the whole recipe as a command, validation."""
    loaded = load_model(whole.weights)
    metadata = load_checkpoint(whole.weights).metadata
    assert loaded.system.name == "neuralmd-ode"
    assert set(metadata.training_data) == {"toy.hdf5", "split.toml"}
    assert metadata.training_seed == 42
    assert "--split split.toml --data toy.hdf5 --seed 42" in metadata.training_command
    assert "--set window=2.0" in metadata.training_command
    assert set(metadata.metrics) >= {"validation_skill", "best_epoch"}
    assert metadata.training_command == command_of(request_)
    assert str(request_.data[0].parent) not in metadata.training_command


def test_a_training_leaves_the_global_generator_alone(request_, tmp_path):
    """Seeded inside, put back after."""
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    begun(request_, tmp_path / "run")
    assert torch.rand(1) == expected


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"settings": ["learning_rate=0.25"]}, "learning_rate was 0.0005 and is now"),
        ({"seed": 7}, "seed was 42 and is now 7"),
        ({"settings": ["network.channels=12"]}, "network.channels was 8 and is now 12"),
        ({"trajectory": "AAA1"}, "trajectory was None and is now 'AAA1'"),
    ],
)
def test_resuming_something_else_is_refused(whole, changes, named):
    """With every difference, and the training left as it was."""
    before = whole.state.read_bytes()
    with pytest.raises(TrainingError, match=named):
        train(make_request(whole.request(), **changes), whole, resume=True)
    assert whole.state.read_bytes() == before


def test_resuming_on_other_data_is_refused(request_, tmp_path):
    """The same names with other content."""
    data, split = write_toy_set(tmp_path)
    asked = make_request(data=[data], split=str(split), settings=TINY)
    folder = begun(asked, tmp_path / "run")
    split.write_text(split.read_text() + "# changed\n")
    with pytest.raises(TrainingError, match="sha256.split.toml was"):
        train(asked, folder, resume=True)


def test_folders_are_not_mixed_up(request_, whole, tmp_path):
    """No second training in one, nothing to resume in an empty one, no damage."""
    with pytest.raises(OutputError, match="holds a training already"):
        train(request_, whole)
    with pytest.raises(TrainingError, match="holds no training to resume"):
        RunFolder(path=tmp_path).request()
    folder = begun(request_, tmp_path / "run")
    folder.state.write_bytes(folder.state.read_bytes()[:100])
    with pytest.raises(TrainingError, match="is not the state of this training"):
        train(request_, folder, resume=True)
    (folder.path / "training.json").write_text("{")
    with pytest.raises(TrainingError, match="is damaged"):
        folder.request()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "gpt"}, "this model is not known"),
        ({"settings": ["system.stp_ps=4"]}, "table \\[system\\] does not fit"),
        ({"settings": ["window=9"]}, "AAA1 has 20 snapshots, 10 ps apart; a window"),
        ({"settings": ["validation_starts=40"]}, "can start from none of 40"),
    ],
)
def test_what_cannot_be_trained_is_refused(request_, tmp_path, changes, message):
    """The model, its options, windows and starts that the data are too short for."""
    asked = make_request(request_, **changes)
    with pytest.raises((InputError, TrainingError), match=message):
        train(asked, RunFolder(path=tmp_path / "run"), device="cpu")


def test_requests_need_data_and_one_split(tmp_path):
    """And a model that the recipe is for."""
    data = [tmp_path / "x.hdf5"]
    with pytest.raises(InputError, match="--data is missing") as error:
        make_request(split="misato-1000")
    assert "neuralmd data fetch misato-1000" in error.value.hint
    with pytest.raises(InputError, match="nothing to train on"):
        make_request(data=data)
    with pytest.raises(InputError, match="exclude each other"):
        make_request(data=data, split="own-md", trajectory="4G3E")
    with pytest.raises(InputError, match="this recipe is for neuralmd-ode"):
        make_request(
            data=data,
            split="own-md",
            model="other",
            preset="published/misato-100-ode",
        )
