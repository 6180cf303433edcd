"""A checkpoint comes back as it was saved, and anything else is refused."""

import errno
import json
import os
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from neuralmd_cli.errors import OutputError, WeightsError
from neuralmd_cli.weights.checkpoint import (
    METADATA_KEY,
    load_checkpoint,
    save_checkpoint,
    write_whole,
)
from neuralmd_cli.weights.registry import file_sha256


def write_with(path, tensors, **changes):
    """A checkpoint whose metadata JSON has the given values."""
    values = json.loads(changes.pop("base"))
    save_file(tensors, path, {METADATA_KEY: json.dumps(values | changes)})


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path, tensors, metadata):
    """load(save(x)) == x, tensors and metadata, with the hash of the file."""
    path = tmp_path / "a.safetensors"
    sha256 = save_checkpoint(path, tensors, metadata)
    loaded = load_checkpoint(path)
    assert loaded.metadata == metadata
    assert loaded.sha256 == sha256 == file_sha256(path)
    assert loaded.n_parameters == 17
    assert set(loaded.tensors) == set(tensors)
    for key, tensor in tensors.items():
        assert loaded.tensors[key].dtype == tensor.dtype
        assert torch.equal(loaded.tensors[key], tensor)


def test_the_same_content_gives_the_same_bytes(tmp_path, tensors, metadata):
    """The order of insertion changes nothing; another value does."""
    swapped = dict(reversed(tensors.items()))
    config = dict(reversed(metadata.config.items()))
    first = save_checkpoint(tmp_path / "a", tensors, metadata)
    assert first == save_checkpoint(
        tmp_path / "b", swapped, replace(metadata, config=config)
    )
    assert first != save_checkpoint(
        tmp_path / "c", tensors, replace(metadata, training_seed=8)
    )


def test_tensors_that_share_memory_are_saved(tmp_path, metadata):
    """Tied weights are written twice."""
    whole = torch.arange(6.0)
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, {"whole": whole, "half": whole[::2]}, metadata)
    assert load_checkpoint(path).tensors["half"].tolist() == [0, 2, 4]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (torch.tensor([1.0, float("nan")]), "NaN"),
        (torch.tensor([float("inf")], dtype=torch.float64), "infinite"),
        (torch.ones(2, dtype=torch.float16), "float16"),
        (torch.ones(2, dtype=torch.bfloat16), "bfloat16"),
        (torch.ones(2, dtype=torch.bool), "bool"),
    ],
)
def test_bad_tensors_are_neither_saved_nor_loaded(
    tmp_path, metadata, tensors, value, problem
):
    """The message names file, tensor and problem."""
    path = tmp_path / "a.safetensors"
    message = rf"a\.safetensors: tensor layer\.bad .*{problem}"
    bad = tensors | {"layer.bad": value}
    with pytest.raises(WeightsError, match=message):
        save_checkpoint(path, bad, metadata)
    assert not path.exists()
    save_file(bad, path, {METADATA_KEY: metadata.to_json()})
    with pytest.raises(WeightsError, match=message):
        load_checkpoint(path)


def test_a_checkpoint_without_tensors_is_refused(tmp_path, metadata):
    """A model without weights is a mistake."""
    with pytest.raises(WeightsError, match="no tensor"):
        save_checkpoint(tmp_path / "a.safetensors", {}, metadata)


@pytest.mark.parametrize("value", [float("nan"), object(), torch.ones(1)])
def test_metadata_that_is_not_json_is_refused(tmp_path, tensors, metadata, value):
    """Metrics are finite numbers, config is JSON."""
    bad = replace(metadata, config={"x": value})
    with pytest.raises(WeightsError, match="metadata of checkpoint tiny"):
        save_checkpoint(tmp_path / "a.safetensors", tensors, bad)


def test_a_newer_format_asks_for_an_update(tmp_path, tensors, metadata):
    """The message says which formats are known."""
    path = tmp_path / "a.safetensors"
    write_with(path, tensors, base=metadata.to_json(), format=2, novelty="x")
    with pytest.raises(WeightsError, match="has checkpoint format 2") as caught:
        load_checkpoint(path)
    assert caught.value.hint == "Update neuralmd."


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "1"},
        {"format": 0},
        {"config": []},
        {"training_seed": None},
        {"extra": 1},
    ],
)
def test_damaged_metadata_is_refused(tmp_path, tensors, metadata, changes):
    """Another type, a missing or an unknown field is no checkpoint of ours."""
    path = tmp_path / "a.safetensors"
    write_with(path, tensors, base=metadata.to_json(), **changes)
    with pytest.raises(WeightsError, match="metadata is damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_metadata_of_another_shape_is_refused(tmp_path, tensors, text):
    """The JSON must be an object with a format number."""
    path = tmp_path / "a.safetensors"
    save_file(tensors, path, {METADATA_KEY: text})
    with pytest.raises(WeightsError, match="metadata is damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("foreign", [None, {"format": "pt"}])
def test_a_safetensors_file_of_others_is_refused(tmp_path, tensors, foreign):
    """Without our metadata the model is unknown."""
    path = tmp_path / "a.safetensors"
    save_file(tensors, path, foreign)
    with pytest.raises(WeightsError, match="no neuralmd metadata"):
        load_checkpoint(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_is_never_opened(tmp_path, tensors, legacy):
    """Both forms of torch.save are recognised by their first bytes."""
    path = tmp_path / "model.pth"
    torch.save(tensors, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match=r"model\.pth is a PyTorch pickle"):
        load_checkpoint(path)


def test_a_checkpoint_that_begins_like_a_pickle_is_read(tmp_path, tensors, metadata):
    """The length of its header, which comes first, may look like one."""
    path = tmp_path / "a.safetensors"
    for padding in range(512):
        padded = replace(metadata, training_command="x" * padding)
        save_checkpoint(path, tensors, padded)
        if path.read_bytes().startswith((b"\x80\x02", b"\x80\x03")):
            break
    assert path.read_bytes().startswith((b"\x80\x02", b"\x80\x03"))
    assert load_checkpoint(path).metadata == padded


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_truncated_file_is_refused(tmp_path, tensors, metadata, kept):
    """Wherever the cut is: in the header's length, the header, or the tensors."""
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, tensors, metadata)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        load_checkpoint(path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    """Text is no checkpoint."""
    path = tmp_path / "notes.txt"
    path.write_text("These are not weights.")
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        load_checkpoint(path)


def test_a_missing_file_is_named(tmp_path):
    """A file that is not there, and a folder, are told apart from damage."""
    with pytest.raises(WeightsError, match=r"gone.*No such file"):
        load_checkpoint(tmp_path / "gone.safetensors")
    with pytest.raises(WeightsError, match="directory"):
        load_checkpoint(tmp_path)


def test_a_failed_save_leaves_nothing(tmp_path, tensors, metadata):
    """No half-written file, whether the folder is missing or the name is taken."""
    with pytest.raises(OutputError, match="cannot be written"):
        save_checkpoint(tmp_path / "gone" / "a", tensors, metadata)
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(OutputError, match="cannot be written"):
        save_checkpoint(tmp_path / "taken", tensors, metadata)
    assert [x.name for x in tmp_path.iterdir() if x.is_file()] == []


def test_what_finds_no_space_is_one_error_and_the_old_file_stays(tmp_path, monkeypatch):
    """Nor does anything else stay."""
    path = tmp_path / "metrics.jsonl"
    write_whole(path, b"old")

    def full(file, content):
        file.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OutputError, match="metrics.jsonl cannot be written: No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [x.name for x in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_what_a_killed_process_left_is_written_over(tmp_path, monkeypatch):
    """Its temporary file has one name, so that none are heaped up."""
    path = tmp_path / "metrics.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", lambda file, target: os._exit(9))
        child = os.fork()
        if not child:
            write_whole(path, b"half")
        os.waitpid(child, 0)
    assert len(list(tmp_path.iterdir())) == 1
    write_whole(path, b"new")
    assert [x.name for x in tmp_path.iterdir()] == ["metrics.jsonl"]
    assert path.read_bytes() == b"new"
