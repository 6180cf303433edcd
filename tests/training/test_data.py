"""Splits give the parts they name, and say what is missing."""

import pytest

from neuralmd_cli.errors import InputError
from neuralmd_cli.training.data import load_parts, load_trajectory
from tests.toy_data import write_set, write_toy_set


def test_a_split_is_read_by_its_lists(tmp_path):
    """Test complexes are named and nothing more."""
    data, split = write_toy_set(tmp_path)
    parts = load_parts([data], str(split))
    assert [x.name for x in parts.train] == ["AAA1", "AAA2"]
    assert [x.name for x in parts.validation] == ["BBB1"]
    assert parts.test_names == ("CCC1",)
    assert parts.train[0] is parts.train[0]
    assert parts.train[0].obstacle_positions.shape[1] == 0


def test_a_complex_in_two_files_is_taken_from_both(tmp_path):
    """In the order of the split, then of the files."""
    data, split = write_toy_set(tmp_path)
    more = tmp_path / "more.hdf5"
    write_set(more, ["AAA2", "CCC1"])
    parts = load_parts([data, more], str(split))
    assert [x.name for x in parts.train] == ["AAA1", "AAA2", "AAA2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('train = ["AAA1"]\nextra = ["X"]', "'extra' is no part"),
        ('train = "AAA1"', "train is not a list"),
        ('train = ["AAA1"]\ntest = ["aaa1"]', "AAA1 is there more than once"),
        ('validation = ["AAA1"]', "nothing to train on"),
        ('train = ["AAA1", "ZZZ9"]', "1 of 2 complexes .* are not there \\(ZZZ9\\)"),
        ("train = [", "is not TOML"),
    ],
)
def test_wrong_splits_are_refused(tmp_path, content, message):
    """What is wrong, and in which file."""
    data, split = write_toy_set(tmp_path)
    split.write_text(content)
    with pytest.raises(InputError, match=message):
        load_parts([data], str(split))


def test_named_splits_say_how_to_get_their_data(tmp_path):
    """One command for MISATO's; a name that is none gets the list."""
    data, _ = write_toy_set(tmp_path)
    with pytest.raises(InputError) as error:
        load_parts([data], "misato-100")
    assert "neuralmd data fetch misato-100" in error.value.hint
    with pytest.raises(InputError, match="no split 'misato-7'"):
        load_parts([data], "misato-7")
    with pytest.raises(InputError, match="14 of 14 complexes of own-md"):
        load_parts([data], "own-md")


def test_one_trajectory_is_divided_in_time(tmp_path):
    """Training, then validation that begins with two training snapshots; no test."""
    data = tmp_path / "one.hdf5"
    write_set(data, ["4G3E"], frames=100)
    whole = load_parts([data], _split(tmp_path)).train[0].positions
    parts = load_trajectory([data], "4G3E", held=16)
    (train,), (validation,) = parts.train, parts.validation
    assert train.positions.equal(whole[:64])
    assert validation.positions.equal(whole[62:80])
    assert min(parts.validation_starts) == 1
    (everything,) = load_trajectory([data], "4G3E", held=0).train
    assert everything.positions.equal(whole[:80])


def _split(folder):
    path = folder / "all.toml"
    path.write_text('train = ["4G3E"]')
    return str(path)


def test_a_trajectory_that_is_not_there_or_too_short_is_refused(tmp_path):
    """By its name."""
    data, _ = write_toy_set(tmp_path)
    with pytest.raises(InputError, match="1 of 1 complexes of 9XYZ"):
        load_trajectory([data], "9XYZ", held=4)
    with pytest.raises(InputError, match="AAA1 has 20 snapshots, 16 of them"):
        load_trajectory([data], "AAA1", held=15)
