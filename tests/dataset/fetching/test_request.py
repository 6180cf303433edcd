"""What a user asks for is understood or named, before any network."""

import pytest

from neuralmd_cli.dataset.fetching.request import requested
from neuralmd_cli.dataset.fetching.source import MISATO, data_url
from neuralmd_cli.dataset.splits import misato_ids, peptides
from neuralmd_cli.errors import InputError

ELSEWHERE = "http://127.0.0.1/own.hdf5"


def test_splits_ids_and_files_are_understood(tmp_path):
    """Ids in any case, doubles once; each with a name for its file."""
    assert len(requested("misato-100", url=MISATO.url).ids) == 100
    part = requested("misato-100", "test", url=MISATO.url)
    assert (len(part.ids), part.file_name) == (10, "misato-100-test.hdf5")
    one = requested("4g3e", url=MISATO.url)
    assert (one.ids, one.file_name) == (("4G3E",), "4G3E.hdf5")
    two = requested("5WIJ, 4G3E,5wij,", url=MISATO.url)
    assert (two.ids, two.file_name) == (("5WIJ", "4G3E"), "misato-selection.hdf5")
    (tmp_path / "mine.txt").write_text("4g3e\n5WIJ\n")
    listed = requested(str(tmp_path / "mine.txt"), url=MISATO.url)
    assert (listed.ids, listed.file_name) == (("4G3E", "5WIJ"), "mine.hdf5")


@pytest.mark.parametrize(
    ("target", "message", "hint"),
    [
        ("9ZZZ,4G3E,8ZZZ", "9ZZZ, 8ZZZ is neither a split nor in MISATO", ""),
        ("misato-10", "MISATO-10 is neither", "misato-100"),
        ("4G3Q", "4G3Q is neither", "6G3Q"),
        (",", "',' is neither", "misato-all"),
        ("own-md", "CDK2, HSP90, JAK1, JAK2, TYK2 and 13 more", ""),
    ],
)
def test_unknown_complexes_are_named(target, message, hint):
    """With what is near them."""
    with pytest.raises(InputError, match=message) as caught:
        requested(target, url=MISATO.url)
    assert hint in caught.value.hint


def test_peptides_are_refused_by_name():
    """Wherever the file is."""
    peptide = min(peptides() & misato_ids())
    for url in (MISATO.url, ELSEWHERE):
        with pytest.raises(InputError, match=f"{peptide}: the ligand is a peptide"):
            requested(f"4G3E,{peptide}", url=url)


def test_another_file_may_hold_anything():
    """Only MISATO's own list is known."""
    assert requested("own-md", "test", url=ELSEWHERE).ids[0] == "BRD4"
    assert requested("X1", url=ELSEWHERE).ids == ("X1",)


def test_single_complexes_have_no_parts():
    """The message names what was asked for."""
    with pytest.raises(InputError, match="4G3E has no part 'test'"):
        requested("4G3E", "test", url=MISATO.url)


def test_the_address_may_be_given_or_set(monkeypatch):
    """The argument goes before the variable, and that before Zenodo."""
    monkeypatch.delenv("NEURALMD_DATA_URL", raising=False)
    assert data_url() == MISATO.url
    monkeypatch.setenv("NEURALMD_DATA_URL", ELSEWHERE)
    assert data_url() == ELSEWHERE
    assert data_url("http://other") == "http://other"
