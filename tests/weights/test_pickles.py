"""Tensors come out of a PyTorch file; nothing else does, and no code is run."""

import pickle
import random
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file

from neuralmd_cli.errors import WeightsError
from neuralmd_cli.weights.pickles import read_state

STATE = OrderedDict(a=torch.arange(6.0).reshape(2, 3), b=torch.tensor(4))


class Evil:
    """Creates a file when unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("content", [{"binding_model": STATE}, STATE])
def test_tensors_come_out_as_they_went_in(tmp_path, content, zipped):
    """With or without the entry, in both forms of torch.save."""
    path = tmp_path / "model.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    state = read_state(path)
    assert set(state) == {"a", "b"}
    assert torch.equal(state["a"], STATE["a"])
    assert torch.equal(state["b"], STATE["b"])


@pytest.mark.parametrize("form", ["zip", "legacy", "plain", "beside"])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path, form):
    """Its code would create a file, and with a plain unpickler does."""
    path, target = tmp_path / "model.pth", tmp_path / "ran"
    evil = Evil(target)
    if form == "plain":
        path.write_bytes(pickle.dumps({"binding_model": evil}))
    else:
        content = {"binding_model": {**STATE, "x": evil} if form == "beside" else evil}
        torch.save(content, path, _use_new_zipfile_serialization=form != "legacy")
    with pytest.raises(WeightsError, match="nothing in it was run") as caught:
        read_state(path)
    assert not target.exists()
    assert "not to be trusted" in caught.value.hint
    if form != "plain":
        torch.load(path, weights_only=False)
    else:
        pickle.loads(path.read_bytes())
    assert target.exists()  # the test would have noticed


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            {"binding_model": STATE, "optimizer": {}, "epoch": 3},
            "holds epoch, optimizer",
        ),
        ({"binding_model": {}}, "no state dict"),
        ({"binding_model": [torch.ones(1)]}, "no state dict"),
        ({"model": STATE}, "no state dict"),
        ({"a": torch.ones(1), "b": 1.0}, "no state dict"),
        ({1: torch.ones(1)}, "no state dict"),
        ({"a": torch.eye(2).to_sparse()}, "no state dict"),
        ({}, "no state dict"),
        ([1, 2], "no state dict"),
        (torch.ones(3), "no state dict"),
    ],
)
def test_anything_but_one_state_dict_is_refused(tmp_path, content, problem):
    """The message says what was found or missed."""
    path = tmp_path / "model.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=problem):
        read_state(path)


def test_files_of_other_kinds_are_refused(tmp_path):
    """Safetensors need no import; text, nothing, a folder or no file are named."""
    path = tmp_path / "model.pth"
    save_file(dict(STATE), path)
    with pytest.raises(WeightsError, match="is a safetensors file"):
        read_state(path)
    for content in (b"", b"text\n", b"PK\x03\x04", b"\x80\x02", b"<html>" * 100):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="not a whole PyTorch file"):
            read_state(path)
    with pytest.raises(WeightsError, match="directory"):
        read_state(tmp_path)
    with pytest.raises(WeightsError, match="No such file"):
        read_state(tmp_path / "gone.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, zipped):
    """One message for every cut."""
    path = tmp_path / "model.pth"
    torch.save({"binding_model": STATE}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for kept in range(0, len(whole) - 1, max(1, len(whole) // 150)):
        path.write_bytes(whole[:kept])
        with pytest.raises(WeightsError, match="not a whole PyTorch file"):
            read_state(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_bytes_give_tensors_or_one_error(tmp_path, zipped):
    """Whatever PyTorch raises on random damage, the user gets a message."""
    path = tmp_path / "model.pth"
    torch.save({"binding_model": STATE}, path, _use_new_zipfile_serialization=zipped)
    whole, draw, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[draw.randrange(min(len(damaged), 600))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            read_state(path)
        except WeightsError:
            refused += 1
    assert refused > 100
