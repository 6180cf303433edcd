"""Splits have the published sizes, share no complex, and users' own are checked."""

import random

import pytest

from neuralmd_cli.dataset.splits import (
    FAMILIES,
    SINGLE,
    load_split,
    misato_ids,
    official,
    peptides,
    split_names,
)
from neuralmd_cli.errors import InputError

SIZES = {
    "misato-all": (13_066, 1_357, 1_357),
    "misato-1000": (800, 100, 100),
    "misato-100": (80, 10, 10),
}


@pytest.mark.parametrize("name", SIZES)
def test_splits_of_misato_have_their_published_sizes(name):
    """And hold no peptide, in whatever case it is listed."""
    split = load_split(name)
    assert tuple(len(split.part(p)) for p in ("train", "val", "test")) == SIZES[name]
    assert set(split.ids) <= misato_ids()
    assert not {x.upper() for x in split.ids} & peptides()


@pytest.mark.parametrize("name", split_names())
def test_no_complex_is_in_two_parts(name):
    """Of any split; and the parts make up the whole."""
    ids = load_split(name).ids
    assert len(set(ids)) == len(ids) > 0


def test_the_official_lists_are_misatos(shared):
    """Word for word, peptides included."""
    folder = shared / "data" / "misato_schema" / "splits"
    for part in ("train", "val", "test"):
        assert list(official(part)) == (folder / f"{part}_MD.txt").read_text().split()
    listed = (folder / "peptides.txt").read_text().split()
    assert peptides() == {x.upper() for x in listed}
    assert len(misato_ids()) == 16_972


@pytest.mark.parametrize("size", [100, 1000])
def test_subsets_follow_the_papers_recipe(size):
    """As its code draws them: the global generator, seeded with 42."""
    state = random.getstate()
    ids = sorted(misato_ids())
    random.seed(42)
    random.shuffle(ids)
    random.setstate(state)
    kept = [x for x in ids if x not in peptides()][:size]
    split = load_split(f"misato-{size}")
    assert list(split.ids) == kept
    assert list(split.part("test")) == kept[size * 9 // 10 :]


def test_single_trajectories_are_in_the_training_list():
    """All ten; they are divided in time, so there are no parts to ask for."""
    split = load_split("misato-single")
    assert split.ids == SINGLE
    assert set(SINGLE) <= set(official("train"))
    with pytest.raises(InputError, match="has no part 'test'") as caught:
        split.part("test")
    assert "--part" in caught.value.hint


def test_folds_test_every_complex_once_and_keep_families_together():
    """Of our own MD set; the fixed split keeps families together as well."""
    folds = [load_split(f"own-md-fold-{k}") for k in range(1, 6)]
    own = load_split("own-md")
    tested = [x for fold in folds for x in fold.part("test")]
    assert sorted(tested) == sorted(own.ids)
    for split in (own, *folds):
        assert set(split.ids) == set(own.ids)
        for family in FAMILIES:
            assert sum(bool(set(family) & set(x)) for x in split.parts.values()) == 1


def test_our_own_ids_are_those_of_the_data(shared):
    """The groups of the HDF5 file."""
    lines = (shared / "data" / "md" / "droplet_4ps.csv").read_text().splitlines()[1:]
    assert sorted(load_split("own-md").ids) == sorted(x.split(",")[0] for x in lines)


def test_a_users_toml_is_read(tmp_path):
    """With val or validation, in the order train, val, test; parts may be missing."""
    path = tmp_path / "mine.toml"
    path.write_text('test = ["C"]\ntrain = ["A"]\nvalidation = ["B"]\n')
    split = load_split(str(path))
    assert split.ids == ("A", "B", "C")
    assert split.part("val") == ("B",)
    path.write_text('train = ["A"]')
    with pytest.raises(InputError, match=r"mine\.toml has no part 'val'") as caught:
        load_split(str(path)).part("val")
    assert "It has train" in caught.value.hint


def test_a_users_list_is_read(tmp_path):
    """Blank lines and comments do not count."""
    path = tmp_path / "mine.txt"
    path.write_text("# mine\n1ABC\n\n  2ABC  # good\n")
    assert load_split(str(path)).ids == ("1ABC", "2ABC")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", 'trian = ["A"]', "'trian' is no part"),
        ("a.toml", 'train = "A"', "train is not a list of ids"),
        ("a.toml", "train = [1]", "train is not a list of ids"),
        ("a.toml", 'val = ["A"]\nvalidation = ["B"]', "both val and validation"),
        ("a.toml", 'train = ["1abc"]\ntest = ["1ABC"]', "1ABC is there more than once"),
        ("a.toml", "train = [", "cannot be read as a split"),
        ("a.toml", "train = []", "names no complex"),
        ("a.txt", "1ABC\n1ABC\n2ABC\n2ABC", "1ABC, 2ABC are there more than once"),
        ("a.txt", "1ABC\n1ABC,2ABC 3ABC", "line 2 has 2 words"),
        ("a.txt", "# nothing", "names no complex"),
        ("a.txt", b"\xff\xfe", "cannot be read as a split"),
    ],
)
def test_a_users_mistake_is_named(name, text, message, tmp_path):
    """With the file."""
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as caught:
        load_split(str(path))
    assert name in caught.value.message


def test_an_unknown_split_is_named(tmp_path):
    """The hint lists those there are."""
    with pytest.raises(InputError, match="no split or file named misato-10") as caught:
        load_split("misato-10")
    assert "misato-100" in caught.value.hint
